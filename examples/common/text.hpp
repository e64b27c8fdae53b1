// SPDX-License-Identifier: BSL-1.0
#pragma once

// Text from strangers, made fit for a terminal or a log.

#include <cstddef>
#include <string>
#include <string_view>

namespace common {

/// The length of the UTF-8 character at the start of the text (RFC 3629), which is not empty. 0: it is none. More than
/// the size of the text: its beginning, the rest of which has not come yet.
inline std::size_t utf8_length(std::string_view text) {
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

/// How much of the text comes before a character at its end that is not complete yet: at most 3 bytes less than its
/// size.
inline std::size_t complete_utf8(std::string_view text) {
  for (std::size_t tail = 1; tail <= 3 && tail <= text.size(); ++tail) {
    const std::size_t begin = text.size() - tail;
    if ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) continue;  // a later byte of a character
    return utf8_length(text.substr(begin)) > tail ? begin : text.size();
  }
  return text.size();
}

/// The number of the character that takes up this text, which is valid.
inline char32_t utf8_value(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead;
  char32_t value = lead & (0x7Fu >> character.size());
  for (const char later : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(later) & 0x3Fu);
  return value;
}

/// Characters that steer a terminal, reorder what stands around them, or cannot be seen.
inline bool is_unprintable(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) ||  // C0 and C1 controls, DEL
         c == 0xAD || c == 0x61C ||              // soft hyphen, Arabic letter mark
         (c >= 0x200B && c <= 0x200F) ||         // zero width, left-to-right and right-to-left marks
         (c >= 0x2028 && c <= 0x202E) ||         // line and paragraph separators, embeddings and overrides
         (c >= 0x2060 && c <= 0x206F) ||         // word joiner, isolates, what is deprecated
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE0FFF);  // tags, variation selectors beyond the usual ones
}

/// The text without such characters; tabs become spaces, what is not UTF-8 becomes U+FFFD. Newlines stay only where
/// they are asked for: in a line they would begin a forged one.
enum class Newlines { drop, keep };
inline std::string clean_text(std::string_view text, Newlines newlines = Newlines::drop) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || length > text.size()) {
      clean += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    const std::string_view character = text.substr(0, length);
    if (character == "\t") {
      clean += ' ';
    } else if (!is_unprintable(utf8_value(character)) || (character == "\n" && newlines == Newlines::keep)) {
      clean += character;
    }
    text.remove_prefix(length);
  }
  return clean;
}

/// The text as a name: clean, without spaces around it. Empty when nothing is left, or more than so many characters.
inline std::string clean_name(std::string_view text, std::size_t max_characters) {
  std::string name = clean_text(text);
  name.erase(name.find_last_not_of(' ') + 1);
  name.erase(0, name.find_first_not_of(' '));
  std::size_t characters = 0;
  for (const char c : name) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return characters <= max_characters ? name : std::string();
}

}  // namespace common
