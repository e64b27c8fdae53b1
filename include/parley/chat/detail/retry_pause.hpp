// SPDX-License-Identifier: BSL-1.0
#pragma once

// How long a room waits before it tries again what there was no memory for.

#include <parley/core/event_loop.hpp>
#include <parley/core/operation.hpp>
#include <parley/core/turn_end_hook.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

/// Calls a hook at the end of a turn after the pause: 10 ms at first, then twice as long each time, up to a second. It
/// takes a place among the loop's timers; where there is no memory for that either, the next turn has to do.
class RetryPause final : private Operation, private Completion {
 public:
  explicit RetryPause(TurnEndHook& hook) noexcept
      : Operation(&RetryPause::drive, platform::Direction::read), hook_(hook) {}
  RetryPause(const RetryPause&) = delete;
  RetryPause& operator=(const RetryPause&) = delete;
  ~RetryPause() { abandon(); }

  bool is_running() const noexcept { return loop_ != nullptr; }
  /// It did not work. Nothing where the pause is running.
  void begin(EventLoop& loop) noexcept {
    if (is_running()) return;
    loop_ = &loop;
    due_ = loop.now() + length_;
    length_ = std::min(length_ * 2, longest);
    set_continuation(Continuation(static_cast<Completion&>(*this)));
    if (!start_unbudgeted(loop.driver())) finished(*this);
  }
  /// It has worked: the next pause is a short one.
  void shorten() noexcept { length_ = shortest; }
  void stop() noexcept {
    abandon();
    loop_ = nullptr;
    shorten();
  }

 private:
  static constexpr Duration shortest = std::chrono::milliseconds(10);
  static constexpr Duration longest = std::chrono::seconds(1);

  static Step drive(Operation& operation, Drive how) {
    const TimePoint due = static_cast<RetryPause&>(operation).due_;
    if (how != Drive::advance || operation.driver().now() >= due) return Step::done;
    operation.driver().pause(due);
    return Step::paused;
  }

  using Completion::finished;
  void finished(Operation&) noexcept override { std::exchange(loop_, nullptr)->at_turn_end(hook_); }

  TurnEndHook& hook_;
  EventLoop* loop_ = nullptr;  // while it is running
  TimePoint due_{};
  Duration length_ = shortest;
};

}  // namespace parley::inline PARLEY_ABI::detail
