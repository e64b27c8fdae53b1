// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/printable.hpp>

#include "support/catch.hpp"

#include <random>
#include <string>

using namespace parley;

namespace {

/// By the definition (RFC 3629), not by the tables.
std::string encoded(char32_t c) {
  std::string text;
  const auto byte = [&](char32_t value) { text += static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6);
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3F));
    byte(0x80 | (c >> 6 & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
  return text;
}

const std::string replacement = encoded(0xFFFD);

}  // namespace

TEST_CASE("each character of Unicode is known, and stays unless it is unprintable") {
  std::size_t wrong = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    const std::string text = encoded(c);
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if (surrogate) {
      wrong += utf8_length(text) != 0;
      continue;
    }
    wrong += utf8_length(text) != text.size() || utf8_value(text) != c;
    for (std::size_t cut = 1; cut < text.size(); ++cut) wrong += utf8_length(text.substr(0, cut)) != text.size();
    const std::string printable = make_printable(text);
    wrong += printable != (c == '\t' ? " " : is_unprintable(c) ? "" : text);
  }
  CHECK(wrong == 0);
}

TEST_CASE("printable ASCII ends where another byte stands, wherever that is") {
  std::size_t wrong = 0;
  for (const std::size_t size : {0u, 1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 63u, 64u, 65u, 72u, 79u, 127u, 128u, 139u}) {
    const std::string plain(size, '~');
    wrong += printable_ascii(plain) != size;
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = plain;
        text[at] = static_cast<char>(byte);
        wrong += printable_ascii(text) != (byte >= 0x20 && byte < 0x7F ? size : at);
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("what steers a terminal, reorders or hides text is unprintable") {
  for (const char32_t c :
       {U'\0',     U'\a',     U'\b',     U'\n',     U'\r',     U'\x1B',   U'\x7F',       U'\x85',      U'\x9B',
        U'\xAD',   U'\u061C', U'\u200B', U'\u200D', U'\u200E', U'\u200F', U'\u2028',     U'\u2029',    U'\u202A',
        U'\u202E', U'\u2060', U'\u2066', U'\u2069', U'\uFEFF', U'\uFFF9', U'\U000E0001', U'\U000E0041'}) {
    INFO("U+" << std::hex << static_cast<unsigned>(c));
    CHECK(is_unprintable(c));
  }
  for (const char32_t c : {U' ', U'~', U'\xA0', U'\xE9', U'\u05D0', U'\u0416', U'\u200A', U'\u2027', U'\u2030',
                           U'\u4E2D', U'\uFE0F', U'\uFFFD', U'\U0001F600'}) {
    INFO("U+" << std::hex << static_cast<unsigned>(c));
    CHECK_FALSE(is_unprintable(c));
  }
}

TEST_CASE("what is not UTF-8 becomes replacement characters, one for each byte") {
  CHECK(make_printable("\xFF") == replacement);
  CHECK(make_printable("a\x80z") == "a" + replacement + "z");
  CHECK(make_printable("\xC3") == replacement);                    // cut short
  CHECK(make_printable("\xE2\x82") == replacement + replacement);  // cut short
  CHECK(make_printable("\xC0\xAF") == replacement + replacement);  // longer than it need be
  CHECK(make_printable("\xE0\x80\xAF") == replacement + replacement + replacement);
  CHECK(make_printable("\xED\xA0\x80") == replacement + replacement + replacement);  // half of a pair
  CHECK(make_printable("\xF4\x90\x80\x80") == replacement + replacement + replacement + replacement);
  CHECK(make_printable("\xE2(\xA1") == replacement + "(" + replacement);
  CHECK(make_printable("\xF0\x9F\x98\x80\xF0\x9F") == encoded(0x1F600) + replacement + replacement);
}

TEST_CASE("escapes lose what makes them escapes, tabs become spaces, newlines stay where asked for") {
  CHECK(make_printable("\x1B[31mred\x1B]0;title\a") == "[31mred]0;title");
  CHECK(make_printable("\xC2\x9B"
                       "31m") == "31m");
  CHECK(make_printable("a\tb\r\nc") == "a bc");
  CHECK(make_printable("a\tb\r\nc", Newlines::keep) == "a b\nc");
  CHECK(make_printable(std::string_view("a\0b", 3)) == "ab");
  CHECK(make_printable("") == "");
  std::string appended = "> ";
  append_printable("x\ny", appended);
  CHECK(appended == "> xy");
}

TEST_CASE("whatever comes in, what comes out is printable, and stays as it is") {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (auto size = random() % 12; size != 0; --size) {
      if (random() % 2 == 0) {
        text += static_cast<char>(random() % 256);
      } else {
        text += encoded(static_cast<char32_t>(random() % 0x3000));
      }
    }
    const std::string once = make_printable(text);
    REQUIRE(make_printable(once) == once);
    for (std::size_t at = 0; at < once.size();) {
      const std::size_t length = utf8_length(std::string_view(once).substr(at));
      REQUIRE(length != 0);
      REQUIRE(at + length <= once.size());
      REQUIRE_FALSE(is_unprintable(utf8_value(std::string_view(once).substr(at, length))));
      at += length;
    }
  }
}
