// SPDX-License-Identifier: BSL-1.0
#pragma once

// Going on with a coroutine on another loop's thread.
//
//   if (auto moved = co_await resume_on(worker.loop()); !moved) co_return moved.error();

#include <parley/core/event_loop.hpp>

#include <coroutine>

namespace parley::inline PARLEY_ABI {

namespace detail {

class ResumeOn : private Operation {
 public:
  explicit ResumeOn(EventLoop& loop) noexcept : Operation(&ResumeOn::arrive, platform::Direction::read), loop_(loop) {}

  bool await_ready() const noexcept { return EventLoop::current() == &loop_; }

  // Not inlined: the other thread may destroy the frame while this runs (LLVM issues 56301 and 65018).
  template <class Promise>
  PARLEY_NOINLINE bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
    set_continuation(Continuation(std::coroutine_handle<>(coroutine)));
    const StopToken stopped = loop_.stop_token();
    if (loop_.driver().adopt(*this, *stopped.state())) return true;
    fail(Error::closed);
    return false;
  }

  Result<> await_resume() const noexcept { return error(); }

 private:
  static Step arrive(Operation& operation, Drive how) {
    if (how == Drive::advance) operation.succeed();
    return Step::done;
  }

  EventLoop& loop_;
};

}  // namespace detail

/// Completes on the loop's thread; at once when it is there already. It may be awaited on another loop, or by a
/// coroutine on a plain thread. Allocates nothing.
/// Errors: Error::closed when the loop has been told to stop; the coroutine then goes on where it is. A stop requested
/// later does not hold it up: EventLoop::run() lets everybody in who came before. A loop that is not running lets
/// nobody in until it runs. The hop is short, so it knows neither within() nor a stop: look at the result of what
/// follows.
///
/// Operations that follow belong to the new loop, and so do sockets first used there. Who awaits this coroutine goes on
/// where it ends. While a coroutine is away, it must not be destroyed on its old loop: join it.
[[nodiscard]] inline auto resume_on(EventLoop& loop) noexcept { return detail::ResumeOn(loop); }

}  // namespace parley::inline PARLEY_ABI
