// SPDX-License-Identifier: BSL-1.0
// What the programs share, as far as their own tests do not show it.

#include "../../examples/common/listening.hpp"
#include "../../examples/common/text.hpp"
#include "support/catch.hpp"

using namespace common;

TEST_CASE("an incomplete character is told from one that is wrong") {
  CHECK(complete_utf8("") == 0);
  CHECK(complete_utf8("abc") == 3);
  CHECK(complete_utf8("\xc3") == 0);
  CHECK(complete_utf8("\xc3\xa9") == 2);
  CHECK(complete_utf8("a\xe2\x82") == 1);
  CHECK(complete_utf8("a\xe2\x82\xac") == 4);
  CHECK(complete_utf8("a\xf0\x9f\x98") == 1);
  CHECK(complete_utf8("\xf0\x9f\x98\x80") == 4);
  CHECK(complete_utf8("\xff") == 1);
  CHECK(complete_utf8("\x80\x80\x80\x80") == 4);
  CHECK(complete_utf8("\xe0\x80") == 2);      // longer than it need be: never to be completed
  CHECK(complete_utf8("\xed\xa0") == 2);      // half of a UTF-16 pair
  CHECK(complete_utf8("\xf4\x90\x80") == 3);  // beyond Unicode
  CHECK(complete_utf8("\xc0") == 1);
}

TEST_CASE("clean text steers no terminal") {
  CHECK(parley::make_printable("plain") == "plain");
  CHECK(parley::make_printable("a\tb\nc\rd\x7f") == "a bcd");
  CHECK(parley::make_printable("a\nb", parley::Newlines::keep) == "a\nb");
  CHECK(parley::make_printable(std::string_view("a\0b", 3)) == "ab");
  CHECK(parley::make_printable("\x1b[1m\xc2\x9b"
                               "1m") == "[1m1m");  // C0 and C1
  CHECK(parley::make_printable("\xe2\x80\xae"
                               "abc\xe2\x81\xa6") == "abc");  // override, isolate
  CHECK(parley::make_printable("a\xe2\x80\x8b"
                               "b\xef\xbb\xbf") == "ab");   // zero width
  CHECK(parley::make_printable("\xf3\xa0\x81\x81") == "");  // a tag
  CHECK(parley::make_printable("\xf0\x9f\x98\x80 \xd7\x90 \xe4\xb8\xad") == "\xf0\x9f\x98\x80 \xd7\x90 \xe4\xb8\xad");
  const std::string replacement = "\xef\xbf\xbd";
  CHECK(parley::make_printable("\xff") == replacement);
  CHECK(parley::make_printable("\xc3") == replacement);
  CHECK(parley::make_printable("\xed\xa0\x80") == replacement + replacement + replacement);
  CHECK(parley::make_printable("\xc0\xaf") == replacement + replacement);
}

TEST_CASE("a name has no spaces around it, and is not too long") {
  CHECK(clean_name("  Ann Lee ", 32) == "Ann Lee");
  CHECK(clean_name("", 32).empty());
  CHECK(clean_name(" \t ", 32).empty());
  CHECK(clean_name("\xc3\xa9\xc3\xa9\xc3\xa9", 3) == "\xc3\xa9\xc3\xa9\xc3\xa9");
  CHECK(clean_name("\xc3\xa9\xc3\xa9\xc3\xa9"
                   "4",
                   3)
            .empty());
}

TEST_CASE("the ways to join can be copied") {
  const auto at = [](const char* text) { return parley::Address::parse(text).value(); };
  CHECK(client_options(at("127.0.0.1:8000")) == "--port 8000");
  CHECK(client_options(at("0.0.0.0:8000")) == "--port 8000");
  CHECK(client_options(at("[::1]:8000")) == "--host ::1 --port 8000");
  CHECK(client_options(at("192.0.2.7:80")) == "--host 192.0.2.7 --port 80");
  CHECK(nc_command(at("[::]:8000")) == "nc 127.0.0.1 8000");
  CHECK(endpoint("::1", 80) == "[::1]:80");
  CHECK(endpoint("localhost", 80) == "localhost:80");
}
