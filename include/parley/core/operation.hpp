// SPDX-License-Identifier: BSL-1.0
#pragma once

// Operations: what socket.recv(), sleep() and the like return. Nothing has started yet. Then exactly one of
//
//   co_await op            in a coroutine, on an event loop
//   op.wait()              on a plain thread, which blocks; no loop is needed
//
// each also as op.within(duration), op.stop(token), or both. An operation is a temporary that lives until the end of
// the full-expression and cannot be moved, since it is itself the state that the loop works on: keep no reference to
// it.
//
// Completes:     once, on the loop (or thread) it was awaited on, after the system has let go of the caller's buffer.
// within():      not finished in time gives Error::timed_out; 0 tries once. What was transferred first is the result.
//                More than 292 years are no limit.
// stop():        once the token's source requests a stop, Error::cancelled. In a Task the task's own token is inherited
//                where none is given; stop({}) inherits nothing. Stopping is a request: bytes that were transferred
//                win.
// wait():        Error::would_block_loop on a thread that runs a loop. No token is inherited.
// Destroying the coroutine while it is suspended here, on the loop's thread, ends the operation without a result.

#include <parley/core/detail/blocking_driver.hpp>
#include <parley/core/stop.hpp>

#include <concepts>
#include <coroutine>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {

/// The state of the stop token that a coroutine's promise offers, borrowed for as long as the coroutine lives.
/// A promise offers one with `const StopToken& stop_token() const`; parley's Task does.
template <class Promise>
StopState* inherited_stop(std::coroutine_handle<Promise> coroutine) noexcept {
  if constexpr (requires {
                  { coroutine.promise().stop_token() } -> std::same_as<const StopToken&>;
                }) {
    return coroutine.promise().stop_token().state();
  } else {
    return nullptr;
  }
}

/// What `co_await` says of an operation that has a name.
template <class Op>
constexpr void must_be_awaited_where_it_is_made() noexcept {
  static_assert(sizeof(Op) == 0,
                "await an operation in the expression that makes it, co_await socket.recv(buffer): it cannot be kept");
}

template <class Op>
class OperationAwaiter {
 public:
  explicit OperationAwaiter(Op& op) noexcept : op_(op) {}
  OperationAwaiter(const OperationAwaiter&) = delete;
  OperationAwaiter& operator=(const OperationAwaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
    op_.set_continuation(Continuation(std::coroutine_handle<>(coroutine)));
    return op_.start(Driver::current(), inherited_stop(coroutine));
  }
  auto await_resume() { return op_.result(); }

 private:
  Op& op_;
};

}  // namespace detail

/// What within() and stop() return: the same operation, still to be awaited or waited for in the same expression.
template <class Op>
class [[nodiscard]] Adjusted {
 public:
  using value_type = typename Op::value_type;

  explicit Adjusted(Op& op) noexcept : op_(op) {}
  Adjusted(const Adjusted&) = delete;
  Adjusted& operator=(const Adjusted&) = delete;

  template <class Rep, class Period>
  Adjusted within(std::chrono::duration<Rep, Period> timeout) && noexcept {
    op_.set_timeout(to_duration(timeout));
    return Adjusted(op_);
  }
  Adjusted stop(const StopToken& token) && noexcept {
    op_.set_stop(token.state());
    return Adjusted(op_);
  }
  value_type wait() && { return std::move(op_).wait(); }
  detail::OperationAwaiter<Op> operator co_await() && noexcept { return detail::OperationAwaiter<Op>(op_); }
  template <class Self = Op>
  detail::OperationAwaiter<Op> operator co_await() & {
    detail::must_be_awaited_where_it_is_made<Self>();
    return detail::OperationAwaiter<Op>(op_);
  }
  /// For the library: race() and when_all() start it themselves.
  Op& operation() && noexcept { return op_; }

 private:
  Op& op_;
};

namespace detail {

/// An operation made of a state machine. `Steps` has
///   static constexpr platform::Direction direction;
///   Step step(Operation&);                  sets the operation's status before it returns done
///   auto result(Operation&);                what the operation returns, once done
///   void leave(Operation&) noexcept;        optional: takes itself out of whatever would wake it
///   Step interrupt(Operation&, Drive);      optional: instead of ending with timed_out or cancelled
template <class Steps>
class [[nodiscard]] StepOperation : public Operation {
 public:
  using value_type = decltype(std::declval<Steps&>().result(std::declval<Operation&>()));

  template <class... Args>
  explicit StepOperation(Descriptor* descriptor, Args&&... args)
      : Operation(&StepOperation::drive, Steps::direction, descriptor), steps_(std::forward<Args>(args)...) {}
  // Before the steps are gone, since abandoning may step.
  ~StepOperation() { abandon(); }

  template <class Rep, class Period>
  Adjusted<StepOperation> within(std::chrono::duration<Rep, Period> timeout) && noexcept {
    set_timeout(to_duration(timeout));
    return Adjusted<StepOperation>(*this);
  }
  Adjusted<StepOperation> stop(const StopToken& token) && noexcept {
    set_stop(token.state());
    return Adjusted<StepOperation>(*this);
  }
  value_type wait() && {
    BlockingDriver::run(*this);
    return result();
  }
  OperationAwaiter<StepOperation> operator co_await() && noexcept { return OperationAwaiter<StepOperation>(*this); }
  template <class Self = Steps>
  OperationAwaiter<StepOperation> operator co_await() & {
    must_be_awaited_where_it_is_made<Self>();
    return OperationAwaiter<StepOperation>(*this);
  }

  value_type result() { return steps_.result(*this); }
  StepOperation& operation() && noexcept { return *this; }

 private:
  static Step drive(Operation& operation, Drive how) {
    auto& self = static_cast<StepOperation&>(operation);
    if (how == Drive::advance) return self.steps_.step(self);
    if (how != Drive::abandon) {
      if constexpr (requires { self.steps_.interrupt(self, how); }) return self.steps_.interrupt(self, how);
    }
    if constexpr (requires { self.steps_.leave(self); }) self.steps_.leave(self);
    self.fail(how == Drive::expire ? Error::timed_out : Error::cancelled);
    return Step::done;
  }

  Steps steps_;
};

}  // namespace detail

// What a state machine of one's own needs, a stream for tests for example: see io/byte_stream.hpp.
using detail::Operation;
using detail::Step;
using detail::StepOperation;

/// Has a parked operation go on. From any thread, under a lock that also guards its leaving (`leave` above), or on its
/// own.
inline void wake(Operation& operation) noexcept { detail::Driver::wake_parked(operation); }

}  // namespace parley::inline PARLEY_ABI
