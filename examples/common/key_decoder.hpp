// SPDX-License-Identifier: BSL-1.0
#pragma once

// The bytes that a terminal sends, as keys. They may come in any pieces.
//
// What is recognised are the keys of keys.hpp, as control sequences of ECMA-48, and bracketed paste: between
// ESC [ 200 ~ and ESC [ 201 ~ all is text, line ends apart, and nothing is a key. Without that marker pasted text
// cannot be told from typing. Control sequences that are not known are ignored whole, up to 64 bytes. Controls in
// pasted text are ignored; a tab there is a space. What is not UTF-8 becomes U+FFFD.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "keys.hpp"
#include "text.hpp"

namespace common {

class KeyDecoder {
 public:
  /// The next key, the bytes of which it takes from the front. Key::none once they are used up: what has begun goes on
  /// with the next call.
  Key next(std::string_view& bytes) {
    while (!bytes.empty()) {
      bool used = true;
      const Key key = step(bytes.front(), used);
      if (used) bytes.remove_prefix(1);
      if (key != Key::none) return key;
    }
    return Key::none;
  }
  /// The character of Key::text; it can be printed (see is_unprintable).
  std::string_view text() const { return text_; }

  bool is_pasting() const { return pasting_; }
  /// True where an escape sequence has begun that may be all there is: the Escape key, or Alt and [. When nothing has
  /// followed for a moment, forget_sequence(), or it would swallow the next key. Never inside of a paste, the end of
  /// which must not be missed.
  bool may_be_whole() const { return state_ != State::ground && parameters_.empty() && !pasting_; }
  void forget_sequence() { state_ = State::ground; }

 private:
  enum class State : std::uint8_t { ground, escape, csi, ss3, console, string };
  static constexpr std::size_t longest_sequence = 64;
  static constexpr char esc = '\x1b';

  Key step(char byte, bool& used) {
    const auto value = static_cast<unsigned char>(byte);
    if (!partial_.empty()) return go_on_with_character(byte, used);
    if (state_ == State::ground) return begin(byte);
    if (byte == esc) {  // also where a string ends, with ESC and a backslash
      begin_sequence(State::escape);
      return Key::none;
    }
    if (++sequence_length_ > longest_sequence) state_ = State::ground;
    switch (state_) {
      case State::escape: return after_escape(byte, used);
      case State::csi: return in_csi(byte, used);
      case State::console: state_ = State::ground; return Key::none;  // a function key of the Linux console: ESC [ [ A
      case State::ss3: state_ = State::ground; return value < 0x20 ? not_used(used) : application_key(byte);
      case State::string: return in_string(byte, used);
      case State::ground: break;  // it was too long: what follows is text again
    }
    return not_used(used);
  }

  static Key not_used(bool& used) {
    used = false;
    return Key::none;
  }

  void begin_sequence(State state) {
    state_ = state;
    sequence_length_ = 0;
    parameters_.clear();
  }

  Key begin(char byte) {
    const bool follows_cr = last_was_cr_;
    last_was_cr_ = byte == '\r';
    if (byte == esc) {
      begin_sequence(State::escape);
      return Key::none;
    }
    if (byte == '\r' || byte == '\n') {
      if (byte == '\n' && follows_cr) return Key::none;
      return pasting_ ? Key::pasted_line_end : Key::enter;
    }
    if (static_cast<unsigned char>(byte) < 0x20 || byte == '\x7f')
      return pasting_ ? pasted_control(byte) : control_key(byte);
    partial_ = byte;
    return character_if_complete();
  }

  // ---- Characters ------------------------------------------------------------------------------------------------

  Key go_on_with_character(char byte, bool& used) {
    partial_ += byte;
    if (parley::utf8_length(partial_) != 0) return character_if_complete();
    used = false;  // it does not belong there
    partial_.clear();
    return replacement();
  }

  Key character_if_complete() {
    const std::size_t length = parley::utf8_length(partial_);
    if (length > partial_.size()) return Key::none;
    text_.swap(partial_);
    partial_.clear();
    if (length == 0) return replacement();
    return parley::is_unprintable(parley::utf8_value(text_)) ? Key::none : Key::text;
  }

  Key replacement() {
    text_ = "\xEF\xBF\xBD";
    return Key::text;
  }

  Key pasted_control(char byte) {
    if (byte != '\t') return Key::none;
    text_ = ' ';
    return Key::text;
  }

  // ---- Escape sequences ------------------------------------------------------------------------------------------

  Key after_escape(char byte, bool& used) {
    state_ = State::ground;
    if (byte == '[') {
      begin_sequence(State::csi);
      return Key::none;
    }
    if (pasting_) return not_used(used);  // only a stray ESC
    switch (byte) {
      case 'O': begin_sequence(State::ss3); return Key::none;
      case ']':
      case 'P':
      case 'X':
      case '^':
      case '_': begin_sequence(State::string); return Key::none;
      default: break;
    }
    const Key key = alt_key(byte);
    const auto value = static_cast<unsigned char>(byte);
    return key == Key::none && (value < 0x20 || value >= 0x80) ? not_used(used) : key;
  }

  Key in_csi(char byte, bool& used) {
    const auto value = static_cast<unsigned char>(byte);
    if (value >= 0x20 && value < 0x40) {
      parameters_ += byte;
      return Key::none;
    }
    state_ = State::ground;
    if (value < 0x20 || value > 0x7E) return not_used(used);
    if (parameters_.starts_with('?')) return Key::none;  // an answer of the terminal
    if (byte == '[' && parameters_.empty() && !pasting_) {
      state_ = State::console;
      return Key::none;
    }
    const Key key = byte == '~' ? numbered() : cursor_key(byte, has_modifier(parameters_));
    return pasting_ ? Key::none : key;
  }

  Key numbered() {
    const std::string_view number = std::string_view(parameters_).substr(0, parameters_.find(';'));
    if (number == "200" || number == "201") {
      pasting_ = number == "200";
      last_was_cr_ = false;
    }
    return numbered_key(number, has_modifier(parameters_));
  }

  // An answer of the terminal, up to BEL or ESC \ .
  Key in_string(char byte, bool& used) {
    if (static_cast<unsigned char>(byte) >= 0x20) return Key::none;
    state_ = State::ground;
    return byte == '\a' ? Key::none : not_used(used);
  }

  State state_ = State::ground;
  bool pasting_ = false;
  bool last_was_cr_ = false;
  std::size_t sequence_length_ = 0;
  std::string parameters_;  // at most longest_sequence bytes
  std::string partial_;     // a character that is not complete
  std::string text_;
};

}  // namespace common
