// SPDX-License-Identifier: BSL-1.0
#pragma once

// RelayedSocket: a socket that one loop serves and another one uses, as a ByteStream.
//
// For programs whose state belongs to one loop, and whose system calls are too many for it: the other loop receives and
// sends, this one only exchanges bytes with it. Whatever works on a stream works on this one, a room's member too.
//
//   auto stream = RelayedSocket::serve_on(pool.next().loop(), std::move(peer));
//   LineReader lines{*stream};
//
// Backpressure: the serving loop receives no more until what it has handed over is taken, and takes from the queue only
//               what the socket has room for.

#include <parley/io/detail/relay.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace parley::inline PARLEY_ABI {

struct RelayOptions {
  /// Bytes that are handed over at once from the socket to the stream, which must have taken them before more is
  /// received; 4 to 16,384 (what is beyond counts as the nearest of these).
  std::size_t max_batch = 16384;
  /// Bytes that were sent on the stream and not yet taken over by the serving loop, which has as many in hand at most;
  /// at least 1 (0 counts as 1).
  std::size_t max_queue = 65536;
  /// Once the stream is gone: how long the serving loop waits for a peer that does not take all of what is in hand;
  /// then the rest is dropped. At most three times that passes until the socket is closed.
  Duration linger = std::chrono::seconds(2);
};

/// Moves, while nothing uses it as a stream. Destroying it does not wait: the serving loop sends what is queued, as long
/// as the peer takes it (RelayOptions::linger), and closes the socket.
///
/// Receiving:   what has come goes before its end or error. When the serving loop ends: Error::closed.
/// Sending:     completes when the bytes are queued. That the peer could not be reached is told to a later send.
/// shutdown():  as a socket's; of sending, once what is queued has been sent.
/// Memory:      none for bytes while it is idle; otherwise one batch, and twice the queue.
/// Concurrency: one receiving and one sending operation; a second of either gives Error::busy.
/// Threads:     one loop's, or plain threads'; another than the loop's that serves it, or the same one.
class RelayedSocket {
 public:
  using Options = RelayOptions;

  /// Hands the socket, which no loop has used, over to a loop. From any thread; returns at once. The loop's stop() has
  /// what is queued sent, within LoopOptions::stop_grace, and the stream ended.
  /// Errors: Error::closed where the socket is not open; Error::queue_full as of EventLoop::post();
  ///         std::errc::not_enough_memory. The socket is closed then.
  static Result<RelayedSocket> serve_on(EventLoop& loop, Socket socket, const Options& options = {}) {
    if (!socket.is_open()) return Error::closed;
    const std::size_t max_queue = std::max<std::size_t>(options.max_queue, 1);
    std::shared_ptr<detail::Relay> relay;
    if (!detail::without_bad_alloc([&] {
          relay = std::make_shared<detail::Relay>(std::move(socket), options.max_batch, max_queue, options.linger);
        })) {
      return std::make_error_code(std::errc::not_enough_memory);
    }
    if (const auto posted = loop.post(Start(relay)); !posted) return posted.error();
    return RelayedSocket(std::move(relay));
  }

  RelayedSocket(RelayedSocket&&) noexcept = default;
  RelayedSocket& operator=(RelayedSocket&& other) noexcept {
    if (relay_ != nullptr && relay_ != other.relay_) relay_->close();
    relay_ = std::move(other.relay_);
    return *this;
  }
  ~RelayedSocket() {
    if (relay_ != nullptr) relay_->close();
  }

  /// Errors: Error::closed once the connection has ended; the system's own.
  Result<Address> peer_address() const { return relay_->peer_address(); }

  // What makes it a ByteStream.
  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) noexcept {
    return relay_->poll_recv(operation, room, count);
  }
  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip,
                 std::size_t& count) noexcept {
    return relay_->poll_send(operation, pieces, skip, count);
  }
  Result<> shutdown(ShutdownWay way) noexcept {
    relay_->shut_down(way);
    return {};
  }
  std::nullptr_t descriptor() const noexcept { return nullptr; }
  void leave(Operation& operation) noexcept { relay_->leave(operation); }

 private:
  class Start {
   public:
    explicit Start(std::shared_ptr<detail::Relay> relay) noexcept : end_(std::move(relay)) {}
    void operator()() noexcept {
      static_cast<void>(detail::without_bad_alloc([&] {
        Scope& tasks = EventLoop::current()->detached();
        tasks.spawn(detail::Relay::receive(end_.relay()));
        tasks.spawn(detail::Relay::send(std::move(end_)));
      }));
    }

   private:
    detail::Relay::FarEnd end_;
  };

  explicit RelayedSocket(std::shared_ptr<detail::Relay> relay) noexcept : relay_(std::move(relay)) {}

  std::shared_ptr<detail::Relay> relay_;
};

static_assert(ByteStream<RelayedSocket>);

}  // namespace parley::inline PARLEY_ABI
