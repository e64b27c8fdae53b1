// SPDX-License-Identifier: BSL-1.0
#pragma once
// The clock of the loads: monotonic, and the same in every process of the machine.

#include <cstdint>
#include <ctime>

namespace bench {

inline std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

inline double now_s() { return static_cast<double>(now_ns()) * 1e-9; }

}  // namespace bench
