// SPDX-License-Identifier: BSL-1.0
#pragma once

// What `tcp_chat client` can be told.

#include <parley/net/address.hpp>

#include <cstdint>
#include <string>

namespace tcp_chat {

struct ClientOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
  std::string name;
  std::string room;
  std::string compat;                 // empty: the chat of README.md
  std::uint32_t link_timeout_s = 60;  // for anything to be heard of the server's system
  bool json = false;
  bool no_color = false;
};

/// What is wrong with what was given for a host, which is easily a port, or both in one; empty: nothing.
inline std::string problem_of_host(const std::string& host) {
  const bool is_number = host.find_first_not_of("0123456789") == host.npos;
  const bool has_colon = host.find(':') != host.npos;
  if (!is_number && (!has_colon || parley::Address::ip(host, 0))) return {};
  return host + " is no host; say HOST PORT, as in 127.0.0.1 8000";
}

}  // namespace tcp_chat
