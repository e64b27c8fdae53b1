// SPDX-License-Identifier: BSL-1.0
#pragma once

// UTF-8 (RFC 3629), character by character, of bytes that may be anything.

#include <parley/platform/config.hpp>

#include <cstddef>
#include <string_view>

namespace parley::inline PARLEY_ABI {

/// The length of the UTF-8 character at the start of the text (RFC 3629), which is not empty. 0: it is none. More than
/// the size of the text: its beginning, the rest of which has not come yet.
inline std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (std::size_t i = 1; i < length && i < text.size(); ++i) {
    unsigned least = 0x80;
    unsigned most = 0xBF;
    if (i == 1 && lead == 0xE0) least = 0xA0;  // longer than it need be
    if (i == 1 && lead == 0xED) most = 0x9F;   // half of a UTF-16 pair
    if (i == 1 && lead == 0xF0) least = 0x90;
    if (i == 1 && lead == 0xF4) most = 0x8F;  // beyond Unicode
    if (byte(i) < least || byte(i) > most) return 0;
  }
  return length;
}

/// The number of the character that takes up this text, which is valid.
inline char32_t utf8_value(std::string_view character) noexcept {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead;
  char32_t value = lead & (0x7Fu >> character.size());
  for (const char later : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(later) & 0x3Fu);
  return value;
}

}  // namespace parley::inline PARLEY_ABI
