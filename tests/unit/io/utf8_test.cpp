// SPDX-License-Identifier: BSL-1.0
#include <parley/io/utf8.hpp>

#include "support/catch.hpp"

#include <string_view>

using namespace parley;

TEST_CASE("a character's length and number") {
  CHECK(utf8_length("a") == 1);
  CHECK(utf8_length("\xC3\xA9x") == 2);
  CHECK(utf8_length("\xE2\x82\xAC") == 3);
  CHECK(utf8_length("\xF0\x9F\x98\x80") == 4);
  CHECK(utf8_value("a") == U'a');
  CHECK(utf8_value("\xC3\xA9") == U'\u00E9');
  CHECK(utf8_value("\xE2\x82\xAC") == U'\u20AC');
  CHECK(utf8_value("\xF0\x9F\x98\x80") == U'\U0001F600');
}

TEST_CASE("a beginning is longer than what there is of it") {
  CHECK(utf8_length("\xE2\x82") == 3);
  CHECK(utf8_length("\xF0") == 4);
}

TEST_CASE("what no character begins with has no length") {
  // A continuation, overlong forms, half of a UTF-16 pair, beyond Unicode, a lead with the wrong byte behind it.
  for (const std::string_view text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5",
        "\xFF", "\xC3(", "\xE2(\xAC", "\xE2\x82("}) {
    CHECK(utf8_length(text) == 0);
  }
}
