// SPDX-License-Identifier: BSL-1.0
#pragma once

// MemoryStream: a ByteStream without a socket. The program that owns it plays the peer: what it feeds arrives, what is
// sent it can look at. For tests of what is written for streams, with every split, delay and failure under control.
//
//   MemoryStream stream;
//   LineReader lines{stream};
//   stream.feed("hel");  stream.feed("lo\n");  stream.end();

#include <parley/io/byte_stream.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

namespace parley::inline PARLEY_ABI {

struct MemoryStreamOptions {
  /// Bytes that are fed and not yet received; feed() refuses more.
  std::size_t max_fed = std::size_t{1} << 20;
  /// Bytes that are sent and not yet taken with take_sent(); a sender waits for room.
  std::size_t max_sent = std::size_t{1} << 20;
  /// Bytes that one step of a send takes at most; at least 1.
  std::size_t max_per_send = SIZE_MAX;
};

/// Neither copied nor moved; must outlive the operations on it. It copies what is fed and what is sent.
///
/// Threads:     the peer's side, feed() to send_was_shut_down(), from any thread; none of it blocks. The stream's side
///              as of any stream, by one loop or by plain threads at a time.
/// Concurrency: one receiving and one sending operation; a second of either gives Error::busy.
class MemoryStream {
 public:
  using Options = MemoryStreamOptions;

  explicit MemoryStream(Options options = {}) noexcept : options_(options) { set_max_per_send(options.max_per_send); }
  MemoryStream(const MemoryStream&) = delete;
  MemoryStream& operator=(const MemoryStream&) = delete;

  // The peer's side.

  /// The bytes arrive, as one chunk: no receive gets bytes of two chunks. Empty ones are left out.
  /// Errors: Error::queue_full, and nothing arrives, where max_fed would be exceeded; Error::closed after end().
  Result<> feed(ConstBytes chunk) {
    const std::lock_guard lock(mutex_);
    if (ended_) return Error::closed;
    if (chunk.size() > options_.max_fed - fed_bytes_) return Error::queue_full;
    if (!chunk.empty()) fed_.emplace_back(chunk.text());
    fed_bytes_ += chunk.size();
    wake_one(receiver_);
    return {};
  }
  /// The stream ends after what was fed, for good.
  void end() noexcept {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake_one(receiver_);
  }
  /// Receiving fails from here on, after what was fed; sending at once. The error is an Error or one of the system's
  /// (std::errc). A default error_code lets it go on.
  void fail_recv(std::error_code error) noexcept {
    const std::lock_guard lock(mutex_);
    recv_error_ = error;
    wake_one(receiver_);
  }
  void fail_send(std::error_code error) noexcept {
    const std::lock_guard lock(mutex_);
    send_error_ = error;
    wake_one(sender_);
  }

  /// What was sent since the last call; makes room for more.
  std::string take_sent() {
    const std::lock_guard lock(mutex_);
    wake_one(sender_);
    return std::exchange(sent_, std::string());
  }
  /// Changes the room for senders (max_sent), in bytes; 0 makes all wait.
  void set_max_sent(std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    options_.max_sent = bytes;
    wake_one(sender_);
  }
  void set_max_per_send(std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    options_.max_per_send = std::max<std::size_t>(bytes, 1);
  }
  /// Whether an operation waits for bytes (receiver) or for room (sender).
  bool receiver_waits() const noexcept {
    const std::lock_guard lock(mutex_);
    return receiver_ != nullptr;
  }
  bool sender_waits() const noexcept {
    const std::lock_guard lock(mutex_);
    return sender_ != nullptr;
  }
  /// Bytes fed and not yet received.
  std::size_t fed_bytes() const noexcept {
    const std::lock_guard lock(mutex_);
    return fed_bytes_;
  }
  /// Whether the stream's side has called shutdown(), for sending.
  bool send_was_shut_down() const noexcept {
    const std::lock_guard lock(mutex_);
    return send_shut_down_;
  }

  // The stream's side; see ByteStream.

  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) noexcept {
    const std::lock_guard lock(mutex_);
    if (receiver_ != nullptr && receiver_ != &operation) return finish(operation, make_error_code(Error::busy));
    receiver_ = nullptr;
    count = 0;
    if (recv_shut_down_) return finish(operation, {});
    if (!fed_.empty()) {
      count = receive(room);
      return finish(operation, {});
    }
    if (recv_error_) return finish(operation, recv_error_);
    if (ended_) return finish(operation, {});
    receiver_ = &operation;
    return Step::parked;
  }

  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip, std::size_t& count) {
    const std::lock_guard lock(mutex_);
    if (sender_ != nullptr && sender_ != &operation) return finish(operation, make_error_code(Error::busy));
    sender_ = nullptr;
    count = 0;
    if (send_shut_down_) return finish(operation, std::make_error_code(std::errc::broken_pipe));
    if (send_error_) return finish(operation, send_error_);
    const std::size_t room = sent_.size() < options_.max_sent ? options_.max_sent - sent_.size() : 0;
    if (room == 0) {
      sender_ = &operation;
      return Step::parked;
    }
    count = send(pieces, skip, std::min(room, options_.max_per_send));
    return finish(operation, {});
  }

  Result<> shutdown(ShutdownWay way) noexcept {
    const std::lock_guard lock(mutex_);
    if (way != ShutdownWay::send) recv_shut_down_ = true;
    if (way != ShutdownWay::receive) send_shut_down_ = true;
    wake_one(receiver_);
    wake_one(sender_);
    return {};
  }

  std::nullptr_t descriptor() const noexcept { return nullptr; }

  void leave(Operation& operation) noexcept {
    const std::lock_guard lock(mutex_);
    if (receiver_ == &operation) receiver_ = nullptr;
    if (sender_ == &operation) sender_ = nullptr;
  }

 private:
  // The operation stays noted until it is stepped again, so that nobody takes its place meanwhile.
  static void wake_one(Operation* operation) noexcept {
    if (operation != nullptr) wake(*operation);
  }

  static Step finish(Operation& operation, std::error_code error) noexcept {
    if (!error) {
      operation.succeed();
    } else if (error.category() == error_category()) {
      operation.fail(static_cast<Error>(error.value()));
    } else {
      operation.fail(error.value());
    }
    return Step::done;
  }

  std::size_t receive(MutableBytes room) noexcept {
    const std::string& chunk = fed_.front();
    const std::size_t count = chunk.copy(reinterpret_cast<char*>(room.data()), room.size(), received_);
    received_ += count;
    fed_bytes_ -= count;
    if (received_ == chunk.size()) {
      fed_.pop_front();
      received_ = 0;
    }
    return count;
  }

  std::size_t send(std::span<const ConstBytes> pieces, std::size_t skip, std::size_t limit) {
    std::size_t count = 0;
    for (const ConstBytes& piece : pieces) {
      const ConstBytes rest = piece.after(skip);
      skip -= piece.size() - rest.size();
      const ConstBytes taken = rest.first(limit - count);
      sent_.append(taken.text());
      count += taken.size();
    }
    return count;
  }

  mutable std::mutex mutex_;
  Options options_;
  std::deque<std::string> fed_;
  std::size_t received_ = 0;  // of the first chunk
  std::size_t fed_bytes_ = 0;
  std::string sent_;
  std::error_code recv_error_;
  std::error_code send_error_;
  Operation* receiver_ = nullptr;
  Operation* sender_ = nullptr;
  bool ended_ = false;
  bool recv_shut_down_ = false;
  bool send_shut_down_ = false;
};

static_assert(ByteStream<MemoryStream>);

}  // namespace parley::inline PARLEY_ABI
