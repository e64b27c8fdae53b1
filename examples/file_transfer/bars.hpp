// SPDX-License-Identifier: BSL-1.0
#pragma once

// The two lines at the bottom of a terminal that tell how far it is: what they say in how many columns, and how they
// are drawn and go away again. Without output of its own.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../common/character_width.hpp"

namespace file_transfer {

/// A part of such a line, with the spaces before it; ASCII.
struct LinePart {
  std::string text;
  std::size_t room = 0;      // that it leaves to the name, or the whole name, or it gives way. 0: it stays
  std::string shorter = {};  // gives way to this first
};

/// The end of a name tells more than its beginning; of less than four columns nothing does.
inline std::string end_of_name(std::string_view name, std::size_t columns) {
  if (common::columns_of(name) <= columns) return std::string(name);
  if (columns < 4) return {};
  const auto does_not_fit = [&] {
    const bool begins_with_mark = common::columns_of(name.substr(0, parley::utf8_length(name))) == 0;
    return !name.empty() && (begins_with_mark || common::columns_of(name) >= columns);
  };
  while (does_not_fit()) name.remove_prefix(parley::utf8_length(name));
  return '<' + std::string(name);
}

/// The name (valid UTF-8, printable) and the parts, in not more than so many columns: those that leave most room to the
/// name give way first, then the name is shortened.
inline std::string fitted_line(std::string_view name, std::vector<LinePart> parts, std::size_t columns) {
  const auto width_of_parts = [&] {
    std::size_t width = 0;
    for (const LinePart& part : parts) width += part.text.size();
    return width;
  };
  const auto less_room = [](const LinePart& one, const LinePart& other) { return one.room < other.room; };
  const std::size_t width_of_name = common::columns_of(name);
  for (;;) {
    const auto next = std::max_element(parts.begin(), parts.end(), less_room);
    if (next == parts.end() || next->room == 0) break;
    if (width_of_parts() + std::min(width_of_name, next->room) <= columns) break;
    if (next->shorter.empty()) {
      parts.erase(next);
    } else {
      next->text = std::exchange(next->shorter, std::string());
    }
  }
  const std::size_t width = width_of_parts();
  std::string text = end_of_name(name, columns > width ? columns - width : 0);
  for (const LinePart& part : parts) text += part.text;
  text.erase(0, text.find_first_not_of(' '));
  return width > columns ? text.substr(0, columns) : text;
}

/// What the terminal is to be sent. The cursor stays where the first line begins: many terminals break lines anew when
/// their window becomes narrower, others cut them, and what stands from there on is removed either way.
class Bars {
 public:
  /// Neither line may have as many columns as the terminal; one whose width was misjudged is cut.
  std::string draw(std::string_view first, std::string_view second) {
    is_drawn_ = true;
    std::string text = "\r\x1b[?7l";
    text += first;
    text += "\x1b[K\r\n";
    text += second;
    return text + "\x1b[?7h\x1b[J" + back;
  }
  /// Nothing where nothing stands.
  std::string clear() { return std::exchange(is_drawn_, false) ? std::string("\r\x1b[K\r\n\x1b[J") + back : ""; }

 private:
  static constexpr const char* back = "\x1b[1A\r";

  bool is_drawn_ = false;
};

}  // namespace file_transfer
