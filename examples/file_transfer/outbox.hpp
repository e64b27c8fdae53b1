// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the receiver of files says: frames are collected and sent together, and silence is broken every 2 seconds.

#include <parley/core/task.hpp>
#include <parley/net/socket.hpp>

#include <cstddef>
#include <string>

#include "timing.hpp"
#include "wakeup.hpp"
#include "wire.hpp"

namespace file_transfer {

class Outbox {
 public:
  /// Not read by the peer: beyond this the connection is given up. What it is asked for is bounded by max_offers, and so
  /// is what it is told.
  static constexpr std::size_t limit = std::size_t{8} << 20;

  template <class Frame>
  void add(const Frame& frame) {
    append(text_, frame);
    wakeup_.notify();
  }
  void add_bytes(std::string_view bytes) {
    text_ += bytes;
    wakeup_.notify();
  }
  bool overflows() const { return text_.size() > limit; }
  /// run() ends once all is sent.
  void close() {
    closed_ = true;
    wakeup_.notify();
  }

  /// Sends until it is closed, or the connection fails, which it then shuts down for both directions.
  parley::Task<> run(parley::Socket& socket) {
    std::string sending;
    while (!text_.empty() || !closed_) {
      if (text_.empty()) {
        const auto woken = co_await wakeup_.wait().within(alive_every);
        if (woken.error() == parley::Error::cancelled) co_return;
        if (woken.error() == parley::Error::timed_out) append(text_, FrameType::alive);
        continue;
      }
      sending.swap(text_);
      const auto sent = co_await socket.send_all(sending).within(server_patience);
      if (!sent) {
        static_cast<void>(socket.shutdown(parley::ShutdownWay::both));
        co_return;
      }
      sending.clear();
      if (sending.capacity() > max_control) std::string().swap(sending);
    }
  }

 private:
  std::string text_;
  Wakeup wakeup_;
  bool closed_ = false;
};

}  // namespace file_transfer
