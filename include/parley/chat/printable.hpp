// SPDX-License-Identifier: BSL-1.0
#pragma once

// Text from strangers, made fit for a terminal, a log or a line.

#include <parley/io/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace parley::inline PARLEY_ABI {

/// Characters that steer a terminal, reorder what stands around them, or cannot be seen.
constexpr bool is_unprintable(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) ||  // C0 and C1 controls, DEL
         c == 0xAD || c == 0x61C ||              // soft hyphen, Arabic letter mark
         (c >= 0x200B && c <= 0x200F) ||         // zero width, left-to-right and right-to-left marks
         (c >= 0x2028 && c <= 0x202E) ||         // line and paragraph separators, embeddings and overrides
         (c >= 0x2060 && c <= 0x206F) ||         // word joiner, isolates, what is deprecated
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE0FFF);  // tags, variation selectors beyond the usual ones
}

namespace detail {

/// Whether so many times eight bytes are all printable ASCII.
template <std::size_t Eights>
bool is_printable_ascii(const char* text) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t highs = 0x80 * ones;
  std::uint64_t above = 0;
  std::uint64_t not_below = highs;
  for (std::size_t i = 0; i < Eights; ++i) {
    std::uint64_t eight;
    std::memcpy(&eight, text + i * sizeof(eight), sizeof(eight));
    // A carry into the next byte comes only from one above 0x7F, which is none of these anyway.
    above |= eight | (eight + ones);
    not_below &= eight + 0x60 * ones;
  }
  return (above & highs) == 0 && (not_below & highs) == highs;
}

}  // namespace detail

/// How many bytes at the start of the text are printable ASCII: most of what people say, so it is looked at in blocks.
inline std::size_t printable_ascii(std::string_view text) noexcept {
  if (text.empty() || static_cast<unsigned char>(text[0]) > 0x7F) return 0;  // as in words of other letters
  std::size_t count = 0;
  while (text.size() - count >= 64 && detail::is_printable_ascii<8>(text.data() + count)) count += 64;
  while (text.size() - count >= 8 && detail::is_printable_ascii<1>(text.data() + count)) count += 8;
  while (count < text.size() && text[count] >= 0x20 && text[count] < 0x7F) ++count;
  return count;
}

enum class Newlines : std::uint8_t { drop, keep };

/// Appends the text without such characters; tabs become spaces, what is not UTF-8 becomes U+FFFD. Newlines stay only
/// where they are asked for: in a line they would begin a forged one.
inline void append_printable(std::string_view text, std::string& out, Newlines newlines = Newlines::drop) {
  for (;;) {
    const std::size_t plain = printable_ascii(text);
    out.append(text.data(), plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const std::size_t length = utf8_length(text);
    if (length == 0 || length > text.size()) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    const std::string_view character = text.substr(0, length);
    if (character == "\t") {
      out += ' ';
    } else if (!is_unprintable(utf8_value(character)) || (character == "\n" && newlines == Newlines::keep)) {
      out += character;
    }
    text.remove_prefix(length);
  }
}

inline std::string make_printable(std::string_view text, Newlines newlines = Newlines::drop) {
  std::string printable;
  printable.reserve(text.size());
  append_printable(text, printable, newlines);
  return printable;
}

}  // namespace parley::inline PARLEY_ABI
