// SPDX-License-Identifier: BSL-1.0
// The rule for names: the input is a name.

#include "../../examples/tcp_chat/name_rule.hpp"
#include "fuzz/fuzz.hpp"

using namespace tcp_chat;
using fuzz::expect;

namespace {

// Upper and lower case of ASCII, Greek, Cyrillic and Armenian, whose rule can be said without a table.
char32_t other_case(char32_t c) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (in('a', 'z') || in('A', 'Z')) return c ^ 0x20;
  if (in(0x391, 0x3A1) || in(0x3A3, 0x3AB) || in(0x410, 0x42F)) return c + 0x20;
  if (in(0x3B1, 0x3C1) || in(0x3C3, 0x3CB) || in(0x430, 0x44F)) return c - 0x20;
  if (in(0x400, 0x40F)) return c + 0x50;
  if (in(0x450, 0x45F)) return c - 0x50;
  if (in(0x531, 0x556)) return c + 0x30;
  if (in(0x561, 0x586)) return c - 0x30;
  return c;
}

// Of those characters, which have at most 2 bytes.
void append_utf8(std::string& text, char32_t c) {
  if (c >= 0x80) text += static_cast<char>(0xC0 | c >> 6);
  text += static_cast<char>(c < 0x80 ? c : 0x80 | (c & 0x3F));
}

// Walks through an accepted name: nothing in it may be unfit for a terminal. Returns it in the other case.
std::string walk(std::string_view name) {
  std::string other;
  std::size_t characters = 0;
  for (; !name.empty(); ++characters) {
    const std::size_t length = parley::utf8_length(name);
    expect(length != 0 && length <= name.size(), "an accepted name is UTF-8");
    const char32_t c = parley::utf8_value(name.substr(0, length));
    expect(!parley::is_unprintable(c) && c != ' ', "an accepted name can be printed");
    if (other_case(c) == c) {
      other += name.substr(0, length);
    } else {
      append_utf8(other, other_case(c));
    }
    name.remove_prefix(length);
  }
  expect(characters >= 1 && characters <= max_name_characters, "an accepted name has 1 to 32 characters");
  return other;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view name = fuzz::Input(data, size).rest();
  const NameCheck user = check_name(name);
  const NameCheck room = check_room(name);
  const std::string key = name_key(name);
  expect(name_key(key) == key, "a key is its own key");
  expect(key.size() <= max_name_bytes, "a key has a limit");
  expect(!user || room, "what can be a user's name can be a room's");
  if (!room) return 0;
  expect(!key.empty(), "an accepted name has a key");
  expect(name.find_first_of(" /#<>*![]@:\\") == name.npos, "an accepted name forges no line and no command");
  expect(parley::make_printable(name) == name, "an accepted name is clean text");
  expect(name_key(walk(name)) == key, "case does not tell names apart");
  return 0;
}
