// SPDX-License-Identifier: BSL-1.0
#pragma once

// A connection of tcp_chat's server and client over ReliableUdp.

#include <parley/core/task.hpp>
#include <parley/io/byte_stream.hpp>
#include <parley/io/reliable_stream.hpp>
#include <parley/net/reliable_udp.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "path_quality.hpp"

namespace udp_chat {

/// So that who was killed, or whose network has gone, is noticed soon; and that there is room for one who is behind.
inline parley::ReliableOptions chat_settings() {
  parley::ReliableOptions settings;
  settings.idle_timeout = std::chrono::seconds(10);
  settings.keepalive = std::chrono::seconds(2);
  return settings;
}

/// A ByteStream that has its connection with it. Moves also while it is in use. Destroying it has the peer still get what
/// was sent, as far as that is possible without waiting.
class ReliableConnection {
 public:
  explicit ReliableConnection(parley::ReliableUdp peer) : open_(std::make_unique<Open>(std::move(peer))) {}

  parley::Step poll_recv(parley::Operation& operation, parley::MutableBytes room, std::size_t& count) {
    return open_->stream.poll_recv(operation, room, count);
  }
  parley::Step poll_send(parley::Operation& operation, std::span<const parley::ConstBytes> pieces, std::size_t skip,
                         std::size_t& count) {
    return open_->stream.poll_send(operation, pieces, skip, count);
  }
  parley::Result<> shutdown(parley::ShutdownWay way) { return open_->stream.shutdown(way); }
  std::nullptr_t descriptor() const noexcept { return nullptr; }
  void leave(parley::Operation& operation) noexcept { open_->stream.leave(operation); }

  /// Closes it, and waits for a moment until the peer has what was sent.
  parley::Task<> finish() { static_cast<void>(co_await open_->peer.close().stop({}).within(std::chrono::seconds(1))); }
  /// How good the way is, in words; each line but the last with its end.
  std::string quality() const { return open_->peer ? path_quality(open_->peer) : std::string(); }

 private:
  struct Open {
    explicit Open(parley::ReliableUdp connected) noexcept : peer(std::move(connected)), stream(peer) {}
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() { static_cast<void>(peer.shutdown_send()); }

    parley::ReliableUdp peer;
    parley::ReliableStream stream;
  };

  std::unique_ptr<Open> open_;
};

static_assert(parley::ByteStream<ReliableConnection>);

}  // namespace udp_chat
