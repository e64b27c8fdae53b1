// SPDX-License-Identifier: BSL-1.0
#pragma once

// EventLoop: runs coroutines and their operations on one thread.

#include <parley/core/detail/list.hpp>
#include <parley/core/detail/loop_driver.hpp>
#include <parley/core/loop_end_hook.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/task.hpp>
#include <parley/platform/owned.hpp>

#include <atomic>
#include <mutex>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

class EventLoop final : private detail::LoopDriver {
 public:
  using Options = LoopOptions;

  /// Takes what it needs from the system; where that fails, run() says so.
  explicit EventLoop(Options options = {}) : LoopDriver(options) {}
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Destroys the detached tasks that still run; other coroutines suspended on the loop must have been destroyed
  /// before. Sockets, listeners and connections that belonged to the loop belong to none afterwards.
  ~EventLoop() {
    { const std::lock_guard lock(stop_lock_); }  // whoever stopped it may still be inside stop()
    const Current current(*this);
    delete detached_.get();  // not reset(), which nulls the pointer first: destructors of tasks may detach() more
    static_cast<void>(detached_.release());
    while (LoopEndHook* hook = end_hooks_.pop_front()) hook->loop_ends();
  }

  /// The loop that runs on this thread, or null.
  static EventLoop* current() noexcept { return static_cast<EventLoop*>(Driver::current()); }

  /// Runs the loop until the task has finished and returns its result: Result<> for Task<>, Result<T> for Task<T> and
  /// for Task<Result<T>>. An exception that leaves the task is thrown here. stop() requests the task to stop. Errors:
  /// what the poller reports; Error::would_block_loop on a thread that runs a loop already.
  template <class T>
  auto run(Task<T> task) {
    using Outcome = std::conditional_t<detail::is_result<T>, T, Result<T>>;
    if (const auto error = unable_to_run()) return Outcome(error);
    const Current current(*this);
    Finish finish(*this);
    if (!task.promise().has_stop_token()) task.promise().set_stop_token(stop_.token());
    if (!task.promise().start(detail::Continuation(finish))) finish.finished(task.promise());
    run_next_ones();
    while (!finish.done()) {
      if (const auto error = turn_once(Duration::max())) return Outcome(error);
    }
    if constexpr (std::is_void_v<T>) {
      task.promise().take();
      return Outcome();
    } else {
      return Outcome(task.promise().take());
    }
  }

  /// Runs the loop until stop() is called, then until nothing is left to do and the detached tasks have ended, or
  /// stop_grace is over.
  Result<> run() {
    if (const auto error = unable_to_run()) return error;
    const Current current(*this);
    while (!stop_.stop_requested()) {
      if (const auto error = turn_once(Duration::max())) return error;
    }
    detached_->cancel();
    // In real time, since a clock of the tests' own may stand still.
    const TimePoint start = Clock::now();
    const Duration grace = std::min(options_.stop_grace, TimePoint::max() - start);
    while (detached_->size() != 0 || has_work() || !inbox_empty()) {
      const Duration elapsed = Clock::now() - start;
      if (elapsed >= grace) break;
      if (const auto error = turn_once(grace - elapsed)) return error;
    }
    return {};
  }

  /// One turn, which waits for events no longer than this. For tests, and for embedding in another loop.
  Result<> turn(Duration max_wait = Duration::zero()) {
    if (const auto error = unable_to_run()) return error;
    const Current current(*this);
    return turn_once(max_wait);
  }

  /// Requests the loop to end. From any thread, also before it runs.
  void stop() noexcept {
    const std::lock_guard lock(stop_lock_);
    stop_.request_stop();
    wake();
  }
  /// Stopped by stop().
  StopToken stop_token() const noexcept { return stop_.token(); }

  /// Has the function called on the loop's thread, in the order of posting. From any thread. It must not throw (that
  /// ends the program). Error::queue_full when max_posted wait already. What is still waiting when the loop is
  /// destroyed is not called.
  template <class Function>
  Result<> post(Function&& function) {
    return posted_.push(std::forward<Function>(function), [this] { wake(); });
  }

  /// Has the hook called at the end of this turn, once; armed again meanwhile, in the next. On the loop's thread. The
  /// hook is borrowed.
  void at_turn_end(TurnEndHook& hook) noexcept {
    if (!hook.linked()) hooks_.push_back(hook);
  }

  /// Has the hook called when the loop is destroyed. On the loop's thread. The hook is borrowed, and linked to nothing.
  void at_loop_end(LoopEndHook& hook) noexcept { end_hooks_.push_back(hook); }

  /// The tasks that belong to the loop itself; see detach().
  Scope& detached() noexcept { return *detached_; }

  TimePoint now() const noexcept override { return LoopDriver::now(); }
  const char* poller_name() const noexcept { return poller_ == nullptr ? "none" : poller_->name(); }

  /// For the library: the part that runs operations.
  detail::Driver& driver() noexcept { return *this; }

 private:
  // The task may end on another loop's thread.
  class Finish final : public detail::Completion {
   public:
    explicit Finish(EventLoop& loop) noexcept : loop_(loop) {}
    using Completion::finished;
    void finished(detail::TaskPromise&) noexcept override {
      const std::lock_guard lock(mutex_);  // until the loop is woken, since it may be destroyed as soon as it knows
      done_ = true;
      if (Driver::current() != &loop_) loop_.wake();
    }
    bool done() noexcept {
      if (!done_) return false;
      const std::lock_guard lock(mutex_);
      return true;
    }

   private:
    EventLoop& loop_;
    std::mutex mutex_;
    std::atomic<bool> done_ = false;
  };

  detail::List<LoopEndHook> end_hooks_;
  std::mutex stop_lock_;
  StopSource stop_;
  platform::Owned<Scope> detached_{new Scope};
};

}  // namespace parley::inline PARLEY_ABI
