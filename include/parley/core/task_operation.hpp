// SPDX-License-Identifier: BSL-1.0
#pragma once

// A task with what operations have: within(), stop() and wait().
//
//   auto greeting = co_await as_operation(handshake(peer)).within(5s);      // handshake is a Task<Result<...>>

#include <parley/core/event_loop.hpp>

#include <mutex>
#include <utility>

namespace parley::inline PARLEY_ABI {

/// Completes when the task has ended, always: a timeout or a stop tells the task to stop and waits until it has. If it
/// then returns Error::cancelled, the result is the reason: timed_out or cancelled. wait() runs the task on a loop of
/// its own, which lives that long; sockets that the task returns belong to no loop afterwards.
template <class T>
class [[nodiscard]] TaskOperation : public detail::Operation, private detail::Completion {
  static_assert(detail::is_result<T>, "the task must return a Result, to say that it was stopped");

 public:
  using value_type = T;

  explicit TaskOperation(Task<T> task)
      : Operation(&TaskOperation::drive, platform::Direction::read), task_(std::move(task)) {
    task_.promise().set_stop_token(source_.token());
  }

  template <class Rep, class Period>
  Adjusted<TaskOperation> within(std::chrono::duration<Rep, Period> timeout) && noexcept {
    set_timeout(to_duration(timeout));
    return Adjusted<TaskOperation>(*this);
  }
  Adjusted<TaskOperation> stop(const StopToken& token) && noexcept {
    set_stop(token.state());
    return Adjusted<TaskOperation>(*this);
  }
  T wait() && {
    EventLoop loop;
    T outcome = loop.run(await_this());
    // Where the loop itself has failed, the task is suspended on it, and must end before it.
    task_ = Task<T>();
    abandon();
    return outcome;
  }
  detail::OperationAwaiter<TaskOperation> operator co_await() && noexcept {
    return detail::OperationAwaiter<TaskOperation>(*this);
  }
  TaskOperation& operation() && noexcept { return *this; }

  T result() {
    if (!finished_) return error();  // never started
    T outcome = task_.promise().take();
    if (told_to_stop_ && outcome.error() == Error::cancelled) return error();
    return outcome;
  }

 private:
  Task<T> await_this() { co_return co_await Adjusted<TaskOperation>(*this); }

  static Step drive(Operation& operation, detail::Drive how) {
    auto& self = static_cast<TaskOperation&>(operation);
    if (how == detail::Drive::abandon) return Step::done;  // destroying the task ends what it waits for
    if (how != detail::Drive::advance) self.tell_to_stop(how);
    if (!self.begun_) self.begin();
    const std::lock_guard lock(self.mutex_);
    return self.finished_ ? Step::done : Step::parked;
  }

  void begin() {
    begun_ = true;
    if (task_.promise().start(detail::Continuation(static_cast<Completion&>(*this)))) return;
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }

  void tell_to_stop(detail::Drive how) noexcept {
    if (told_to_stop_) return;
    told_to_stop_ = true;
    fail(how == detail::Drive::expire ? Error::timed_out : Error::cancelled);
    source_.request_stop();
  }

  using Completion::finished;
  void finished(detail::TaskPromise&) noexcept override {
    const bool here = detail::Driver::current() == &driver();
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
      // Under the lock: the loop may destroy this as soon as it has seen that the task is finished.
      if (!here) return wake(*this);
    }
    driver().advance_parked(*this);
  }

  StopSource source_;
  Task<T> task_;
  std::mutex mutex_;  // the task may finish on another thread
  bool begun_ = false;
  bool finished_ = false;
  bool told_to_stop_ = false;
};

template <class T>
[[nodiscard]] TaskOperation<T> as_operation(Task<T> task) {
  return TaskOperation<T>(std::move(task));
}

}  // namespace parley::inline PARLEY_ABI
