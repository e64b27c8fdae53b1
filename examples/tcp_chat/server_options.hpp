// SPDX-License-Identifier: BSL-1.0
#pragma once

// What `tcp_chat server` can be told.

#include <cstdint>
#include <string>

namespace tcp_chat {

struct ServerOptions {
  static constexpr std::uint32_t max_threads = 64;
  static constexpr std::uint32_t most_in_line = std::uint32_t{1} << 31;  // what a LineReader takes

  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
  std::string unix_path;
  std::string compat;             // empty: the chat of README.md
  std::uint32_t threads = 1;      // at most max_threads
  std::uint32_t max_clients = 0;  // 0: what the descriptors allow
  std::uint32_t max_line = 4096;  // bytes
  std::uint32_t history = 20;     // messages that a newcomer gets
  std::uint32_t rate = 20;        // messages a second from each client; 0: any
  std::uint64_t max_lag = std::uint64_t{1} << 20;
  std::string slow = "disconnect";
  std::uint32_t name_timeout_s = 30;
  std::uint32_t idle_timeout_s = 0;     // 0: none
  std::uint32_t link_timeout_s = 60;    // for anything to be heard of a client's system
  std::uint32_t resume_timeout_s = 60;  // for who was cut off to come back
  std::string motd;
  std::string password_file;
  std::string log = "text";
  std::uint32_t stats_every_s = 0;  // 0: never
  bool log_messages = false;
  bool quiet = false;
};

}  // namespace tcp_chat
