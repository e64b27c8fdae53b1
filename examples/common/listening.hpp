// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a server says when it listens: where, who can reach it, and how to join.

#include <parley/net/address.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "output.hpp"

namespace common {

/// "127.0.0.1:8000", "[::1]:8000", "localhost:8000": what was asked for, for messages.
inline std::string endpoint(const std::string& host, std::uint16_t port) {
  const bool needs_brackets = host.find(':') != std::string::npos;
  return (needs_brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// Where a client on this machine finds a server that listens there: any interface means loopback too.
inline std::string reachable_host(const parley::Address& at) { return at.is_any() ? "127.0.0.1" : at.host(); }

/// The options with which one of our clients finds it: "--port 8000", with --host where that is not the default.
inline std::string client_options(const parley::Address& at) {
  const std::string host = reachable_host(at);
  return (host == "127.0.0.1" ? "" : "--host " + host + " ") + "--port " + std::to_string(at.port());
}

/// "nc 127.0.0.1 8000"
inline std::string nc_command(const parley::Address& at) {
  return "nc " + reachable_host(at) + " " + std::to_string(at.port());
}

/// Prints it: the address first, at the end of its line. Each way to join is a command that can be copied.
inline void announce(const parley::Address& at, const std::vector<std::string>& ways_to_join) {
  print_line("listening on " + at.to_string());
  print_line(at.is_loopback() ? "only this machine can reach it; --host 0.0.0.0 lets other machines in"
                              : "other machines can reach it; --host 127.0.0.1 keeps it to this one");
  std::string_view label = "join it with  ";
  for (const std::string& way : ways_to_join) {
    print_line(std::string(label) + way);
    label = "or with       ";
  }
}

}  // namespace common
