// SPDX-License-Identifier: BSL-1.0
#pragma once
// `tcp_chat server` as its users start it, in a process of its own, with what it prints read away.

#include "support/server_process.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace bench {

class ChatProgram {
 public:
  /// Starts it on a free port, pinned to the server's processor. Failures, here and below, end this process with a
  /// message.
  explicit ChatProgram(const std::string& path);
  /// Kills it.
  ~ChatProgram();
  ChatProgram(const ChatProgram&) = delete;
  ChatProgram& operator=(const ChatProgram&) = delete;

  std::uint16_t port() const { return port_; }
  MemoryUse memory() const { return memory_of(pid_); }
  /// Reads what it has printed; without it the pipe would fill up.
  void drain();

 private:
  void wait_for_port();

  pid_t pid_ = -1;
  int output_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace bench
