// SPDX-License-Identifier: BSL-1.0
#pragma once

// Texts as JSON (RFC 8259).

#include <parley/chat/printable.hpp>

#include <string>
#include <string_view>

namespace common {

/// The text in quotes. What is not UTF-8 becomes U+FFFD, and characters that would steer a terminal are left out, since
/// such lines are looked at too.
inline std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : parley::make_printable(text)) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json += '"';
}

}  // namespace common
