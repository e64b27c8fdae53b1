// SPDX-License-Identifier: BSL-1.0
#pragma once

// Counts the calls to malloc and the like, which operator new ends in, and makes them fail on demand.

#include <cstddef>

namespace support {

/// False under the sanitizers and with another C library than glibc: then nothing is counted.
bool allocations_are_counted() noexcept;

/// How many this thread has made so far.
std::size_t allocations() noexcept;

/// As long as it lives, this thread's allocations fail from the nth on (1: all of them). Where they are not counted, it
/// does nothing.
class OutOfMemory {
 public:
  explicit OutOfMemory(std::size_t from = 1) noexcept;
  ~OutOfMemory();
  OutOfMemory(const OutOfMemory&) = delete;
  OutOfMemory& operator=(const OutOfMemory&) = delete;
};

}  // namespace support
