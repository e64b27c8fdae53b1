// SPDX-License-Identifier: BSL-1.0
#pragma once
// Counters in memory that a server's process shares with the process that measures it: reading them costs the server
// nothing, and asks nothing of its code.

#include <atomic>
#include <cstdint>

namespace bench {

struct Counters {
  std::atomic<std::uint64_t> allocations{0};  ///< successful calls of malloc, calloc, realloc and their kin
  std::atomic<std::int64_t> live_bytes{0};    ///< bytes of heap in use, the allocator's own headers included
  std::atomic<bool> counting{false};          ///< set where the program includes counting_malloc.hpp
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "the counters are shared between processes");

/// Where this process counts: private memory until adopt_counters() was called.
extern Counters* counters;

/// Makes a shared memory object and maps it; the descriptor survives exec. Ends the process where that fails.
struct SharedCounters {
  SharedCounters();
  ~SharedCounters();
  SharedCounters(const SharedCounters&) = delete;
  SharedCounters& operator=(const SharedCounters&) = delete;

  int descriptor;
  Counters* values;
};

/// From here on this process counts in the memory behind `descriptor`, what it has counted so far included.
void adopt_counters(int descriptor);

}  // namespace bench
