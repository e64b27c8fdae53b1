// SPDX-License-Identifier: BSL-1.0
#pragma once
// The lines of a connection, for the servers that are bare loops: a line is copied only where a receive ended in it.

#include <cstddef>
#include <string>
#include <string_view>

namespace bench {

class LineSplitter {
 public:
  /// Calls `on_line` with each line that ends in `bytes`, its line feed left out. False where a line is longer than
  /// `max_line` bytes.
  template <class OnLine>
  bool feed(std::string_view bytes, std::size_t max_line, OnLine&& on_line) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) {
        half_.append(bytes);
        break;
      }
      std::string_view line = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (!half_.empty()) line = half_.append(line);
      if (line.size() > max_line) return false;
      on_line(line);
      half_.clear();
    }
    return half_.size() <= max_line;
  }

 private:
  std::string half_;
};

}  // namespace bench
