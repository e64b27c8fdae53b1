// SPDX-License-Identifier: BSL-1.0
#pragma once

// A tiny terminal: what a person would see after these bytes. It knows what our programs may send, and no more.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../examples/common/character_width.hpp"
#include "../../examples/common/text.hpp"

namespace programs {

class ScreenModel {
 public:
  explicit ScreenModel(std::size_t columns) : columns_(columns) {}

  void write(std::string_view bytes) {
    while (!bytes.empty()) bytes.remove_prefix(take(bytes));
  }

  /// Makes the window narrower, and breaks the rows that are too long; the cursor stays at its character. Every row is a
  /// line of its own.
  void break_rows_at(std::size_t columns) {
    std::vector<Row> broken;
    std::size_t cursor_row = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i == row_) cursor_row = broken.size() + column_ / columns;
      std::size_t at = 0;
      do {
        const std::size_t end = std::min(at + columns, rows_[i].size());
        broken.emplace_back(rows_[i].begin() + static_cast<std::ptrdiff_t>(at),
                            rows_[i].begin() + static_cast<std::ptrdiff_t>(end));
        at = end;
      } while (at < rows_[i].size());
    }
    rows_ = std::move(broken);
    row_ = cursor_row;
    column_ %= columns;
    columns_ = columns;
    wraps_next_ = false;
  }

  /// From the first row to the last that was reached, without spaces at their ends.
  std::vector<std::string> rows() const {
    std::vector<std::string> all;
    for (const Row& row : rows_) {
      std::string text;
      for (const std::string& cell : row) text += cell;
      text.erase(text.find_last_not_of(' ') + 1);
      all.push_back(text);
    }
    return all;
  }
  std::string last_row() const { return rows().back(); }
  /// Where the cursor is: columns in front of it, and its row.
  std::size_t column() const { return column_; }
  std::size_t row() const { return row_; }
  std::size_t row_count() const { return rows_.size(); }
  std::size_t bells() const { return bells_; }
  /// What it did not understand; a person might see anything then.
  const std::string& strange() const { return strange_; }

 private:
  using Row = std::vector<std::string>;  // a cell for each column; a wide character leaves the second one empty

  std::size_t take(std::string_view bytes) {
    const char byte = bytes.front();
    if (byte == '\x1b') return sequence(bytes);
    if (byte == '\r') {
      column_ = 0;
      wraps_next_ = false;
    } else if (byte == '\n') {
      wraps_next_ = false;
      next_row();
    } else if (byte == '\a') {
      ++bells_;
    } else {
      return character(bytes);
    }
    return 1;
  }

  std::size_t sequence(std::string_view bytes) {
    const std::size_t end = bytes.find_first_not_of("?0123456789;", 2);
    if (bytes.size() < 3 || bytes[1] != '[' || end == std::string_view::npos) {
      strange_ += bytes;
      return bytes.size();
    }
    const std::string_view parameters = bytes.substr(2, end - 2);
    const char final = bytes[end];
    if (final == 'J' && parameters.empty()) {
      rows_.resize(row_ + 1);
      rows_[row_].resize(column_);
    } else if (final == 'K' && parameters.empty()) {
      rows_[row_].resize(column_);
    } else if (final == 'A' && parameters == "1") {
      wraps_next_ = false;
      if (row_ != 0) --row_;
    } else if (final == 'H' && parameters.empty()) {
      row_ = column_ = 0;
    } else if (final == 'J' && parameters == "2") {
      rows_.assign(1, Row());
    } else if (final == 'h' || final == 'l') {
      if (parameters == "?7") {
        wraps_ = final == 'h';
      } else if (parameters != "?2004") {  // pastes are marked, or no longer
        strange_ += parameters;
      }
    } else if (final != 'm') {
      strange_ += bytes.substr(0, end + 1);
    }
    return end + 1;
  }

  std::size_t character(std::string_view bytes) {
    const std::size_t length = parley::utf8_length(bytes);
    if (length == 0 || length > bytes.size() || parley::is_unprintable(parley::utf8_value(bytes.substr(0, length)))) {
      strange_ += bytes.front();
      return 1;
    }
    const std::string_view text = bytes.substr(0, length);
    const std::size_t width = common::columns_of(text);
    if (width == 0) {
      add_mark(text);
    } else {
      put(text, width);
    }
    return length;
  }

  void put(std::string_view text, std::size_t width) {
    if (wraps_ && (wraps_next_ || column_ + width > columns_)) {
      column_ = 0;
      next_row();
    }
    if (column_ + width > columns_) column_ = columns_ - width;
    Row& row = rows_[row_];
    if (row.size() < column_ + width) row.resize(column_ + width, " ");
    row[column_] = text;
    for (std::size_t i = 1; i < width; ++i) row[column_ + i].clear();
    column_ += width;
    wraps_next_ = column_ == columns_;
    if (wraps_next_) --column_;
  }

  void add_mark(std::string_view text) {
    std::size_t at = wraps_next_ ? column_ : column_ - 1;
    if (column_ == 0 && !wraps_next_) return;
    while (at > 0 && rows_[row_][at].empty()) --at;
    rows_[row_][at] += text;
  }

  void next_row() {
    wraps_next_ = false;
    if (++row_ == rows_.size()) rows_.emplace_back();
  }

  std::size_t columns_;
  std::vector<Row> rows_{1};
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  bool wraps_ = true;
  bool wraps_next_ = false;
  std::size_t bells_ = 0;
  std::string strange_;
};

}  // namespace programs
