// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is typed, as texts that fit into datagrams.

#include <cstddef>
#include <string>
#include <string_view>

#include "../common/text.hpp"

namespace udp_chat {

/// The text with U+FFFD for each byte that is not UTF-8: there are receivers that end when they get such a byte.
inline std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = parley::utf8_length(text);
    const bool is_character = length != 0 && length <= text.size();
    valid += is_character ? text.substr(0, length) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(is_character ? length : 1);
  }
  return valid;
}

/// Takes the longest beginning of a valid text that has at most `max_bytes` (4 or more) and ends between two characters.
inline std::string_view take_piece(std::string_view& text, std::size_t max_bytes) {
  const std::string_view piece = text.substr(0, common::complete_utf8(text.substr(0, max_bytes)));
  text.remove_prefix(piece.size());
  return piece;
}

}  // namespace udp_chat
