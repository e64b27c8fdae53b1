// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the program's standard streams are: terminals or not, how wide, and whether colours are welcome. And writing to
// a terminal at once, without the buffer of stdout.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#if __has_include(<termios.h>)
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace common {

#if __has_include(<termios.h>)
inline bool input_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
inline bool output_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

/// Of the terminal on standard output; 80 where it does not say.
inline std::size_t terminal_columns() {
  ::winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : std::size_t{80};
}

/// Writes all of it to standard output. It blocks while the terminal takes no output (Ctrl-S, a slow connection). False
/// when it cannot be written; errno tells why.
inline bool write_to_terminal(std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {  // somebody who shares it has made it non-blocking
      ::pollfd output{STDOUT_FILENO, POLLOUT, 0};
      if (::poll(&output, 1, -1) < 0 && errno != EINTR) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}
#else
inline bool input_is_terminal() { return false; }
inline bool output_is_terminal() { return false; }
inline std::size_t terminal_columns() { return 80; }
inline bool write_to_terminal(std::string_view) { return false; }
#endif

/// Whether the environment says that the terminal understands escape sequences: TERM is set, and not to "dumb".
inline bool terminal_is_capable() {
  const char* const name = std::getenv("TERM");
  return name != nullptr && *name != '\0' && std::string_view(name) != "dumb";
}

/// Whether to colour standard output: a capable terminal, and no NO_COLOR in the environment (https://no-color.org).
inline bool colours_are_welcome() {
  const char* const no_colour = std::getenv("NO_COLOR");
  return (no_colour == nullptr || *no_colour == '\0') && output_is_terminal() && terminal_is_capable();
}

enum class Colour : std::uint8_t { plain, bold, dim, red, green, yellow, blue, magenta, cyan };

/// The parameters of SGR (ECMA-48, 8.3.117).
inline std::string_view sgr_of(Colour colour) {
  switch (colour) {
    case Colour::plain: return "";
    case Colour::bold: return "1";
    case Colour::dim: return "2";
    case Colour::red: return "31";
    case Colour::green: return "32";
    case Colour::yellow: return "33";
    case Colour::blue: return "34";
    case Colour::magenta: return "35";
    case Colour::cyan: return "36";
  }
  return "";
}

inline std::string coloured(std::string_view text, Colour colour) {
  if (colour == Colour::plain) return std::string(text);
  return "\x1b[" + std::string(sgr_of(colour)) + 'm' + std::string(text) + "\x1b[0m";
}

}  // namespace common
