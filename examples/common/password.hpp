// SPDX-License-Identifier: BSL-1.0
#pragma once

// A password or token from the first line of a file.

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace common {

/// Nothing, and errno says why, when it cannot be read or has no first line.
inline std::optional<std::string> read_password(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  line.erase(line.find_last_not_of(" \r") + 1);  // nor can what is typed have spaces around it
  line.erase(0, line.find_first_not_of(' '));
  if (line.empty()) {
    if (errno == 0) errno = EINVAL;
    return std::nullopt;
  }
  return line;
}

class Password {
 public:
  /// Empty: there is none, and nothing matches.
  explicit Password(std::string text) : text_(std::move(text)) {}

  /// Takes as long for each text of the same length, whatever it has in common with the password.
  bool matches(std::string_view guess) const {
    unsigned difference = text_.empty() || guess.size() != text_.size() ? 1 : 0;
    for (std::size_t i = 0; i < guess.size(); ++i) {
      const char expected = text_.empty() ? '\0' : text_[i % text_.size()];
      difference |= static_cast<unsigned>(static_cast<unsigned char>(guess[i]) ^ static_cast<unsigned char>(expected));
    }
    return difference == 0;
  }

 private:
  std::string text_;
};

}  // namespace common
