// SPDX-License-Identifier: BSL-1.0
#pragma once

// The row of a terminal in which a line is edited: a prompt and as much of the line as fits, the cursor in view. What
// is hidden at its sides is marked with < and >.
//
// The row never reaches the last column, so that it never wraps. It is steered with CR and ESC [ J alone (nothing is
// below it but what a terminal that became narrower has wrapped), and the cursor is put by writing what is in front of
// it once more: so it is right even where terminal and column table disagree about a character.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "character_width.hpp"
#include "edit_buffer.hpp"
#include "text.hpp"

namespace common {

class InputRow {
 public:
  static constexpr std::size_t fewest_columns = 8;  // a narrower terminal is taken for one of these
  static constexpr std::string_view erased = "\r\x1b[J";

  void set_columns(std::size_t columns) {
    columns = std::max(columns, fewest_columns);
    if (std::exchange(columns_, columns) != columns) begin_ = std::string::npos;  // to be found anew
  }

  /// `colour` are the parameters of SGR, as in "1;36"; empty: none. The text is cleaned.
  void set_prompt(std::string_view text, std::string_view colour) {
    prompt_ = parley::make_printable(text);
    colour_ = colour;
  }

  /// What draws the row, from wherever in it the cursor is.
  std::string draw(const EditBuffer& line) {
    const std::string_view text = line.text();
    const std::string prompt = '\r' + coloured(shown_prompt());
    const std::size_t room = columns_ - 1 - columns_of(shown_prompt());
    std::string left;
    std::string right;
    std::size_t end = text.size();
    if (columns_of(text) <= room) {
      begin_ = 0;
    } else {
      const std::size_t usable = room - 2;
      scroll_to_cursor(line, usable);
      end = fitting(line, begin_, usable);
      if (begin_ != 0) left = "<";
      if (end != text.size()) right = ">";
    }
    const std::string before = prompt + left + std::string(text.substr(begin_, line.cursor() - begin_));
    const std::string after = std::string(text.substr(line.cursor(), end - line.cursor())) + right;
    return before + after + "\x1b[J" + (after.empty() ? "" : before);
  }

  /// The line for good, however many rows it takes, and a new row below.
  std::string draw_whole(std::string_view text) const {
    return std::string(erased) + coloured(shown_prompt()) + std::string(text) + "\r\n";
  }

 private:
  // At most half of the row.
  std::string_view shown_prompt() const {
    std::string_view text = prompt_;
    std::size_t size = 0;
    std::size_t columns = 0;
    while (size < text.size()) {
      const std::size_t length = parley::utf8_length(text.substr(size));
      columns += columns_of(text.substr(size, length));
      if (columns > columns_ / 2) break;
      size += length;
    }
    return text.substr(0, size);
  }
  std::string coloured(std::string_view text) const {
    if (colour_.empty()) return std::string(text);
    return "\x1b[" + colour_ + 'm' + std::string(text) + "\x1b[0m";
  }

  // Moves the window when the cursor is about to leave it, so that half of it is in front of the cursor, or more at the
  // line's end, to fill it.
  void scroll_to_cursor(const EditBuffer& line, std::size_t usable) {
    const std::string_view text = line.text();
    const std::size_t cursor = line.cursor();
    const bool is_inside = begin_ == 0 ? columns_of(text.substr(0, cursor)) <= usable
                                       : begin_ < cursor && (static_cast<unsigned char>(text[begin_]) & 0xC0) != 0x80 &&
                                             columns_of(text.substr(begin_, cursor - begin_)) <= usable;
    if (is_inside) return;
    begin_ = cursor;
    while (begin_ > 0) {
      const std::size_t more = line.before(begin_);
      const std::size_t in_front = columns_of(text.substr(more, cursor - more));
      if (in_front > usable) return;
      if (in_front > usable / 2 && columns_of(text.substr(begin_)) >= usable) return;
      begin_ = more;
    }
  }

  static std::size_t fitting(const EditBuffer& line, std::size_t begin, std::size_t columns) {
    std::size_t end = begin;
    while (end < line.text().size()) {
      const std::size_t next = line.after(end);
      const std::size_t width = columns_of(std::string_view(line.text()).substr(end, next - end));
      if (width > columns) break;
      columns -= width;
      end = next;
    }
    return end;
  }

  std::size_t columns_ = 80;
  std::string prompt_;
  std::string colour_;
  std::size_t begin_ = 0;  // the first byte of the line that is shown
};

}  // namespace common
