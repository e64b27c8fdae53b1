// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the example programs print: whole lines, each written at once, so that a pipe gets them as they come.

#include <parley/core/result.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include "standard_streams.hpp"

namespace common {

/// Writing to a pipe that nobody reads any more (`program | head -1`) then fails, instead of ending the program.
inline void ignore_broken_pipes() {
#ifdef SIGPIPE
  static const auto before = std::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(before);
#endif
}

/// Writes whole lines to standard output. False when they cannot be written; errno tells why. Threads: any; the lines
/// of several do not mix.
inline bool print_lines(std::string_view lines) {
  ignore_broken_pipes();
  return std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size() && std::fflush(stdout) == 0;
}
/// The same for the text and a newline.
inline bool print_line(std::string_view text) { return print_lines(std::string(text) + '\n'); }

/// The same on standard error; there is nobody to tell when that fails.
inline void print_error(std::string_view text) {
  ignore_broken_pipes();
  const std::string line = std::string(text) + '\n';
  static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
}

/// Says what was tried and why it failed, as in "cannot listen on 127.0.0.1:8000: Address already in use", and returns
/// the status to exit with: 1. After Ctrl-C operations end with Error::cancelled, which is no failure: then it is 0,
/// and no reason is given.
inline int give_up(std::string_view attempt, std::error_code error) {
  if (error == parley::Error::cancelled) {
    end_line_of_ctrl_c();
    return 0;
  }
  print_error(std::string(attempt) + ": " + error.message());
  return 1;
}

/// The same when print_line() has returned false, with errno.
inline int give_up_printing(int error_number) {
  return give_up("cannot write to standard output", std::error_code(error_number, std::generic_category()));
}

}  // namespace common
