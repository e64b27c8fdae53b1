// SPDX-License-Identifier: BSL-1.0
#include <parley/io/file_name.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>

using namespace parley;
using namespace std::string_view_literals;

namespace {

NameFault here(std::string_view name) { return check_name(name, NamePolicy::this_system); }

}  // namespace

TEST_CASE("ordinary names are fine, in whatever script") {
  for (const std::string_view name :
       {"a", "notes.txt", "a/b/c.tar.gz", ".hidden", "with space", "...dots",
        "\xC3\xA9t\xC3\xA9/\xE6\x97\xA5\xE6\x9C\xAC", "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9.jpg", "-rf",
        "console", "com", "COM10", "LPT", "nullo", "auxiliary"}) {
    CAPTURE(name);
    CHECK(check_name(name) == NameFault::none);
    CHECK(here(name) == NameFault::none);
  }
}

TEST_CASE("no name leads out of the folder, whatever the policy") {
  for (const NamePolicy policy : {NamePolicy::any_system, NamePolicy::this_system}) {
    for (const std::string_view name : {"..", "../x", "a/..", "a/../b", "a/b/../../../c", "x/.."}) {
      CAPTURE(name);
      CHECK(check_name(name, policy) == NameFault::parent);
    }
    CHECK(check_name("", policy) == NameFault::empty);
    CHECK(check_name("/", policy) == NameFault::absolute);
    CHECK(check_name("/etc/passwd", policy) == NameFault::absolute);
    CHECK(check_name("//x", policy) == NameFault::absolute);
    CHECK(check_name("a\0b"sv, policy) == NameFault::nul);
    CHECK(check_name("\0"sv, policy) == NameFault::nul);
    for (const std::string_view name : {".", "./a", "a/.", "a//b", "a/"}) {
      CAPTURE(name);
      CHECK(check_name(name, policy) == NameFault::odd_component);
    }
  }
}

TEST_CASE("names have limits") {
  const std::string component(255, 'x');
  CHECK(check_name(component) == NameFault::none);
  CHECK(check_name(component + "x") == NameFault::too_long);
  std::string name = component;
  while (name.size() + 256 <= 4096) name += '/' + component;
  CHECK(check_name(name) == NameFault::none);
  CHECK(check_name(name + '/' + component) == NameFault::too_long);
  std::string deep = "x";
  for (int i = 1; i < 128; ++i) deep += "/x";
  CHECK(check_name(deep) == NameFault::none);
  CHECK(check_name(deep + "/x") == NameFault::too_long);
}

TEST_CASE("what another system would take differently is refused unless only this one counts") {
  struct Case {
    std::string_view name;
    NameFault fault;
  };
  for (const Case& refused : {Case{"a\\b", NameFault::separator},
                              {"..\\x", NameFault::separator},
                              {"C:x", NameFault::reserved},
                              {"a?", NameFault::reserved},
                              {"<a>", NameFault::reserved},
                              {"a|b", NameFault::reserved},
                              {"\"a\"", NameFault::reserved},
                              {"*", NameFault::reserved},
                              {"CON", NameFault::device},
                              {"con", NameFault::device},
                              {"a/Nul.txt", NameFault::device},
                              {"aux.tar.gz", NameFault::device},
                              {"PRN .txt", NameFault::device},
                              {"com0", NameFault::device},
                              {"COM9.log", NameFault::device},
                              {"lpt1/x", NameFault::device},
                              {"COM\xC2\xB9", NameFault::device},
                              {"LPT\xC2\xB3.x", NameFault::device},
                              {"conin$", NameFault::device},
                              {"CONOUT$", NameFault::device},
                              {"a.", NameFault::trailing},
                              {"a /b", NameFault::trailing},
                              {"...", NameFault::trailing},
                              {"a\nb", NameFault::control},
                              {"\x1b[2J", NameFault::control},
                              {"a\x7f", NameFault::control},
                              {"\xC2\x9B", NameFault::control},
                              {"x\xE2\x80\xAEgpj.exe", NameFault::control},
                              {"x\xE2\x81\xA6y", NameFault::control},
                              {"x\xE2\x80\xA8y", NameFault::control},
                              {"\xFF", NameFault::not_utf8},
                              {"a\xC3", NameFault::not_utf8},
                              {"\xC0\xAE\xC0\xAE/x", NameFault::not_utf8},
                              {"\xED\xA0\x80", NameFault::not_utf8}}) {
    CAPTURE(refused.name);
    CHECK(check_name(refused.name) == refused.fault);
    CHECK(here(refused.name) == NameFault::none);
  }
}

TEST_CASE("each fault has words of its own") {
  std::string all;
  for (int i = 0; i <= static_cast<int>(NameFault::trailing); ++i) {
    const std::string text = to_text(static_cast<NameFault>(i));
    CHECK(text != "unknown fault");
    CHECK(all.find('|' + text + '|') == all.npos);
    all += '|' + text + '|';
  }
}
