// SPDX-License-Identifier: BSL-1.0
#pragma once

// Counts the calls to malloc and the like, which operator new ends in.

#include <cstddef>

namespace support {

/// False under the sanitizers and with another C library than glibc: then nothing is counted.
bool allocations_are_counted() noexcept;

/// How many this thread has made so far.
std::size_t allocations() noexcept;

}  // namespace support
