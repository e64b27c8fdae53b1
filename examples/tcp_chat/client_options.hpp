// SPDX-License-Identifier: BSL-1.0
#pragma once

// What `tcp_chat client` can be told.

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

}  // namespace tcp_chat
