// SPDX-License-Identifier: BSL-1.0
#pragma once

// Has the processor fetch memory that is needed soon, while it goes on.

#include <parley/platform/config.hpp>

#include <cstddef>

namespace parley::inline PARLEY_ABI::platform {

/// A hint, for any address.
inline void prefetch(const void* at) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(at);
#else
  static_cast<void>(at);
#endif
}

/// All of an object.
template <class T>
void prefetch_all(const T& object) noexcept {
  constexpr std::size_t line = 64;
  for (std::size_t at = 0; at < sizeof(T); at += line) prefetch(reinterpret_cast<const char*>(&object) + at);
}

}  // namespace parley::inline PARLEY_ABI::platform
