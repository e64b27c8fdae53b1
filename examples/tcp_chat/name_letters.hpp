// SPDX-License-Identifier: BSL-1.0
#pragma once

// The letters that names are made of: for each its script, and its look, which is what stands for it in the key of a
// name. Letters that differ by case or accent only have one look, and so have those that are easily taken for each
// other, whatever their scripts: those of Unicode Technical Standard 39 (version 14), and some more. Four Greek capitals
// are an exception, see name_rule.hpp. A look is its own look.

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace tcp_chat {

enum class Script : std::uint8_t {
  none,    // not in a name
  common,  // digits and - . _
  latin,
  greek,
  cyrillic,
  armenian,
  georgian,
  hebrew,
  arabic,
  korean,
  east_asian,  // Japanese and Chinese
};

struct Letter {
  Script script = Script::none;
  char16_t look = 0;  // a character, or a capital: A ae, B bl, L lo, O oe
};

namespace tables {

inline constexpr char16_t no_letter = u'.';

// From U+00C0 on; I and l, O and 0 cannot be told apart in many fonts.
inline constexpr std::u16string_view latin_1_and_a =
    u"aaaaaaAceeeellll"   // 00C0
    u"dnooooo.ouuuuypb"   // 00D0
    u"aaaaaaAceeeellll"   // 00E0
    u"dnooooo.ouuuuypy"   // 00F0
    u"aaaaaaccccccccdd"   // 0100
    u"ddeeeeeeeeeegggg"   // 0110
    u"gggghhhhllllllll"   // 0120
    u"ll..jjkk.llllll."   // 0130
    u".llnnnnnn.nnoooo"   // 0140
    u"ooOOrrrrrrssssss"   // 0150
    u"ssttttttuuuuuuuu"   // 0160
    u"uuuuwwyyyzzzzzz.";  // 0170
// From U+01CD on.
inline constexpr std::u16string_view latin_b =
    u"aalloouuuuuuuuuu"  // 01CD
    u".aaaaAAggggkkooo"  // 01DD
    u"o..j...gg..nnaaA"  // 01ED
    u"Aooaaaaeeeellllo"  // 01FD
    u"ooorrrruuuusstt."  // 020D
    u".hh......aaeeooo"  // 021D
    u"oooooyy";          // 022D
// From U+1E00 on: Vietnamese, Welsh, Yoruba and others.
inline constexpr std::u16string_view latin_additional =
    u"aabbbbbbccdddddd"  // 1E00
    u"ddddeeeeeeeeeeff"  // 1E10
    u"gghhhhhhhhhhllll"  // 1E20
    u"kkkkkkllllllllmm"  // 1E30
    u"mmmmnnnnnnnnoooo"  // 1E40
    u"oooopppprrrrrrrr"  // 1E50
    u"sssssssssstttttt"  // 1E60
    u"ttuuuuuuuuuuvvvv"  // 1E70
    u"wwwwwwwwwwxxxxyy"  // 1E80
    u"zzzzzzhtwy....b."  // 1E90
    u"aaaaaaaaaaaaaaaa"  // 1EA0
    u"aaaaaaaaeeeeeeee"  // 1EB0
    u"eeeeeeeelllloooo"  // 1EC0
    u"oooooooooooooooo"  // 1ED0
    u"oooouuuuuuuuuuuu"  // 1EE0
    u"uuyyyyyyyy";       // 1EF0

// From U+0386 on. Of a letter whose small form looks like another one than its capital, that of the small form.
inline constexpr std::u16string_view greek =
    u"a.enl.o.uwl"                            // 0386, the capitals with accents
    u"aby\u03b4eznolk\u043bmv\u03beo\u043fp"  // 0391
    u".otu\u0444x\u03c8wluaenlu"              // 03A2
    u"aby\u03b4eznolk\u043bmv\u03beo\u043fp"  // 03B1
    u"ootu\u0444x\u03c8wluouw";               // 03C2

// Small letters from U+0430 on.
inline constexpr std::u16string_view cyrillic =
    u"a6br\u0434e\u04363\u0438\u0438k\u043bmho\u043f"       // 0430
    u"pcty\u0444x\u04464\u0448\u0449\u044aBb\u044dL\u044f"  // 0440
    u"ee\u0452resllj\u0459\u045ahk\u0438y\u045f";           // 0450
// A look for each pair of capital and small letter.
inline constexpr std::u16string_view cyrillic_0490 = u"rrr\u04363kkkkhh\u043f\u04a9ctyyx\u04b544hee";
inline constexpr std::u16string_view cyrillic_04c1 = u"\u0436k\u043bhh4m";
inline constexpr std::u16string_view cyrillic_04d0 = u"aaAeee\u043633\u0438\u0438ooo\u044dyyy4rBrxx";

struct Pair {
  char16_t letter;
  char16_t look;
};

inline constexpr Pair latin_others[] = {
    {0x181, u'b'}, {0x186, u'o'}, {0x18A, u'd'}, {0x18F, u'e'}, {0x190, u'e'}, {0x198, u'k'},
    {0x199, u'k'}, {0x1A0, u'o'}, {0x1A1, u'o'}, {0x1AF, u'u'}, {0x1B0, u'u'}, {0x1B3, u'y'},
    {0x1B4, u'y'}, {0x253, u'b'}, {0x254, u'o'}, {0x257, u'd'}, {0x259, u'e'}, {0x25B, u'e'},
};

// Small letters; others look like themselves.
inline constexpr Pair armenian[] = {
    {0x561, u'w'}, {0x563, u'q'},  {0x566, u'q'}, {0x56C, u'l'}, {0x56E, 0x3B4}, {0x570, u'h'},
    {0x574, u'n'}, {0x575, u'j'},  {0x578, u'n'}, {0x57C, u'n'}, {0x57D, u'u'},  {0x57F, u's'},
    {0x581, u'g'}, {0x583, 0x444}, {0x584, u'f'}, {0x585, u'o'},
};

inline constexpr Pair hebrew[] = {{0x5D5, u'l'}, {0x5D8, u'v'}, {0x5DD, u'o'}, {0x5DF, u'l'}, {0x5E1, u'o'}};

// The forms of alef, heh, yeh, kaf and the like, and what Persian and Urdu add.
inline constexpr Pair arabic[] = {
    {0x622, u'l'},  {0x623, u'l'},  {0x624, 0x648}, {0x625, u'l'},  {0x626, 0x6CC}, {0x627, u'l'},
    {0x629, u'o'},  {0x643, 0x6A9}, {0x647, u'o'},  {0x649, 0x6CC}, {0x64A, 0x6CC}, {0x679, 0x679},
    {0x67E, 0x62B}, {0x686, 0x686}, {0x688, 0x688}, {0x691, 0x691}, {0x698, 0x698}, {0x6A9, 0x6A9},
    {0x6AF, 0x6AF}, {0x6BA, 0x6CC}, {0x6BE, u'o'},  {0x6C1, u'o'},  {0x6CC, 0x6CC}, {0x6D2, 0x6CC},
};

// Katakana like Hiragana or like Han, strokes, Han characters that differ in the length of one, forms of the same.
inline constexpr Pair east_asian[] = {
    {0x30A4, 0x4EBB}, {0x30A8, 0x5DE5}, {0x30AA, 0x624D}, {0x30AB, 0x529B}, {0x30BF, 0x5915}, {0x30C1, 0x5343},
    {0x30C8, 0x535C}, {0x30CB, 0x4E8C}, {0x30CC, 0x53C8}, {0x30CE, 0x4E3F}, {0x30CF, 0x516B}, {0x30D2, 0x5315},
    {0x30D8, 0x3078}, {0x30D9, 0x3079}, {0x30DA, 0x307A}, {0x30DF, 0x4E09}, {0x30E0, 0x53B6}, {0x30E1, 0x4E42},
    {0x30EA, 0x308A}, {0x30ED, 0x53E3}, {0x30FC, u'-'},   {0x4E00, u'-'},   {0x4E05, u't'},   {0x4E28, u'l'},
    {0x4E2B, u'y'},   {0x4E59, u'z'},   {0x5165, 0x4EBA}, {0x56D7, 0x53E3}, {0x58EB, 0x571F}, {0x5DF2, 0x5DF1},
    {0x5DF3, 0x5DF1}, {0x66F0, 0x65E5}, {0x672B, 0x672A}, {0x5002, 0x4F75}, {0x503C, 0x5024}, {0x555F, 0x5553},
    {0x586B, 0x5861}, {0x58FF, 0x58AB}, {0x5B00, 0x5AAF}, {0x5E32, 0x5E21}, {0x6238, 0x6236}, {0x6669, 0x665A},
    {0x67FF, 0x676E}, {0x6A27, 0x699D}, {0x6F59, 0x6E88}, {0x784F, 0x7814}, {0x7D76, 0x7D55}, {0x80A6, 0x670C},
    {0x80CA, 0x6710}, {0x80D0, 0x670F}, {0x8101, 0x6713}, {0x8127, 0x6718}, {0x8141, 0x80FC}, {0x81A7, 0x6723},
    {0x853F, 0x848D}, {0x8641, 0x8637}, {0x8A7D, 0x8A2E}, {0x8B8F, 0x8B86}, {0x8C63, 0x8C5C}, {0x8D86, 0x8D7F},
    {0x8DFA, 0x8DE5}, {0x8E9B, 0x8E97}, {0x8F27, 0x8EFF}, {0x90DE, 0x90CE}, {0x93AE, 0x93AD}, {0x96B8, 0x96B7},
    {0x9E43, 0x9E42}, {0x9ED2, 0x9ED1},
};

template <std::size_t N>
constexpr char16_t find(const Pair (&pairs)[N], char32_t c, char16_t otherwise) noexcept {
  const auto* const found = std::find_if(pairs, pairs + N, [c](const Pair& pair) { return pair.letter == c; });
  return found == pairs + N ? otherwise : found->look;
}

}  // namespace tables

namespace detail {

constexpr bool within(char32_t c, char32_t first, char32_t last) noexcept { return c >= first && c <= last; }

constexpr Letter entry(Script script, std::u16string_view table, char32_t index) noexcept {
  const char16_t look = table[index];
  return look == tables::no_letter ? Letter() : Letter{script, look};
}

constexpr Letter ascii_letter(char32_t c) noexcept {
  if (c == '-' || c == '.' || c == '_') return {Script::common, u'-'};
  if (within(c, '0', '9')) return {Script::common, c == '0' ? u'o' : c == '1' ? u'l' : static_cast<char16_t>(c)};
  if (within(c, 'A', 'Z')) c += 'a' - 'A';
  if (!within(c, 'a', 'z')) return {};
  return {Script::latin, c == 'i' ? u'l' : static_cast<char16_t>(c)};
}

constexpr Letter latin_letter(char32_t c) noexcept {
  if (within(c, 0xC0, 0x17F)) return entry(Script::latin, tables::latin_1_and_a, c - 0xC0);
  if (within(c, 0x1CD, 0x233)) return entry(Script::latin, tables::latin_b, c - 0x1CD);
  if (within(c, 0x1E00, 0x1EF9)) return entry(Script::latin, tables::latin_additional, c - 0x1E00);
  const char16_t look = tables::find(tables::latin_others, c, tables::no_letter);
  return look == tables::no_letter ? Letter() : Letter{Script::latin, look};
}

constexpr Letter cyrillic_letter(char32_t c) noexcept {
  if (within(c, 0x400, 0x40F)) c += 0x50;
  if (within(c, 0x410, 0x42F)) c += 0x20;
  if (within(c, 0x430, 0x45F)) return entry(Script::cyrillic, tables::cyrillic, c - 0x430);
  if (within(c, 0x490, 0x4BF)) return entry(Script::cyrillic, tables::cyrillic_0490, (c - 0x490) / 2);
  if (c == 0x4C0 || c == 0x4CF) return {Script::cyrillic, u'l'};
  if (within(c, 0x4C1, 0x4CE)) return entry(Script::cyrillic, tables::cyrillic_04c1, (c - 0x4C1) / 2);
  if (within(c, 0x4D0, 0x4FF)) return entry(Script::cyrillic, tables::cyrillic_04d0, (c - 0x4D0) / 2);
  return {};
}

constexpr Letter east_asian_letter(char32_t c) noexcept {
  const bool kana = within(c, 0x3041, 0x3096) || within(c, 0x30A1, 0x30F6) || c == 0x30FC;
  if (!kana && c != 0x3005 && !within(c, 0x4E00, 0x9FA5)) return {};
  const char32_t base = c >= 0x30A1 && c <= 0x30F6 ? c - 0x60 : c;  // the Hiragana, to name the small ones once
  if (base == 0x3095) c -= 0x4A;
  if (base == 0x3096) c -= 0x45;
  const bool small = (within(base, 0x3041, 0x3049) && base % 2 != 0) || base == 0x3063 || base == 0x3083 ||
                     base == 0x3085 || base == 0x3087 || base == 0x308E;
  if (small) ++c;
  return {Script::east_asian, tables::find(tables::east_asian, c, static_cast<char16_t>(c))};
}

}  // namespace detail

/// Of a character that no name has, Script::none.
constexpr Letter letter_of(char32_t c) noexcept {
  using detail::within;
  const auto self = static_cast<char16_t>(c);
  if (c < 0x80) return detail::ascii_letter(c);
  if (within(c, 0x386, 0x3CE)) return detail::entry(Script::greek, tables::greek, c - 0x386);
  if (within(c, 0x400, 0x4FF)) return detail::cyrillic_letter(c);
  if (within(c, 0x531, 0x556) || within(c, 0x561, 0x586)) {
    const char32_t small = c < 0x561 ? c + 0x30 : c;
    return {Script::armenian, tables::find(tables::armenian, small, static_cast<char16_t>(small))};
  }
  if (within(c, 0x1C90, 0x1CB0)) return letter_of(c - 0xBC0);  // Georgian capitals
  if (within(c, 0x10D0, 0x10F0)) return {Script::georgian, c == 0x10E7 ? u'y' : self};
  if (within(c, 0x5D0, 0x5EA)) return {Script::hebrew, tables::find(tables::hebrew, c, self)};
  if (within(c, 0x621, 0x6D2)) {
    const bool basic = within(c, 0x621, 0x63A) || within(c, 0x641, 0x64A);
    const char16_t look = tables::find(tables::arabic, c, basic ? self : tables::no_letter);
    return look == tables::no_letter ? Letter() : Letter{Script::arabic, look};
  }
  if (within(c, 0xAC00, 0xD7A3)) return {Script::korean, self};
  if (within(c, 0x3005, 0x9FA5)) return detail::east_asian_letter(c);
  return detail::latin_letter(c);
}

}  // namespace tcp_chat
