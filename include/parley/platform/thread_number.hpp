// SPDX-License-Identifier: BSL-1.0
#pragma once

// A number for each thread: cheaper to keep and to compare than its id.

#include <parley/platform/config.hpp>

#include <atomic>
#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

/// The calling thread's number, which no other living thread has unless 2^32 threads came in between.
// Not inlined: clang keeps the address of a thread's variables across a suspension (LLVM issue 47179).
PARLEY_NOINLINE inline std::uint32_t thread_number() noexcept {
  static constinit std::atomic<std::uint32_t> last = 0;
  static thread_local constinit std::uint32_t number = 0;
  if (number == 0) number = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

}  // namespace parley::inline PARLEY_ABI::platform
