// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers that never wrap, from those on the wire, which do (as RFC 9000, A.3).

#include <parley/platform/config.hpp>

#include <cstdint>

namespace parley::inline PARLEY_ABI::detail::reliable {

/// The number nearest to `expected` whose low part is this.
template <class Wire>
std::uint64_t complete(Wire low, std::uint64_t expected) noexcept {
  constexpr std::uint64_t span = std::uint64_t{1} << (8 * sizeof(Wire));
  const std::uint64_t candidate = (expected & ~(span - 1)) | low;
  if (candidate + span / 2 <= expected) return candidate + span;
  if (candidate > expected + span / 2 && candidate >= span) return candidate - span;
  return candidate;
}

/// Numbers begin a whole turn of the wire's 32 bits later than the first packet says, so that none before the first is
/// negative.
inline constexpr std::uint64_t number_base = std::uint64_t{1} << 32;

}  // namespace parley::inline PARLEY_ABI::detail::reliable
