// SPDX-License-Identifier: BSL-1.0
#pragma once

// Channel<T>: a bounded first-in-first-out queue between coroutines and threads.

#include <parley/core/operation.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

/// Any number of senders and receivers, coroutines on any loops and plain threads. Each end is served in the order of
/// asking. The channel must outlive its operations; it cannot be moved.
///
/// Capacity: the items it holds at most, at least 1 (0 counts as 1); the memory for them is taken at once. A full
/// channel makes senders wait: that is the backpressure. Waiting operations are bounded by who starts them.
/// Nothing is lost: an item that could not be sent stays with the sender, and one that was set aside for a receiver
/// which goes away before it resumes is left for the next.
template <class T>
class Channel {
  static_assert(std::is_nothrow_move_constructible_v<T>, "items are moved while the channel's lock is held");
  static_assert(std::is_nothrow_destructible_v<T>);

  enum class State : std::uint8_t { fresh, waiting, granted, refused };
  struct Waiter : detail::ListLink {
    detail::Operation* operation = nullptr;
    State state = State::fresh;
  };
  struct Sender : Waiter {
    explicit Sender(T& borrowed) noexcept : item(&borrowed) {}
    T* item;
  };
  class SendSteps;
  class SendCopySteps;
  class ReceiveSteps;

 public:
  using value_type = T;

  explicit Channel(std::size_t capacity)
      : capacity_(capacity == 0 ? 1 : capacity), slots_(std::make_unique<Slot[]>(capacity_)) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    while (size_ != 0) drop_front();
  }

  /// Completes when the item is in the channel. Errors: Error::closed, also when it is closed meanwhile; cancelled;
  /// timed_out. The item is moved from only on success: after a failure it is still the caller's, unchanged. It is
  /// borrowed until the operation completes.
  [[nodiscard]] auto send(T&& item) noexcept { return detail::StepOperation<SendSteps>(nullptr, *this, item); }
  /// The same with a copy, made now.
  [[nodiscard]] auto send(const T& item)
    requires std::is_copy_constructible_v<T>
  {
    return detail::StepOperation<SendCopySteps>(nullptr, *this, item);
  }

  /// Completes when there is an item, with the oldest. Errors: Error::end_of_stream once the channel is closed and
  /// empty; cancelled; timed_out. An item that it was woken for wins over both.
  [[nodiscard]] auto receive() noexcept { return detail::StepOperation<ReceiveSteps>(nullptr, *this); }

  /// Error::queue_full where send() would wait, Error::closed; the item is then left as it was.
  Result<> try_send(T&& item) noexcept {
    const std::lock_guard lock(mutex_);
    if (closed_) return Error::closed;
    if (size_ == capacity_) return Error::queue_full;
    push(std::move(item));
    return {};
  }
  Result<> try_send(const T& item)
    requires std::is_copy_constructible_v<T>
  {
    return try_send(T(item));
  }

  /// std::errc::operation_would_block where receive() would wait; Error::end_of_stream once closed and empty.
  Result<T> try_receive() noexcept {
    const std::lock_guard lock(mutex_);
    if (size_ > granted_) return pop();
    if (closed_ && size_ == 0) return Error::end_of_stream;
    return std::make_error_code(std::errc::operation_would_block);
  }

  /// Nothing more can be sent: senders that wait get Error::closed, receivers what is left and then
  /// Error::end_of_stream. From any thread, any number of times.
  void close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    while (Sender* sender = senders_.pop_front()) answer(*sender, State::refused);
    serve_receivers();
  }
  bool closed() const noexcept {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  /// Items in the channel, those included that a receiver has been woken for and not taken yet.
  std::size_t size() const noexcept {
    const std::lock_guard lock(mutex_);
    return size_;
  }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  union Slot {
    Slot() noexcept {}
    ~Slot() {}
    T item;
  };

  // All below under the lock. Senders wait only while the channel is full; receivers only while every item in it is
  // set aside for a receiver that has been woken ("granted").
  static void answer(Waiter& waiter, State state) noexcept {
    waiter.state = state;
    detail::Driver::wake_parked(*waiter.operation);
  }

  void push(T&& item) noexcept {
    std::construct_at(std::addressof(slots_[(first_ + size_) % capacity_].item), std::move(item));
    ++size_;
    serve_receivers();
  }

  T pop() noexcept {
    T item(std::move(slots_[first_].item));
    drop_front();
    if (Sender* sender = senders_.pop_front()) {
      push(std::move(*sender->item));
      answer(*sender, State::granted);
    }
    serve_receivers();
    return item;
  }

  void drop_front() noexcept {
    std::destroy_at(std::addressof(slots_[first_].item));
    first_ = (first_ + 1) % capacity_;
    --size_;
  }

  void serve_receivers() noexcept {
    while (!receivers_.empty() && (size_ > granted_ || (closed_ && size_ == 0))) {
      const bool found = size_ > granted_;
      if (found) ++granted_;
      answer(*receivers_.pop_front(), found ? State::granted : State::refused);
    }
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  const std::unique_ptr<Slot[]> slots_;  // a ring
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::size_t granted_ = 0;
  bool closed_ = false;
  detail::List<Sender> senders_;
  detail::List<Waiter> receivers_;
};

template <class T>
class Channel<T>::SendSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  SendSteps(Channel& channel, T& item) noexcept : channel_(channel), sender_(item) {}

  detail::Step step(detail::Operation& operation) noexcept {
    const std::lock_guard lock(channel_.mutex_);
    if (sender_.state == State::fresh) ask(operation);
    return answered(operation);
  }
  detail::Step interrupt(detail::Operation& operation, detail::Drive how) noexcept {
    const std::lock_guard lock(channel_.mutex_);
    if (sender_.state == State::granted || sender_.state == State::refused) return answered(operation);
    sender_.unlink();
    operation.fail(how == detail::Drive::expire ? Error::timed_out : Error::cancelled);
    return detail::Step::done;
  }
  void leave(detail::Operation&) noexcept {
    const std::lock_guard lock(channel_.mutex_);
    sender_.unlink();
  }
  Result<> result(detail::Operation& operation) const noexcept { return operation.error(); }

 private:
  void ask(detail::Operation& operation) noexcept {
    sender_.operation = &operation;
    if (channel_.closed_) {
      sender_.state = State::refused;
    } else if (channel_.size_ == channel_.capacity_) {
      sender_.state = State::waiting;
      channel_.senders_.push_back(sender_);
    } else {
      sender_.state = State::granted;
      channel_.push(std::move(*sender_.item));
    }
  }
  detail::Step answered(detail::Operation& operation) const noexcept {
    if (sender_.state == State::waiting) return detail::Step::parked;
    if (sender_.state == State::granted) {
      operation.succeed();
    } else {
      operation.fail(Error::closed);
    }
    return detail::Step::done;
  }

  Channel& channel_;
  Sender sender_;
};

template <class T>
class Channel<T>::SendCopySteps : public SendSteps {
 public:
  SendCopySteps(Channel& channel, const T& item) : SendSteps(channel, copy_), copy_(item) {}

 private:
  T copy_;
};

// What it was granted it takes only in result(), so that a coroutine which is destroyed before it resumes takes
// nothing.
template <class T>
class Channel<T>::ReceiveSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit ReceiveSteps(Channel& channel) noexcept : channel_(channel) {}
  ReceiveSteps(const ReceiveSteps&) = delete;
  ReceiveSteps& operator=(const ReceiveSteps&) = delete;
  ~ReceiveSteps() {
    // Without the lock: nobody else changes the state of a receiver that does not wait.
    if (receiver_.state == State::granted) give_back();
  }

  detail::Step step(detail::Operation& operation) noexcept {
    const std::lock_guard lock(channel_.mutex_);
    if (receiver_.state == State::fresh) ask(operation);
    return answered(operation);
  }
  detail::Step interrupt(detail::Operation& operation, detail::Drive how) noexcept {
    const std::lock_guard lock(channel_.mutex_);
    if (receiver_.state == State::granted || receiver_.state == State::refused) return answered(operation);
    receiver_.unlink();
    receiver_.state = State::refused;
    operation.fail(how == detail::Drive::expire ? Error::timed_out : Error::cancelled);
    return detail::Step::done;
  }
  void leave(detail::Operation&) noexcept { give_back(); }
  Result<T> result(detail::Operation& operation) {
    if (operation.error()) return operation.error();
    const std::lock_guard lock(channel_.mutex_);
    receiver_.state = State::refused;
    --channel_.granted_;
    return channel_.pop();
  }

 private:
  void ask(detail::Operation& operation) noexcept {
    receiver_.operation = &operation;
    if (channel_.size_ > channel_.granted_) {
      ++channel_.granted_;
      receiver_.state = State::granted;
    } else if (channel_.closed_ && channel_.size_ == 0) {
      receiver_.state = State::refused;
    } else {
      receiver_.state = State::waiting;
      channel_.receivers_.push_back(receiver_);
    }
  }
  detail::Step answered(detail::Operation& operation) const noexcept {
    if (receiver_.state == State::waiting) return detail::Step::parked;
    if (receiver_.state == State::granted) {
      operation.succeed();
    } else {
      operation.fail(Error::end_of_stream);
    }
    return detail::Step::done;
  }
  void give_back() noexcept {
    const std::lock_guard lock(channel_.mutex_);
    receiver_.unlink();
    if (std::exchange(receiver_.state, State::refused) != State::granted) return;
    --channel_.granted_;
    channel_.serve_receivers();
  }

  Channel& channel_;
  Waiter receiver_;
};

}  // namespace parley::inline PARLEY_ABI
