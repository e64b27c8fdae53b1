// SPDX-License-Identifier: BSL-1.0
#pragma once

// A line being edited: its text, where the cursor is, and what was last cut out of it.
//
// The cursor moves by what a person sees as one character: a character with the marks that stand on it.

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "character_width.hpp"
#include "text.hpp"

namespace common {

class EditBuffer {
 public:
  explicit EditBuffer(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }  // bytes in front of it
  bool empty() const { return text_.empty(); }

  /// False, and nothing changes, when the line would be too long.
  bool insert(std::string_view text) {
    if (text.size() > max_bytes_ - text_.size()) return false;
    text_.insert(cursor_, text);
    cursor_ += text.size();
    return true;
  }
  bool yank() { return insert(cut_); }

  /// Replaces all; the cursor is at the end. What is longer than the limit is left out as a whole.
  void assign(std::string text) {
    text_ = text.size() <= max_bytes_ ? std::move(text) : std::string();
    cursor_ = text_.size();
  }
  std::string take() {
    cursor_ = 0;
    return std::exchange(text_, std::string());
  }
  /// Takes what is in front of the cursor; the rest stays, the cursor at its beginning.
  std::string take_front() {
    std::string front = text_.substr(0, cursor_);
    text_.erase(0, cursor_);
    cursor_ = 0;
    return front;
  }

  // Each returns false when there was nothing to move over or to remove.
  bool move_left() { return move_to(before(cursor_)); }
  bool move_right() { return move_to(after(cursor_)); }
  bool move_home() { return move_to(0); }
  bool move_end() { return move_to(text_.size()); }
  bool move_word_left() { return move_to(word_before()); }
  bool move_word_right() { return move_to(word_after()); }
  bool erase_left() { return remove(before(cursor_), cursor_); }
  bool erase_right() { return remove(cursor_, after(cursor_)); }
  bool cut_all() { return cut(0, text_.size()); }
  bool cut_to_end() { return cut(cursor_, text_.size()); }
  bool cut_to_start() { return cut(0, cursor_); }
  bool cut_word_left() { return cut(word_before(), cursor_); }
  bool cut_word_right() { return cut(cursor_, word_after()); }
  bool cut_blank_word() {
    std::size_t begin = cursor_;
    while (begin > 0 && text_[begin - 1] == ' ') --begin;
    while (begin > 0 && text_[begin - 1] != ' ') --begin;
    return cut(begin, cursor_);
  }

  /// The offset of the character that begins behind the one at `offset`.
  std::size_t after(std::size_t offset) const {
    if (offset == text_.size()) return offset;
    do offset += parley::utf8_length(std::string_view(text_).substr(offset));
    while (offset < text_.size() && is_mark_at(offset));
    return offset;
  }
  std::size_t before(std::size_t offset) const {
    while (offset > 0) {
      do --offset;
      while ((static_cast<unsigned char>(text_[offset]) & 0xC0) == 0x80);
      if (!is_mark_at(offset)) break;
    }
    return offset;
  }

 private:
  bool is_mark_at(std::size_t offset) const {
    const std::string_view rest = std::string_view(text_).substr(offset);
    return columns_of(parley::utf8_value(rest.substr(0, parley::utf8_length(rest)))) == 0;
  }

  // Of letters and digits; all that is not ASCII counts as such.
  bool is_word_at(std::size_t offset) const {
    const auto byte = static_cast<unsigned char>(text_[offset]);
    return byte >= 0x80 || std::isalnum(byte) != 0;
  }
  std::size_t word_before() const {
    std::size_t begin = cursor_;
    while (begin > 0 && !is_word_at(begin - 1)) --begin;
    while (begin > 0 && is_word_at(begin - 1)) --begin;
    return begin;
  }
  std::size_t word_after() const {
    std::size_t end = cursor_;
    while (end < text_.size() && !is_word_at(end)) ++end;
    while (end < text_.size() && is_word_at(end)) ++end;
    return end;
  }

  bool move_to(std::size_t offset) { return std::exchange(cursor_, offset) != offset; }
  bool remove(std::size_t begin, std::size_t end) {
    text_.erase(begin, end - begin);
    cursor_ = begin;
    return begin != end;
  }
  bool cut(std::size_t begin, std::size_t end) {
    if (begin != end) cut_ = text_.substr(begin, end - begin);
    return remove(begin, end);
  }

  std::string text_;  // valid UTF-8 that can be printed
  std::size_t cursor_ = 0;
  std::size_t max_bytes_;
  std::string cut_;
};

}  // namespace common
