// SPDX-License-Identifier: BSL-1.0
#pragma once

// The lines that were entered, to go back to; a bounded number, of which the oldest goes first.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace common {

class LineHistory {
 public:
  explicit LineHistory(std::size_t max_lines) : max_lines_(max_lines) {}

  /// Empty lines and repetitions of the last one are left out. Whoever was looking at older lines is back at the end.
  void add(std::string_view line) {
    leave();
    if (max_lines_ == 0 || line.empty() || (!lines_.empty() && lines_.back() == line)) return;
    if (lines_.size() == max_lines_) lines_.pop_front();
    lines_.emplace_back(line);
    position_ = lines_.size();
  }

  /// The line before the one that is looked at; nullptr when there is none. `typed` is the line that is being typed: it
  /// is kept when one leaves it, and is what next() comes back to in the end.
  const std::string* previous(std::string_view typed) {
    if (position_ == 0) return nullptr;
    if (position_ == lines_.size()) typed_ = typed;
    return &lines_[--position_];
  }
  const std::string* next() {
    if (position_ == lines_.size()) return nullptr;
    return ++position_ == lines_.size() ? &typed_ : &lines_[position_];
  }
  /// Back to the line that is being typed, which is another one from here on.
  void leave() {
    position_ = lines_.size();
    typed_.clear();
  }

 private:
  std::size_t max_lines_;
  std::deque<std::string> lines_;
  std::size_t position_ = 0;  // lines_.size(): at the line that is being typed
  std::string typed_;
};

}  // namespace common
