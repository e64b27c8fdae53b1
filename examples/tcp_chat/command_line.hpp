// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a line of a client means: something to say, or a command.

#include <string_view>

namespace tcp_chat {

struct Line {
  std::string_view command;  // without its slash; empty: `text` is to be said
  std::string_view text;     // of a command: what follows it, without spaces around it
};

inline std::string_view without_spaces_around(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// "/nick bob" is a command; "//nick" is the text "/nick".
inline Line parse_line(std::string_view line) {
  if (!line.starts_with('/')) return {{}, line};
  line.remove_prefix(1);
  if (line.starts_with('/')) return {{}, line};
  const auto end = line.find(' ');
  if (end == line.npos) return {line.empty() ? " " : line, {}};
  return {end == 0 ? " " : line.substr(0, end), without_spaces_around(line.substr(end))};
}

/// The first word of the text, and the rest.
struct FirstWord {
  std::string_view word;
  std::string_view rest;
};
inline FirstWord first_word(std::string_view text) {
  const auto end = text.find(' ');
  if (end == text.npos) return {text, {}};
  return {text.substr(0, end), without_spaces_around(text.substr(end))};
}

}  // namespace tcp_chat
