// SPDX-License-Identifier: BSL-1.0
#pragma once

// Memory that has run out, as a result instead of an exception.

#include <parley/platform/config.hpp>

#include <new>

namespace parley::inline PARLEY_ABI::detail {

/// False where memory has run out. Without exceptions the program ends then, as it does everywhere in the standard
/// library.
template <class Allocate>
bool without_bad_alloc(Allocate allocate) noexcept {
#if PARLEY_HAS_EXCEPTIONS
  try {
    allocate();
  } catch (const std::bad_alloc&) {
    return false;
  }
#else
  allocate();
#endif
  return true;
}

}  // namespace parley::inline PARLEY_ABI::detail
