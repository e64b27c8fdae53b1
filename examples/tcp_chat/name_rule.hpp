// SPDX-License-Identifier: BSL-1.0
#pragma once

// The rule for names of users and rooms.
//
// A name has 1 to 32 characters: letters of one script (Latin with its accented letters, Greek, Cyrillic, Armenian,
// Georgian, Hebrew, Arabic, Korean, or Japanese and Chinese together), digits 0 to 9, and the signs - . _ each between
// two letters or digits. It has no spaces, so that it can be the argument of a command, and no emoji. Hebrew and Arabic
// names have letters only: digits among them would change places on the screen. An accented letter is one character,
// not a letter and a combining mark. The name of a room may be written with # in front, which is not part of it.
//
// Two names are the same when they are alike but for case, accents and characters that are easily taken for each other
// (I, l and 1; O and 0; m and rn; w and vv; the signs; letters of other scripts that look alike): only one of them can
// be in use. Nobody is called server, system or operator. A Greek name with a capital gamma, eta, nu or upsilon also needs
// a letter that only Greek has, since their small forms look like other letters than these do.
//
// Scripts that cannot be written without combining marks, Devanagari and Thai for example, are not taken: the same text
// can be composed of them in several ways.

#include <cstddef>
#include <string>
#include <string_view>

#include "../common/text.hpp"
#include "name_letters.hpp"

namespace tcp_chat {

inline constexpr std::size_t max_name_characters = 32;
/// Bytes in UTF-8, of a name and of a key: no letter takes more than 3.
inline constexpr std::size_t max_name_bytes = 3 * max_name_characters;

/// Whether a name can be used: true, or why not, in words for who chose it.
struct NameCheck {
  std::string_view reason;
  explicit operator bool() const noexcept { return reason.empty(); }
};

namespace detail {

inline bool is_space(char32_t c) noexcept {
  return c == ' ' || c == '\t' || c == 0xA0 || c == 0x1680 || within(c, 0x2000, 0x200A) || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

inline bool is_combining(char32_t c) noexcept {
  return within(c, 0x300, 0x36F) || within(c, 0x483, 0x489) || within(c, 0x591, 0x5C7) || within(c, 0x64B, 0x65F) ||
         within(c, 0x1AB0, 0x1AFF) || within(c, 0x1DC0, 0x1DFF) || within(c, 0x20D0, 0x20FF) ||
         within(c, 0x3099, 0x309A) || within(c, 0xFE20, 0xFE2F);
}

/// Why a character that is no letter, digit or sign is refused.
inline std::string_view reason_against(char32_t c) noexcept {
  if (is_space(c)) return "a name has no spaces";
  if (parley::is_unprintable(c)) return "a name has no invisible characters";
  if (is_combining(c)) return "a name has no combining marks: an accented letter is one character";
  return "a name has letters (Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew, Arabic, Korean, Japanese, Chinese), "
         "digits, and - . _ between them";
}

/// Looks at a name from left to right.
class NameScan {
 public:
  /// The reason against the next character, if there is one.
  std::string_view next(char32_t c) noexcept {
    if (++characters_ > max_name_characters) return "a name has at most 32 characters";
    const Letter letter = letter_of(c);
    if (letter.script == Script::none) return reason_against(c);
    const bool sign = letter.script == Script::common && letter.look == u'-';
    if (sign && after_sign_) return misplaced_sign;
    after_sign_ = sign;
    if (letter.script == Script::common) {
      has_common_ = true;
    } else if (script_ == Script::none) {
      script_ = letter.script;
    } else if (script_ != letter.script) {
      return "the letters of a name are of one script: all Latin, for example, or all Cyrillic";
    }
    two_faced_ |= c == 0x389 || c == 0x38E || c == 0x393 || c == 0x397 || c == 0x39D || c == 0x3A5 || c == 0x3AB;
    only_greek_ |= only_greek.find(static_cast<char16_t>(c)) != only_greek.npos;
    return {};
  }

  /// The reason against the whole.
  std::string_view end() const noexcept {
    if (characters_ == 0) return "a name has at least one character";
    if (after_sign_) return misplaced_sign;
    if (has_common_ && (script_ == Script::hebrew || script_ == Script::arabic)) {
      return "a Hebrew or Arabic name has letters only";
    }
    if (two_faced_ && !only_greek_)
      return "this Greek name could be taken for one in other letters: write it in small ones";
    return {};
  }

 private:
  static constexpr std::string_view misplaced_sign = "in a name, - . _ stand between two letters or digits";
  // As they look, so that not both cases of each are here.
  static constexpr std::u16string_view only_greek =
      u"\u038f\u0394\u039e\u03a3\u03a8\u03a9\u03b4\u03b6\u03bb\u03bc\u03be\u03c0\u03c2\u03c8\u03c9\u03ce";

  std::size_t characters_ = 0;
  Script script_ = Script::none;
  bool after_sign_ = true;  // nor may one begin a name
  bool has_common_ = false;
  bool two_faced_ = false;
  bool only_greek_ = false;
};

inline void append_look(std::string& key, char16_t look) {
  switch (look) {
    case u'A': key += "ae"; return;
    case u'B': key += "bl"; return;
    case u'L': key += "lo"; return;
    case u'O': key += "oe"; return;
    case u'm': key += "rn"; return;
    case u'w': key += "vv"; return;
    default: break;
  }
  const unsigned c = look;
  if (c < 0x80) {
    key += static_cast<char>(c);
  } else if (c < 0x800) {
    key += static_cast<char>(0xC0 | c >> 6);
    key += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    key += static_cast<char>(0xE0 | c >> 12);
    key += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    key += static_cast<char>(0x80 | (c & 0x3F));
  }
}

}  // namespace detail

/// What names are compared by: two that are the same have one key. Empty for what cannot be a name, because it is too
/// long or has a character that no name has. A key is its own key. To be used as it is, not to be shown. Takes any
/// bytes, looks at no more than 97 characters, and allocates less than 256 bytes.
inline std::string name_key(std::string_view name) {
  std::string key;
  while (!name.empty()) {
    const std::size_t length = parley::utf8_length(name);
    if (length == 0 || length > name.size()) return {};
    const Letter letter = letter_of(parley::utf8_value(name.substr(0, length)));
    if (letter.script == Script::none) return {};
    detail::append_look(key, letter.look);
    if (key.size() > max_name_bytes) return {};
    name.remove_prefix(length);
  }
  return key;
}

/// Whether a room can have this name, # not included: see room_name(). Takes any bytes, looks at no more than 33
/// characters, allocates nothing.
inline NameCheck check_room(std::string_view name) noexcept {
  detail::NameScan scan;
  while (!name.empty()) {
    const std::size_t length = parley::utf8_length(name);
    if (length == 0 || length > name.size()) return {"a name is UTF-8 text, and this is not"};
    if (const auto reason = scan.next(parley::utf8_value(name.substr(0, length))); !reason.empty()) return {reason};
    name.remove_prefix(length);
  }
  return {scan.end()};
}

/// The same for a user.
inline NameCheck check_name(std::string_view name) {
  if (const NameCheck check = check_room(name); !check) return check;
  const std::string key = name_key(name);
  for (const std::string_view word : {"server", "system", "operator"}) {
    if (key == name_key(word)) return {"this name is reserved"};
  }
  return {};
}

/// The name of a room without the # that may stand in front.
inline std::string_view room_name(std::string_view text) noexcept {
  if (text.starts_with('#')) text.remove_prefix(1);
  return text;
}

}  // namespace tcp_chat
