// SPDX-License-Identifier: BSL-1.0
#pragma once

// Time as the library counts it.

#include <parley/platform/config.hpp>

#include <chrono>

namespace parley::inline PARLEY_ABI {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

}  // namespace parley::inline PARLEY_ABI
