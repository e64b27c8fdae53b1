// SPDX-License-Identifier: BSL-1.0
#pragma once

// Scope: owns the tasks that are spawned in it, so that none outlives it and no failure is lost. A nursery, in the
// terms of structured concurrency (N. J. Smith, "Notes on structured concurrency", 2018).

#include <parley/core/operation.hpp>
#include <parley/core/task.hpp>

#include <cstddef>
#include <mutex>

namespace parley::inline PARLEY_ABI {

/// What a scope does with the others when one of its tasks fails.
enum class OnFailure : std::uint8_t { isolate, stop_all };
/// Scope scope{fail_together}: the first failure stops all.
inline constexpr OnFailure fail_together = OnFailure::stop_all;

/// Tasks spawned here run side by side on the loop's thread. A task fails by an exception, or by returning a Result
/// that holds an error other than Error::cancelled.
///
/// Threads: the loop's own, apart from a spawned task finishing on another loop (resume_on), which is safe; such a task
/// must be joined before the scope is destroyed. The number of tasks is bounded by its user (by accepting no more,
/// say).
class Scope {
 public:
  explicit Scope(OnFailure policy = OnFailure::isolate) : state_(policy) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  /// Destroys what still runs; on the loop's thread.
  ~Scope() { state_.destroy_children(); }

  /// Starts the task at once, up to its first suspension, and owns it from here on. Its stop token is the scope's.
  template <class T>
  void spawn(Task<T> task) {
    state_.spawn(task.release());
  }

  /// Requests all tasks to stop, those spawned later included. Returns at once.
  void cancel() noexcept { state_.stop.request_stop(); }
  StopToken stop_token() const noexcept { return state_.stop.token(); }

  /// How many have not finished.
  std::size_t size() const noexcept { return state_.size(); }
  /// How many have failed so far.
  std::size_t failures() const noexcept { return state_.failure_count(); }

  /// Completes when no task is left. Returns the first failure; an exception is thrown again. A stop that is requested
  /// of the caller is passed on to the tasks, and the join goes on until they have ended. within() gives up waiting
  /// with Error::timed_out and leaves the tasks running. One join at a time: a second gives Error::busy.
  [[nodiscard]] auto join() noexcept { return Join(nullptr, state_, false); }
  /// cancel() and join() in one.
  [[nodiscard]] auto cancel_and_join() noexcept { return Join(nullptr, state_, true); }

 private:
  struct State final : detail::Completion {
    explicit State(OnFailure on_failure) noexcept : policy(on_failure) {}

    void spawn(detail::TaskPromise& child) {
      child.set_stop_token(stop.token());
      {
        const std::lock_guard lock(mutex);
        children.push_back(child);
        ++count;
      }
      if (!child.start(detail::Continuation(*this))) finished(child);
    }

    using Completion::finished;
    void finished(detail::TaskPromise& child) noexcept override {
      note_failure(child);
      {
        const std::lock_guard lock(mutex);
        child.unlink();
      }
      child.handle().destroy();  // outside the lock: destructors of its parameters may use the scope
      const std::lock_guard lock(mutex);
      // Under the lock: the joiner looks again under it too, so that it cannot destroy this too early.
      if (--count == 0 && joiner != nullptr) detail::Driver::wake_parked(*joiner);
    }

    void note_failure(detail::TaskPromise& child) noexcept {
      std::error_code error = child.returned_error();
      if (error == Error::cancelled) error = {};
      bool failed = static_cast<bool>(error);
#if PARLEY_HAS_EXCEPTIONS
      failed = failed || child.exception();
#endif
      if (!failed) return;
      {
        const std::lock_guard lock(mutex);
        if (failure_total++ == 0) {
          first_error = error;
#if PARLEY_HAS_EXCEPTIONS
          first_exception = child.exception();
#endif
        }
      }
      if (policy == OnFailure::stop_all) stop.request_stop();
    }

    // Not under the lock: a child's destructors may do anything, such as spawning one more.
    void destroy_children() noexcept {
      for (;;) {
        detail::TaskPromise* child = nullptr;
        {
          const std::lock_guard lock(mutex);
          child = children.pop_front();
        }
        if (child == nullptr) return;
        child->handle().destroy();
      }
    }

    std::size_t size() const noexcept {
      const std::lock_guard lock(mutex);
      return count;
    }
    std::size_t failure_count() const noexcept {
      const std::lock_guard lock(mutex);
      return failure_total;
    }

    const OnFailure policy;
    StopSource stop;
    mutable std::mutex mutex;
    detail::List<detail::TaskPromise> children;
    std::size_t count = 0;
    std::size_t failure_total = 0;
    detail::Operation* joiner = nullptr;
    std::error_code first_error;
#if PARLEY_HAS_EXCEPTIONS
    std::exception_ptr first_exception;
#endif
  };

  class JoinSteps {
   public:
    static constexpr auto direction = platform::Direction::read;
    JoinSteps(State& state, bool cancel) noexcept : state_(state), cancel_(cancel) {}

    detail::Step step(detail::Operation& operation) noexcept {
      if (cancel_) state_.stop.request_stop();
      const std::lock_guard lock(state_.mutex);
      if (state_.joiner != nullptr && state_.joiner != &operation) {
        operation.fail(Error::busy);
        return detail::Step::done;
      }
      operation.succeed();
      state_.joiner = state_.count == 0 ? nullptr : &operation;
      return state_.count == 0 ? detail::Step::done : detail::Step::parked;
    }
    detail::Step interrupt(detail::Operation& operation, detail::Drive how) noexcept {
      if (how == detail::Drive::stop) {
        cancel_ = true;
        return step(operation);
      }
      leave(operation);
      operation.fail(Error::timed_out);
      return detail::Step::done;
    }
    void leave(detail::Operation& operation) noexcept {
      const std::lock_guard lock(state_.mutex);
      if (state_.joiner == &operation) state_.joiner = nullptr;
    }
    Result<> result(detail::Operation& operation) {
      if (operation.error()) return operation.error();
#if PARLEY_HAS_EXCEPTIONS
      if (state_.first_exception) std::rethrow_exception(state_.first_exception);
#endif
      return state_.first_error;
    }

   private:
    State& state_;
    bool cancel_;
  };
  using Join = detail::StepOperation<JoinSteps>;

  State state_;
};

}  // namespace parley::inline PARLEY_ABI
