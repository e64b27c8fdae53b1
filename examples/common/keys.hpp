// SPDX-License-Identifier: BSL-1.0
#pragma once

// The keys that a line editor knows, and what terminals send for them: xterm, VT220, rxvt and the Linux console.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace common {

enum class Key : std::uint8_t {
  none,
  text,  // a character
  enter,
  pasted_line_end,
  tab,
  left,
  right,
  up,
  down,
  home,
  end,
  word_left,
  word_right,
  backspace,
  erase,
  end_of_input_or_erase,  // Ctrl-D
  kill_to_end,
  kill_to_start,
  kill_blank_word,  // Ctrl-W: back to a space
  kill_word_left,   // Alt-Backspace
  kill_word_right,  // Alt-d
  yank,
  redraw,
  interrupt,
  suspend,
};

/// Control characters, DEL included.
inline Key control_key(char byte) {
  switch (byte) {
    case 1: return Key::home;
    case 2: return Key::left;
    case 3: return Key::interrupt;
    case 4: return Key::end_of_input_or_erase;
    case 5: return Key::end;
    case 6: return Key::right;
    case 8:
    case 127: return Key::backspace;
    case 9: return Key::tab;
    case 11: return Key::kill_to_end;
    case 12: return Key::redraw;
    case 14: return Key::down;
    case 16: return Key::up;
    case 21: return Key::kill_to_start;
    case 23: return Key::kill_blank_word;
    case 25: return Key::yank;
    case 26: return Key::suspend;
    default: return Key::none;
  }
}

/// Whether the parameters of a control sequence say Alt or Ctrl: "1;3" and "1;5" and what has these bits; Shift alone
/// ("1;2") is none.
inline bool has_modifier(std::string_view parameters) {
  const std::size_t semicolon = parameters.find(';');
  if (semicolon == std::string_view::npos || semicolon + 1 == parameters.size()) return false;
  return ((parameters[semicolon + 1] - '1') & 6) != 0;
}

/// ESC [ and a letter.
inline Key cursor_key(char final, bool by_word) {
  switch (final) {
    case 'A': return Key::up;
    case 'B': return Key::down;
    case 'C': return by_word ? Key::word_right : Key::right;
    case 'D': return by_word ? Key::word_left : Key::left;
    case 'H': return Key::home;
    case 'F': return Key::end;
    default: return Key::none;
  }
}

/// ESC O and a letter: the cursor keys in another mode; Ctrl and a cursor key of rxvt; Enter of the keypad.
inline Key application_key(char final) {
  if (final == 'M') return Key::enter;
  return final == 'c' || final == 'd' ? cursor_key(static_cast<char>(final - 'a' + 'A'), true)
                                      : cursor_key(final, false);
}

/// ESC [ and a number and ~.
inline Key numbered_key(std::string_view number, bool by_word) {
  if (number == "1" || number == "7") return Key::home;
  if (number == "4" || number == "8") return Key::end;
  if (number == "3") return by_word ? Key::kill_word_right : Key::erase;
  return Key::none;
}

/// ESC and a character: Alt.
inline Key alt_key(char byte) {
  switch (byte) {
    case 'b': return Key::word_left;
    case 'f': return Key::word_right;
    case 'd': return Key::kill_word_right;
    case '\x7f':
    case '\b': return Key::kill_word_left;
    default: return Key::none;
  }
}

}  // namespace common
