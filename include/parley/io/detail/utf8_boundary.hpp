// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where to cut UTF-8 (RFC 3629) without cutting a character.

#include <parley/platform/config.hpp>

#include <cstddef>

namespace parley::inline PARLEY_ABI::detail {

/// Bytes in the sequence that this byte begins; 1 for what begins none.
constexpr std::size_t utf8_sequence_size(unsigned byte) noexcept {
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  if (byte >= 0xf0 && byte <= 0xf4) return 4;
  return 1;
}

/// How many of the bytes come before a sequence that has begun at the end and is not complete. At most 3 are held back;
/// what is not UTF-8 is not held back longer than it may become so.
inline std::size_t utf8_whole(const std::byte* data, std::size_t size) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= size; ++back) {
    const auto byte = std::to_integer<unsigned>(data[size - back]);
    if ((byte & 0xc0) != 0x80) return utf8_sequence_size(byte) > back ? size - back : size;
  }
  return size;
}

}  // namespace parley::inline PARLEY_ABI::detail
