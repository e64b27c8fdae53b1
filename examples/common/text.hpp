// SPDX-License-Identifier: BSL-1.0
#pragma once

// Text from strangers, as far as parley::make_printable() does not see to it.

#include <parley/chat/printable.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace common {

/// How much of the text comes before a character at its end that is not complete yet: at most 3 bytes less than its
/// size.
inline std::size_t complete_utf8(std::string_view text) {
  for (std::size_t tail = 1; tail <= 3 && tail <= text.size(); ++tail) {
    const std::size_t begin = text.size() - tail;
    if ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) continue;  // a later byte of a character
    return parley::utf8_length(text.substr(begin)) > tail ? begin : text.size();
  }
  return text.size();
}

/// The text with small letters instead of the capital ones of ASCII: commands are the same in both.
inline std::string small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

/// The text as a name: clean, without spaces around it. Empty when nothing is left, or more than so many characters.
inline std::string clean_name(std::string_view text, std::size_t max_characters) {
  std::string name = parley::make_printable(text);
  name.erase(name.find_last_not_of(' ') + 1);
  name.erase(0, name.find_first_not_of(' '));
  std::size_t characters = 0;
  for (const char c : name) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return characters <= max_characters ? name : std::string();
}

}  // namespace common
