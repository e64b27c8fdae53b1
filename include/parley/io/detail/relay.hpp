// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the two loops of a RelayedSocket share: bytes on their way in, bytes on their way out, and how it ends.
//
// "Home" is the loop that uses the stream, "far" the one that serves the socket. Each writes under the lock and wakes
// the other.

#include <parley/core/detail/no_memory.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/io/byte_stream.hpp>
#include <parley/io/chunk_reader.hpp>
#include <parley/net/socket.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

class Relay {
 public:
  Relay(Socket socket, std::size_t max_batch, std::size_t max_queue, Duration linger) noexcept
      : socket_(std::move(socket)), max_batch_(max_batch), max_queue_(max_queue), linger_(linger) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // The home's side; see ByteStream.

  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) noexcept {
    const std::lock_guard lock(mutex_);
    count = 0;
    if (!begin(reader_, operation)) return Step::done;
    if (receive_shut_down_) return finish(operation, {});
    if (!received_.empty()) {
      count = received_.copy(reinterpret_cast<char*>(room.data()), room.size(), taken_);
      taken_ += count;
      if (taken_ == received_.size()) {
        received_ = std::string();  // idle streams hold no memory
        taken_ = 0;
        wake_one(far_receiver_);
      }
      return finish(operation, {});
    }
    if (received_all_) return finish(operation, receive_error_);
    reader_ = &operation;
    return Step::parked;
  }

  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip,
                 std::size_t& count) noexcept {
    const std::lock_guard lock(mutex_);
    count = 0;
    if (!begin(writer_, operation)) return Step::done;
    if (send_shut_down_) return finish(operation, std::make_error_code(std::errc::broken_pipe));
    if (send_error_) return finish(operation, send_error_);
    if (queue_.size() >= max_queue_) {
      writer_ = &operation;
      return Step::parked;
    }
    std::size_t queued = 0;
    const bool had_memory = without_bad_alloc([&] { queued = queue(pieces, skip, max_queue_ - queue_.size()); });
    if (!had_memory) return finish(operation, std::make_error_code(std::errc::not_enough_memory));
    count = queued;
    wake_one(far_sender_);
    return finish(operation, {});
  }

  void shut_down(ShutdownWay way) noexcept {
    const std::lock_guard lock(mutex_);
    if (way != ShutdownWay::send) {
      receive_shut_down_ = true;
      wake_one(reader_);
    }
    if (way != ShutdownWay::receive) {
      send_shut_down_ = true;
      wake_one(writer_);
      wake_one(far_sender_);
    }
  }

  void leave(Operation& operation) noexcept {
    const std::lock_guard lock(mutex_);
    for (Operation** const place : {&reader_, &writer_, &far_receiver_, &far_sender_}) {
      if (*place == &operation) *place = nullptr;
    }
  }

  Result<Address> peer_address() const {
    const std::lock_guard lock(mutex_);
    return socket_.peer_address();
  }

  /// Nobody uses the stream any more: what is queued goes out, then the socket is closed. From both sides.
  void close() noexcept {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake_one(far_receiver_);
    wake_one(far_sender_);
  }

  // The far side.

  static Task<> receive(std::shared_ptr<Relay> relay) {
    ChunkReader<Socket> chunks(relay->socket_, {.max_chunk = relay->max_batch_, .whole_utf8 = false});
    for (;;) {
      const auto taken = co_await relay->all_taken();
      if (!taken) break;
      const auto chunk = co_await chunks.next();
      if (!chunk) {
        relay->end_receiving(chunk.error());
        break;
      }
      if (!relay->hand_over(*chunk)) break;
    }
  }

  /// The far side's hold on the relay: when it goes, so does the socket, and the home is told.
  class FarEnd {
   public:
    explicit FarEnd(std::shared_ptr<Relay> relay) noexcept : relay_(std::move(relay)) {}
    FarEnd(FarEnd&&) noexcept = default;
    FarEnd& operator=(FarEnd&&) = delete;
    ~FarEnd() {
      if (relay_ != nullptr) relay_->end();
    }
    const std::shared_ptr<Relay>& relay() const noexcept { return relay_; }

   private:
    std::shared_ptr<Relay> relay_;
  };

  static Task<> send(FarEnd end) {
    Relay& relay = *end.relay();
    for (;;) {
      Result<> next = co_await relay.next_batch();
      if (next.error() == Error::cancelled) {  // the loop ends
        relay.close();
        next = co_await relay.next_batch().stop({});
      }
      if (!next) break;
      ConstBytes rest(std::string_view(relay.batch_));
      for (;;) {
        const bool is_last_wait = relay.is_closing();
        const auto sent = co_await relay.socket_.send_all(rest).within(relay.linger_).stop({});
        if (sent) break;
        rest = rest.after(sent.bytes());
        if (sent.error() == Error::timed_out && !is_last_wait) continue;
        relay.fail_sending(sent.error());
        break;
      }
      relay.batch_.clear();
    }
  }

 private:
  class AllTakenSteps {
   public:
    static constexpr auto direction = platform::Direction::read;
    explicit AllTakenSteps(Relay& relay) noexcept : relay_(relay) {}
    Step step(Operation& operation) noexcept {
      const std::lock_guard lock(relay_.mutex_);
      relay_.far_receiver_ = nullptr;
      if (relay_.closing_) return finish(operation, Error::closed);
      if (relay_.received_.empty()) return finish(operation, {});
      relay_.far_receiver_ = &operation;
      return Step::parked;
    }
    void leave(Operation& operation) noexcept { relay_.leave(operation); }
    Result<> result(Operation& operation) const noexcept { return operation.error(); }

   private:
    Relay& relay_;
  };

  class NextBatchSteps {
   public:
    static constexpr auto direction = platform::Direction::write;
    explicit NextBatchSteps(Relay& relay) noexcept : relay_(relay) {}
    Step step(Operation& operation) noexcept {
      const std::lock_guard lock(relay_.mutex_);
      relay_.far_sender_ = nullptr;
      if (!relay_.queue_.empty()) {
        relay_.batch_.swap(relay_.queue_);
        wake_one(relay_.writer_);
        return finish(operation, {});
      }
      relay_.batch_ = std::string();  // idle streams hold no memory
      relay_.queue_ = std::string();
      if (relay_.closing_) return finish(operation, Error::end_of_stream);
      if (relay_.send_shut_down_) {
        static_cast<void>(relay_.socket_.shutdown(relay_.receive_shut_down_ ? ShutdownWay::both : ShutdownWay::send));
      }
      relay_.far_sender_ = &operation;
      return Step::parked;
    }
    void leave(Operation& operation) noexcept { relay_.leave(operation); }
    Result<> result(Operation& operation) const noexcept { return operation.error(); }

   private:
    Relay& relay_;
  };

  StepOperation<AllTakenSteps> all_taken() noexcept { return StepOperation<AllTakenSteps>(nullptr, *this); }
  StepOperation<NextBatchSteps> next_batch() noexcept { return StepOperation<NextBatchSteps>(nullptr, *this); }

  bool is_closing() const noexcept {
    const std::lock_guard lock(mutex_);
    return closing_;
  }

  // False: no memory, and nothing more is received.
  bool hand_over(std::string_view chunk) noexcept {
    const std::lock_guard lock(mutex_);
    const bool done = without_bad_alloc([&] { received_ = chunk; });
    if (!done) set_end(std::make_error_code(std::errc::not_enough_memory));
    wake_one(reader_);
    return done;
  }
  void end_receiving(std::error_code error) noexcept {
    const std::lock_guard lock(mutex_);
    if (error == Error::end_of_stream) error = {};
    if (error == Error::cancelled) error = Error::closed;  // the loop ends
    set_end(error);
    wake_one(reader_);
  }
  void set_end(std::error_code error) noexcept {
    if (!std::exchange(received_all_, true)) receive_error_ = error;
  }
  void fail_sending(std::error_code error) noexcept {
    const std::lock_guard lock(mutex_);
    if (!send_error_) send_error_ = error;
    queue_ = std::string();
    wake_one(writer_);
  }
  void end() noexcept {
    Socket closed;  // after the lock has been released
    const std::lock_guard lock(mutex_);
    closed = std::move(socket_);
    closing_ = true;
    set_end(Error::closed);
    if (!send_error_) send_error_ = Error::closed;
    for (Operation* const waiting : {reader_, writer_, far_receiver_}) wake_one(waiting);
  }

  std::size_t queue(std::span<const ConstBytes> pieces, std::size_t skip, std::size_t limit) {
    std::size_t count = 0;
    for (const ConstBytes& piece : pieces) {
      const ConstBytes rest = piece.after(skip);
      skip -= piece.size() - rest.size();
      const ConstBytes some = rest.first(limit - count);
      queue_.append(some.text());
      count += some.size();
    }
    return count;
  }

  static bool begin(Operation*& place, Operation& operation) noexcept {
    if (place != nullptr && place != &operation) {
      operation.fail(Error::busy);
      return false;
    }
    place = nullptr;
    return true;
  }
  // The operation stays noted until it is stepped again, so that nobody takes its place meanwhile.
  static void wake_one(Operation* operation) noexcept {
    if (operation != nullptr) wake(*operation);
  }
  static Step finish(Operation& operation, std::error_code error) noexcept {
    if (error && error.category() == error_category()) {
      operation.fail(static_cast<Error>(error.value()));
    } else {
      operation.fail(error.value());  // 0: success
    }
    return Step::done;
  }

  mutable std::mutex mutex_;
  Socket socket_;  // the far side uses it; it goes under the lock
  const std::size_t max_batch_;
  const std::size_t max_queue_;
  const Duration linger_;
  std::string batch_;  // the far side's: what it is sending

  // Guarded by the lock.
  std::string received_;
  std::size_t taken_ = 0;  // of it, by the home
  std::string queue_;
  std::error_code receive_error_;  // what follows what was received: an end, or this
  std::error_code send_error_;
  Operation* reader_ = nullptr;
  Operation* writer_ = nullptr;
  Operation* far_receiver_ = nullptr;
  Operation* far_sender_ = nullptr;
  bool received_all_ = false;
  bool receive_shut_down_ = false;
  bool send_shut_down_ = false;
  bool closing_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail
