// SPDX-License-Identifier: BSL-1.0
#pragma once

// Time as the library counts it.

#include <parley/platform/config.hpp>

#include <chrono>

namespace parley::inline PARLEY_ABI {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

/// Any unit as a Duration, fractions of a tick rounded up. What it cannot count (292 years) is its maximum or minimum.
template <class Rep, class Period>
Duration to_duration(std::chrono::duration<Rep, Period> time) noexcept {
  using Seconds = std::chrono::duration<double>;
  if (Seconds(time) >= Seconds(Duration::max())) return Duration::max();
  if (Seconds(time) <= Seconds(Duration::min())) return Duration::min();
  return std::chrono::ceil<Duration>(time);
}
inline Duration to_duration(Duration time) noexcept { return time; }

}  // namespace parley::inline PARLEY_ABI
