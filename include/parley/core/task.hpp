// SPDX-License-Identifier: BSL-1.0
#pragma once

// Task<T>: a coroutine that starts when it is awaited, and finishes before the one that awaits it goes on.
//
// Awaiting a task starts it inside the call and suspends the awaiting coroutine only if it did not finish: compilers
// make no tail call without optimisation, and a million awaits that finish at once must need no more stack than one.
// For the same reason a task that finishes later does not resume its parent itself: it leaves that to the loop that
// resumed it.

#include <parley/core/detail/operation_base.hpp>
#include <parley/core/stop.hpp>
#include <parley/platform/thread.hpp>
#include <parley/platform/thread_number.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

template <class T = void>
class Task;

namespace detail {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

/// What every task's promise has. The link is for the Scope that the task was spawned in.
class TaskPromise : public ListLink {
 public:
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    // Not inlined: another thread may destroy the frame while this runs (LLVM issues 56301 and 65018).
    template <class Promise>
    PARLEY_NOINLINE void await_suspend(std::coroutine_handle<Promise> self) noexcept {
      self.promise().finish();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }

#if PARLEY_HAS_EXCEPTIONS
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }
  const std::exception_ptr& exception() const noexcept { return exception_; }
#else
  void unhandled_exception() noexcept { std::terminate(); }
#endif

  const StopToken& stop_token() const noexcept { return stop_; }
  void set_stop_token(StopToken token) noexcept {
    stop_ = std::move(token);
    has_stop_ = true;
  }
  bool has_stop_token() const noexcept { return has_stop_; }

  /// Runs the task up to its first suspension. True when it is suspended: the continuation will run once it has
  /// finished. False when it has finished already; the continuation is then not run.
  bool start(Continuation next) {
    continuation_ = next;
    begun_on_ = platform::thread_number();
    handle().resume();
    return state_.exchange(State::suspended, std::memory_order_acq_rel) != State::finished;
  }

  virtual std::coroutine_handle<> handle() noexcept = 0;
  /// The error that the task returned, if it returns a Result.
  virtual std::error_code returned_error() const noexcept = 0;

 protected:
  ~TaskPromise() {
    if (state_.load(std::memory_order_relaxed) == State::delivering) Driver::drop_next(*this);
  }

  void rethrow() const {
#if PARLEY_HAS_EXCEPTIONS
    if (exception_) std::rethrow_exception(exception_);
#endif
  }

 private:
  enum class State : std::uint8_t { starting, suspended, finished, delivering };

  // Whoever comes second of the starter and the finisher lets the parent go on.
  void finish() noexcept {
    if (platform::thread_number() != begun_on_) wait_for_starter();
    if (state_.exchange(State::finished, std::memory_order_acq_rel) == State::suspended) deliver();
  }

  // The parent goes on where the task has ended, so the starter must have come out of start(). It is on its way: the
  // coroutine has left its thread, and nothing but returns are in between.
  void wait_for_starter() noexcept {
    while (state_.load(std::memory_order_acquire) == State::starting) platform::yield_thread();
  }

  void deliver() noexcept {
    Driver* driver = Driver::current();
    if (driver == nullptr || !driver->run_next(continuation_, *this)) return continuation_.run(*this);
    // Until then another coroutine may run, the one whose call this task has finished in, and destroy the task.
    state_.store(State::delivering, std::memory_order_relaxed);
  }

  Continuation continuation_;
  StopToken stop_;
#if PARLEY_HAS_EXCEPTIONS
  std::exception_ptr exception_;
#endif
  std::uint32_t begun_on_ = 0;  // the number of the thread
  std::atomic<State> state_ = State::starting;
  bool has_stop_ = false;
};

template <class T>
class TaskPromiseOf final : public TaskPromise {
 public:
  Task<T> get_return_object() noexcept;
  template <class U = T>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*value_);
  }
  std::coroutine_handle<> handle() noexcept override {
    return std::coroutine_handle<TaskPromiseOf>::from_promise(*this);
  }
  std::error_code returned_error() const noexcept override {
    if constexpr (is_result<T>) {
      if (value_) return value_->error();
    }
    return {};
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromiseOf<void> final : public TaskPromise {
 public:
  inline Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const { rethrow(); }
  std::coroutine_handle<> handle() noexcept override {
    return std::coroutine_handle<TaskPromiseOf>::from_promise(*this);
  }
  std::error_code returned_error() const noexcept override { return {}; }
};

}  // namespace detail

/// A lazy coroutine. Move-only; it owns the frame. Start it by co_await from any coroutine, by Scope::spawn(), or by
/// EventLoop::run(). An exception that leaves the coroutine is thrown again by the co_await. Destroying a task that is
/// suspended, on its loop's thread, ends the operation it waits in and destroys its frame.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromiseOf<T>;
  using value_type = T;

  Task() noexcept = default;
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  explicit operator bool() const noexcept { return static_cast<bool>(frame_); }

  /// The token that operations inside inherit, instead of the awaiting coroutine's.
  Task&& with_stop(StopToken token) && noexcept {
    frame_.promise().set_stop_token(std::move(token));
    return std::move(*this);
  }

  auto operator co_await() && noexcept { return Awaiter(frame_); }

  /// For the library: the promise, and giving up the frame to a new owner.
  promise_type& promise() const noexcept { return frame_.promise(); }
  promise_type& release() noexcept { return std::exchange(frame_, nullptr).promise(); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    PARLEY_NOINLINE bool await_suspend(std::coroutine_handle<Promise> parent) {
      promise_type& child = frame_.promise();
      if constexpr (requires {
                      { parent.promise().stop_token() } -> std::same_as<const StopToken&>;
                    }) {
        if (!child.has_stop_token()) child.set_stop_token(parent.promise().stop_token());
      }
      return child.start(detail::Continuation(std::coroutine_handle<>(parent)));
    }
    T await_resume() { return frame_.promise().take(); }

   private:
    std::coroutine_handle<promise_type> frame_;
  };

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {
template <class T>
Task<T> TaskPromiseOf<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromiseOf>::from_promise(*this));
}
inline Task<void> TaskPromiseOf<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromiseOf>::from_promise(*this));
}
}  // namespace detail

}  // namespace parley::inline PARLEY_ABI
