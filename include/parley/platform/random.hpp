// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers that nobody can guess (getrandom(2)).

#include <parley/platform/config.hpp>

#include <errno.h>
#include <sys/random.h>

#include <cstddef>

namespace parley::inline PARLEY_ABI::platform {

/// Fills the memory. An errno, or 0. Waits only while the system has just started and has not gathered enough yet.
inline int random_bytes(void* into, std::size_t size) noexcept {
  auto* next = static_cast<unsigned char*>(into);
  while (size != 0) {
    const auto count = ::getrandom(next, size < 256 ? size : 256, 0);
    if (count < 0 && errno != EINTR) return errno;
    if (count < 0) continue;
    next += count;
    size -= static_cast<std::size_t>(count);
  }
  return 0;
}

}  // namespace parley::inline PARLEY_ABI::platform
