// SPDX-License-Identifier: BSL-1.0
#pragma once

// Waiting for a time.

#include <parley/core/operation.hpp>

#include <chrono>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

namespace detail {

class SleepSteps {
 public:
  static constexpr auto direction = platform::Direction::read;

  explicit SleepSteps(Duration duration) noexcept : ticks_(duration.count()), relative_(true) {}
  explicit SleepSteps(TimePoint time) noexcept : ticks_(time.time_since_epoch().count()), relative_(false) {}

  Step step(Operation& operation) noexcept {
    const std::int64_t now = operation.driver().now().time_since_epoch().count();
    if (relative_) {
      ticks_ = ticks_ > INT64_MAX - now ? INT64_MAX : now + ticks_;
      relative_ = false;
    }
    if (has_come(operation, now)) return Step::done;
    operation.driver().pause(TimePoint(Duration(ticks_)));
    return Step::paused;
  }

  // A time that has come wins over a timeout or stop of the same moment.
  Step interrupt(Operation& operation, Drive how) noexcept {
    if (relative_) step(operation);  // stopped before it began
    Driver& driver = operation.driver();
    const TimePoint time = how == Drive::expire ? driver.now() : driver.moment();
    if (!has_come(operation, time.time_since_epoch().count()))
      operation.fail(how == Drive::expire ? Error::timed_out : Error::cancelled);
    return Step::done;
  }

  Result<> result(Operation& operation) const noexcept { return operation.error(); }

 private:
  bool has_come(Operation& operation, std::int64_t now) const noexcept {
    operation.succeed();
    return ticks_ <= now;
  }

  std::int64_t ticks_;  // of Clock: a duration until the first step, then a time
  bool relative_;
};

}  // namespace detail

/// Completes once the duration has passed, counted from the co_await or wait(), and never before; zero and less at
/// once. Duration::max() sleeps until it is stopped.
/// Errors: Error::cancelled on a stop, Error::timed_out where within() is shorter. Threads: any; on a loop, its own
/// clock (LoopOptions::time) counts. The number of sleepers is unbounded; each costs O(log n) and no allocation of its
/// own.
[[nodiscard]] inline auto sleep(Duration duration) noexcept {
  return detail::StepOperation<detail::SleepSteps>(nullptr, duration);
}

/// Converts any unit; fractions of a tick are rounded up. Beyond what Duration can count (292 years) it is
/// Duration::max().
template <class Rep, class Period>
[[nodiscard]] auto sleep(std::chrono::duration<Rep, Period> duration) noexcept {
  return sleep(to_duration(duration));
}

/// The same, until a time on the loop's clock (the steady clock in wait()).
[[nodiscard]] inline auto sleep_until(TimePoint time) noexcept {
  return detail::StepOperation<detail::SleepSteps>(nullptr, time);
}

}  // namespace parley::inline PARLEY_ABI
