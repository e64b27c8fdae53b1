// SPDX-License-Identifier: BSL-1.0
// The rule for names of users and rooms.

#include "../../examples/tcp_chat/name_rule.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <utility>

using namespace tcp_chat;

namespace {

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
}

std::string utf8(std::u32string_view text) {
  std::string bytes;
  for (const char32_t c : text) bytes += utf8(c);
  return bytes;
}

bool reason_names(std::string_view name, std::string_view words) {
  const NameCheck check = check_name(name);
  INFO(check.reason);
  return !check && check.reason.find(words) != std::string_view::npos;
}

bool same(std::string_view a, std::string_view b) { return !name_key(a).empty() && name_key(a) == name_key(b); }
bool same(std::u32string_view a, std::u32string_view b) { return same(utf8(a), utf8(b)); }

}  // namespace

static_assert(tables::latin_1_and_a.size() == 0x180 - 0xC0);
static_assert(tables::latin_b.size() == 0x234 - 0x1CD);
static_assert(tables::latin_additional.size() == 0x1EFA - 0x1E00);
static_assert(tables::greek.size() == 0x3CF - 0x386);
static_assert(tables::cyrillic.size() == 0x460 - 0x430);
static_assert(2 * tables::cyrillic_0490.size() == 0x4C0 - 0x490);
static_assert(2 * tables::cyrillic_04c1.size() == 0x4CF - 0x4C1);
static_assert(2 * tables::cyrillic_04d0.size() == 0x500 - 0x4D0);

TEST_CASE("usual names are taken") {
  for (const char* name : {"Ann", "ann", "a", "7", "42", "Ann7", "ann_lee", "ann-lee", "Mr.X", "a.b-c_d", "Admin"}) {
    INFO(name);
    CHECK(check_name(name));
  }
  for (const std::u32string_view name :
       {U"Jos\u00e9", U"Stra\u00dfe", U"\u0141ukasz", U"Nguy\u1ec5n", U"I\u015f\u0131k", U"\u0410\u043d\u043d\u0430",
        U"\u0421\u0430\u0440\u0430", U"\u0407\u0436\u0430\u043a", U"\u0386\u03bd\u03bd\u03b1",
        U"\u039d\u03af\u03ba\u03bf\u03c2", U"\u0531\u0580\u0561\u0574", U"\u10d2\u10d8\u10d0", U"\u05e9\u05e8\u05d4",
        U"\u0645\u062d\u0645\u062f", U"\u067e\u0631\u06cc", U"\ud55c\uad6d1", U"\u5c71\u7530\u30b1\u30f3\u30b8",
        U"\u4e00\u90ce", U"\u6771_1"}) {
    INFO(utf8(name));
    CHECK(check_name(utf8(name)));
  }
}

TEST_CASE("a name has 1 to 32 characters, however many bytes they take") {
  CHECK(reason_names("", "at least one"));
  CHECK(check_name(std::string(32, 'x')));
  CHECK(reason_names(std::string(33, 'x'), "at most 32"));
  CHECK(check_name(repeated("\xed\x95\x9c", 32)));
  CHECK(reason_names(repeated("\xed\x95\x9c", 33), "at most 32"));
  CHECK(reason_names(std::string(10'000'000, 'x'), "at most 32"));
}

TEST_CASE("a name has no spaces") {
  for (const std::u32string_view name :
       {U"Ann ", U" Ann", U"Ann Lee", U"Ann  Lee", U" ", U"Ann\t", U"Ann\u00a0", U"\u3000Ann", U"An\u2003n"}) {
    CHECK(reason_names(utf8(name), "no spaces"));
  }
}

TEST_CASE("a name has nothing that steers a terminal, or cannot be seen") {
  for (const std::u32string_view name :
       {U"An\nn", U"Ann\r", U"\u001b[1mAnn", U"Ann\u0007", U"Ann\u007f", U"Ann\u009b1m", U"Ann\u202e", U"\u2066Ann",
        U"An\u200bn", U"An\u200dn", U"\ufeffAnn", U"An\u00adn", U"Ann\U000e0041"}) {
    CHECK(reason_names(utf8(name), "no invisible"));
  }
  CHECK(reason_names(std::string_view("An\0n", 4), "no invisible"));
  for (const std::u32string_view name : {U"\u115f", U"\u3164", U"\uffa0", U"\u2800", U"Ann\ufe0f", U"\u180e"}) {
    CHECK_FALSE(check_name(utf8(name)));
  }
}

TEST_CASE("a name is UTF-8") {
  for (const char* name : {"\xff", "Ann\xc3", "\xc0\xaf", "\xed\xa0\x80", "\x80", "An\xe2\x82n", "\xf4\x90\x80\x80"}) {
    CHECK(reason_names(name, "UTF-8"));
    CHECK(name_key(name).empty());
  }
}

TEST_CASE("nothing in a name forges a line or a command") {
  for (const char first : std::string_view("/#<*![]@>&+~%$\"'`,:;=?^{|}()\\")) {
    CHECK(reason_names(std::string(1, first) + "Ann", "letters"));
    CHECK(reason_names("Ann" + std::string(1, first), "letters"));
  }
  for (const char* name : {"_Ann", "Ann_", "-Ann", "Ann.", ".", "...", "Ann__Lee", "a.-b"}) {
    CHECK(reason_names(name, "between"));
  }
}

TEST_CASE("full-width and mathematical letters, other digits, marks and emoji are no part of a name") {
  for (const std::u32string_view name :
       {U"\uff21\uff24\uff2d\uff29\uff2e", U"\U0001d400dmin", U"\u24d0nn", U"\u212anut", U"\u00aa", U"\u017fam",
        U"\ufb01n", U"\u0661", U"\u0967", U"\uff11", U"\U0001f600", U"\u2764", U"\u0e01", U"\u00d7", U"\u00f7"}) {
    INFO(utf8(name));
    CHECK(reason_names(utf8(name), "letters"));
  }
  CHECK(reason_names(utf8(U"Jose\u0301"), "combining"));
  CHECK(reason_names(utf8(U"A\u20dd"), "combining"));
  CHECK(reason_names(utf8(U"\u304b\u3099"), "combining"));
}

TEST_CASE("a name is of one script") {
  CHECK(reason_names(utf8(U"\u0410dmin"), "one script"));
  CHECK(reason_names(utf8(U"Adm\u0456n"), "one script"));
  CHECK(reason_names(utf8(U"\u0391nn"), "one script"));
  CHECK(reason_names(utf8(U"\u0430\u03b1"), "one script"));
  CHECK(reason_names(utf8(U"a\u4e00"), "one script"));
  CHECK(check_name(utf8(U"\u042f7")));
}

TEST_CASE("digits and signs do not change places in names that run from right to left") {
  CHECK(reason_names(utf8(U"\u05d01"), "letters only"));
  CHECK(reason_names(utf8(U"1\u0628"), "letters only"));
  CHECK(reason_names(utf8(U"\u05d0-\u05d1"), "letters only"));
}

TEST_CASE("what the server says of itself nobody else can say") {
  for (const char* name :
       {"server", "Server", "SERVER", "s\xc3\xa9rver", "system", "systern", "operator", "0perat0r"}) {
    INFO(name);
    CHECK(reason_names(name, "reserved"));
  }
  CHECK(reason_names(utf8(U"\u0405\u0443\u0455t\u0435m"), "one script"));
  CHECK(check_name("servers"));
  CHECK(check_room("server"));
}

TEST_CASE("case and accents do not tell names apart") {
  CHECK(same("Admin", "admin"));
  CHECK(same("ADMIN", "admin"));
  CHECK(same(U"\u00c5sa", U"asa"));
  CHECK(same(U"\u00d8yvind", U"oyvind"));
  CHECK(same(U"\u1ebe", U"\u1ebf"));
  CHECK(same(U"\u0130\u015eIK", U"i\u015f\u0131k"));
  CHECK(same(U"\u0410\u041d\u041d\u0410", U"\u0430\u043d\u043d\u0430"));
  CHECK(same(U"\u0401\u0416", U"\u0435\u0436"));
  CHECK(same(U"\u0393\u0399\u03a9\u03a1\u0393\u039f\u03a3", U"\u03b3\u03b9\u03ce\u03c1\u03b3\u03bf\u03c2"));
  CHECK(same(U"\u0531", U"\u0561"));
  CHECK(same(U"\u1c92", U"\u10d2"));
  CHECK_FALSE(same("Ann", "Anna"));
  CHECK_FALSE(same(U"\u0430\u0434", U"\u0430\u0433"));
}

TEST_CASE("lookalikes are the same name") {
  CHECK(same("Bill", "BiII"));
  CHECK(same("admin", "Adm1n"));
  CHECK(same("bob", "B0B"));
  CHECK(same("modern", "modem"));
  CHECK(same("wow", "vvovv"));
  CHECK(same("ann_lee", "ann-lee"));
  CHECK(same(U"Capa", U"\u0421\u0430\u0440\u0430"));
  CHECK(same(U"TOM", U"\u0422\u041e\u041c"));
  CHECK(same(U"HOPE", U"\u041d\u041e\u0420\u0415"));
  CHECK(same(U"eva", U"\u03b5\u03bd\u03b1"));
  CHECK(same(U"KATE", U"\u039a\u0391\u03a4\u0395"));
  CHECK(same(U"non", U"\u0578\u0585\u0578"));
  CHECK(same(U"lol", U"\u05d5\u05e1\u05df"));
  CHECK(same(U"\u0437\u043e\u044f", U"3\u043e\u044f"));
  CHECK(same(U"\u0643\u064a", U"\u06a9\u06cc"));
  CHECK(same(U"\u30ab\u30fc", U"\u529b\u4e00"));
  CHECK(same(U"\u3063", U"\u3064"));
  CHECK(same(U"lO", U"\u042e"));
  CHECK(same(U"\u03a0\u039b", U"\u043f\u043b"));
  CHECK(same(U"\u503c", U"\u5024"));
}

TEST_CASE("a Greek capital that looks otherwise than its small letter needs company") {
  CHECK(reason_names(utf8(U"\u0391\u039d\u039d\u0391"), "Greek"));  // would be ANNA
  CHECK(reason_names(utf8(U"\u03a5\u039f"), "Greek"));
  CHECK(reason_names(utf8(U"\u0397\u039f"), "Greek"));
  CHECK(reason_names(utf8(U"\u0393\u039f\u03a1\u0391"), "Greek"));  // or Cyrillic
  CHECK(check_name(utf8(U"\u03ac\u03bd\u03bd\u03b1")));
  CHECK(check_name(utf8(U"\u039d\u0399\u039a\u039f\u03a3")));
}

TEST_CASE("a key is its own key, and empty for what is no name") {
  int letters = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string key = name_key(utf8(c));
    const bool letter = letter_of(c).script != Script::none;
    letters += letter;
    if (key.empty() == letter || name_key(key) != key || key.size() > 3) FAIL(static_cast<unsigned long>(c));
    if (letter && parley::is_unprintable(c)) FAIL(static_cast<unsigned long>(c));
  }
  CHECK(letters > 30000);
  CHECK(name_key("").empty());
  CHECK(name_key("Ann Lee").empty());
  CHECK(name_key(std::string(96, 'x')).size() == 96);
  CHECK(name_key(std::string(97, 'x')).empty());
  CHECK(name_key(repeated("\xed\x95\x9c", 32)).size() == max_name_bytes);
  CHECK(name_key(std::string(48, 'm')).size() == 96);
  CHECK(name_key(std::string(49, 'm')).empty());
}

TEST_CASE("a room may be written with a # in front") {
  CHECK(room_name("#tea") == "tea");
  CHECK(room_name("tea") == "tea");
  CHECK(room_name("##tea") == "#tea");
  CHECK(room_name("").empty());
  CHECK(check_room("tea"));
  CHECK_FALSE(check_room("#tea"));
  CHECK_FALSE(check_room(room_name("#")));
  CHECK_FALSE(check_room(room_name("##tea")));
}
