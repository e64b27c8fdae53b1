// SPDX-License-Identifier: BSL-1.0
#pragma once

// check_name(): whether a name that somebody else has given may be created beneath a folder.
//
// A name is a path of components with '/' between them, relative to the folder, in UTF-8. Names are compared by nobody
// here: they are bytes. Where a file system takes two of them for one, because it ignores case or normalises (NFC and
// NFD), the second meets the file of the first, and creating it exclusively says so (std::errc::file_exists).

#include <parley/io/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

/// What is wrong with a name; the first that is found.
enum class NameFault : std::uint8_t {
  none,
  empty,
  too_long,       // over 4,096 bytes, 255 in a component, or 128 components
  absolute,       // it begins with '/'
  parent,         // "..": it would leave the folder
  odd_component,  // an empty one or ".": two names would be one file
  nul,            // the system would take it for the end
  control,        // a character that steers a terminal, ends a line or turns the order of the text around
  not_utf8,
  separator,  // '\', which separates components on Windows
  reserved,   // one of < > : " | ? *, which Windows refuses or takes for something else
  device,     // CON, NUL, COM1 and so on, with any extension: on Windows no file
  trailing,   // a dot or space at the end of a component, which Windows drops
};

enum class NamePolicy : std::uint8_t {
  any_system,   // may be created everywhere, to the same effect
  this_system,  // may be created here: on Linux from `control` on all is allowed
};

namespace detail {

inline constexpr std::size_t max_name = 4096;
inline constexpr std::size_t max_component = 255;
inline constexpr std::size_t max_components = 128;

inline bool equal_ignoring_case(std::string_view text, std::string_view upper) noexcept {
  return std::equal(text.begin(), text.end(), upper.begin(), upper.end(),
                    [](char a, char b) { return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b; });
}

// "Naming Files, Paths, and Namespaces" (Microsoft): the extension does not matter, nor do spaces before it, and
// superscript digits count as digits.
inline bool is_device_name(std::string_view component) noexcept {
  component = component.substr(0, component.find('.'));
  while (component.ends_with(' ')) component.remove_suffix(1);
  constexpr std::array<std::string_view, 6> whole{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
  for (const std::string_view name : whole) {
    if (equal_ignoring_case(component, name)) return true;
  }
  if (!equal_ignoring_case(component.substr(0, 3), "COM") && !equal_ignoring_case(component.substr(0, 3), "LPT")) {
    return false;
  }
  const std::string_view digit = component.substr(3);
  return (digit.size() == 1 && digit[0] >= '0' && digit[0] <= '9') || digit == "\xC2\xB9" || digit == "\xC2\xB2" ||
         digit == "\xC2\xB3";
}

inline NameFault check_characters(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || length > text.size()) return NameFault::not_utf8;
    const char32_t c = utf8_value(text.substr(0, length));
    const bool turns_order = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || turns_order) return NameFault::control;
    if (c == '\\') return NameFault::separator;
    if (c < 0x80 && std::string_view("<>:\"|?*").find(static_cast<char>(c)) != std::string_view::npos) {
      return NameFault::reserved;
    }
    text.remove_prefix(length);
  }
  return NameFault::none;
}

inline NameFault check_component(std::string_view component, NamePolicy policy) noexcept {
  if (component == "..") return NameFault::parent;
  if (component.empty() || component == ".") return NameFault::odd_component;
  if (component.size() > max_component) return NameFault::too_long;
  if (policy == NamePolicy::this_system) return NameFault::none;
  if (const NameFault fault = check_characters(component); fault != NameFault::none) return fault;
  if (is_device_name(component)) return NameFault::device;
  return component.ends_with('.') || component.ends_with(' ') ? NameFault::trailing : NameFault::none;
}

}  // namespace detail

/// Looks at the text only: what may stand at that place in the file system is for Folder (io/folder.hpp) to find.
/// Any thread.
inline NameFault check_name(std::string_view name, NamePolicy policy = NamePolicy::any_system) noexcept {
  if (name.empty()) return NameFault::empty;
  if (name.find('\0') != name.npos) return NameFault::nul;
  if (name.size() > detail::max_name) return NameFault::too_long;
  if (name.starts_with('/')) return NameFault::absolute;
  for (std::size_t components = 1;; ++components) {
    if (components > detail::max_components) return NameFault::too_long;
    const std::size_t end = std::min(name.find('/'), name.size());
    const NameFault fault = detail::check_component(name.substr(0, end), policy);
    if (fault != NameFault::none || end == name.size()) return fault;
    name.remove_prefix(end + 1);
  }
}

/// In words that go on after a name: `"../x": it would leave the folder`.
inline const char* to_text(NameFault fault) noexcept {
  switch (fault) {
    case NameFault::none: return "nothing is wrong with it";
    case NameFault::empty: return "it is empty";
    case NameFault::too_long: return "it is too long";
    case NameFault::absolute: return "it begins with /";
    case NameFault::parent: return "it would leave the folder";
    case NameFault::odd_component: return "it has an empty part or \".\" in it";
    case NameFault::nul: return "it has a NUL in it";
    case NameFault::control: return "it has control characters in it";
    case NameFault::not_utf8: return "it is not UTF-8";
    case NameFault::separator: return "it has a \\ in it";
    case NameFault::reserved: return "it has one of < > : \" | ? * in it";
    case NameFault::device: return "it is the name of a device on Windows";
    case NameFault::trailing: return "a part of it ends with a dot or a space";
  }
  return "unknown fault";
}

}  // namespace parley::inline PARLEY_ABI
