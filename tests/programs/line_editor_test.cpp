// SPDX-License-Identifier: BSL-1.0
// The line editor, by what a person sees on a terminal and what the program gets.

#include "../../examples/common/line_editor.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "screen_model.hpp"
#include "support/catch.hpp"

using common::LineEditor;
using programs::ScreenModel;
using Event = LineEditor::Event;
using Lines = std::vector<std::string>;

namespace {

// An editor with a terminal, and somebody who types.
struct Desk {
  static constexpr std::size_t prompt = 4;  // columns
  explicit Desk(std::size_t columns = 40, LineEditor::Options options = {}) : editor(options), screen(columns) {
    editor.set_columns(columns);
    editor.set_prompt("me> ");
    screen.write(editor.take_output());
  }

  void type(std::string_view bytes) {
    for (Event event = editor.feed(bytes); event != Event::none; event = editor.feed(bytes)) {
      if (event == Event::line) {
        lines.push_back(editor.take_line());
      } else {
        others.push_back(event);
      }
    }
    screen.write(editor.take_output());
    CHECK(screen.strange().empty());
  }
  void show(std::string_view text) { screen.write(editor.show(text)); }
  std::string row() const { return screen.last_row(); }
  // Behind the prompt.
  std::string line() const { return row().substr(std::min(row().size(), prompt)); }
  std::size_t column() const { return screen.column() - prompt; }
  // What is in front of the cursor, of a line without wide characters.
  std::string before_cursor() const { return row().substr(0, screen.column()); }

  LineEditor editor;
  ScreenModel screen;
  Lines lines;
  std::vector<Event> others;
};

const std::string left = "\x1b[D", right = "\x1b[C", up = "\x1b[A", down = "\x1b[B", home = "\x1b[H",
                  end_key = "\x1b[F", erase = "\x1b[3~", ctrl_left = "\x1b[1;5D", ctrl_right = "\x1b[1;5C",
                  escape = "\x1b";
std::string ctrl(char letter) { return std::string(1, static_cast<char>(letter & 0x1F)); }
std::string paste(const std::string& text) { return "\x1b[200~" + text + "\x1b[201~"; }
std::string many(const std::string& key, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += key;
  return all;
}

}  // namespace

TEST_CASE("what is typed stands behind the prompt, and Enter delivers it") {
  Desk desk;
  CHECK(desk.screen.rows() == Lines{"me>"});
  desk.type("hello");
  CHECK(desk.screen.rows() == Lines{"me> hello"});
  CHECK(desk.screen.column() == 9);
  desk.type("\r");
  CHECK(desk.lines == Lines{"hello"});
  CHECK(desk.screen.rows() == Lines{"me> hello", "me>"});
  desk.type("\r\r\n\nx\n");
  CHECK(desk.lines == Lines{"hello", "", "", "", "x"});  // CR LF is one line end
  CHECK(desk.others.empty());
}

TEST_CASE("moving and removing") {
  Desk desk;
  const auto check = [&](const std::string& keys, const std::string& before, const std::string& row) {
    CAPTURE(keys);
    desk.type(keys);
    CHECK(desk.column() == before.size());
    CHECK(desk.line() == row);
  };
  check("abcd", "abcd", "abcd");
  check(left + left, "ab", "abcd");
  check("X", "abX", "abXcd");
  check("\x7f", "ab", "abcd");
  check("\b", "a", "acd");
  check(erase, "a", "ad");
  check(ctrl('D'), "a", "a");
  check(ctrl('A') + "1", "1", "1a");
  check(ctrl('E') + "2", "1a2", "1a2");
  check(home + ctrl('F') + "b", "1b", "1ba2");
  check(end_key + ctrl('B') + "c", "1bac", "1bac2");
  check("\x1bOH" + right, "1", "1bac2");
  check("\x1b[1~", "", "1bac2");
  check("\x1b[8~", "1bac2", "1bac2");
  check("\x7f" + many("\x7f", 10), "", "");
  check(left + right + erase + "z" + right, "z", "z");
}

TEST_CASE("by words, and what was cut comes back") {
  Desk desk;
  const auto check = [&](const std::string& keys, const std::string& before, const std::string& after) {
    CAPTURE(keys);
    desk.type(keys);
    CHECK(desk.column() == before.size());
    CHECK(desk.line() == before + after);
  };
  check("one two-three  four", "one two-three  four", "");
  check(ctrl_left, "one two-three  ", "four");
  check(
      "\x1b"
      "b",
      "one two-", "three  four");
  check("\x1b[1;3D", "one ", "two-three  four");
  check(ctrl_right, "one two", "-three  four");
  check(
      "\x1b"
      "f",
      "one two-three", "  four");
  check(ctrl('W'), "one ", "  four");  // back to a space
  check(ctrl('Y'), "one two-three", "  four");
  check(escape + "\x7f", "one two-", "  four");
  check(ctrl('Y'), "one two-three", "  four");
  check(escape + "d", "one two-three", "");
  check(ctrl('U') + ctrl('Y') + ctrl('Y'), "one two-threeone two-three", "");
  check(ctrl('A') + ctrl('K'), "", "");
  check(ctrl('Y') + ctrl('C'), "", "");
  check(ctrl('Y'), "one two-threeone two-three", "");
}

TEST_CASE("wide characters and marks take the columns that they are shown in") {
  Desk desk;
  desk.type("\xe6\x97\xa5\xe6\x9c\xac");  // two of two columns
  CHECK(desk.screen.column() == 8);
  desk.type(left + "x");
  CHECK(desk.row() == "me> \xe6\x97\xa5x\xe6\x9c\xac");
  CHECK(desk.screen.column() == 7);
  desk.type(ctrl('U') + ctrl('K') + "e\xcc\x81\xf0\x9f\x98\x80!");  // e with an accent, an emoji
  CHECK(desk.screen.column() == 8);
  desk.type(left + left);
  CHECK(desk.screen.column() == 5);
  desk.type("\x7f");  // the letter goes with its mark
  CHECK(desk.row() == "me> \xf0\x9f\x98\x80!");
  desk.type("\r");
  CHECK(desk.lines == Lines{"\xf0\x9f\x98\x80!"});
}

TEST_CASE("keys and characters may come in any pieces") {
  const std::string input = "h\xc3\xa9llo \xf0\x9f\x98\x80" + left + left + ctrl_left + "\x1bOH" + "a" + right +
                            "\x1b[1;5C" + "\xe6\x97\xa5" + escape + "b" + erase + "\x1b[38;5;1m" +
                            "\x1b]11;rgb:0/0/0\x1b\\" + "\xff" + "z\r" + paste("p\xc3\xa9" + up + "\r\nq\tr\n") +
                            "tail" + up + down + "\x7f";
  Desk whole;
  whole.type(input);
  CHECK(whole.lines.size() == 3);
  for (std::size_t split = 0; split <= input.size(); ++split) {
    CAPTURE(split);
    Desk two;
    two.type(input.substr(0, split));
    two.type(input.substr(split));
    CHECK(two.lines == whole.lines);
    CHECK(two.screen.rows() == whole.screen.rows());
    CHECK(two.screen.column() == whole.screen.column());
  }
  Desk bytes;
  for (const char byte : input) bytes.type(std::string_view(&byte, 1));
  CHECK(bytes.lines == whole.lines);
  CHECK(bytes.screen.rows() == whole.screen.rows());
}

TEST_CASE("messages that arrive while a line is typed stand above it") {
  Desk desk;
  desk.show("* welcome");
  desk.type("hel");
  desk.show("<bob> hi");
  CHECK(desk.screen.rows() == Lines{"* welcome", "<bob> hi", "me> hel"});
  CHECK(desk.before_cursor() == "me> hel");
  desk.type(left + left);
  desk.show("<bob> \x1b[31mtwo\x1b[0m\nlines");
  CHECK(desk.screen.rows() == Lines{"* welcome", "<bob> hi", "<bob> two", "lines", "me> hel"});
  CHECK(desk.before_cursor() == "me> h");
  desk.show("");
  desk.show(std::string(40, 'x'));  // as wide as the terminal
  desk.show(std::string(41, 'y'));
  desk.type("EL\r");
  CHECK(desk.lines == Lines{"hELel"});
  CHECK(desk.screen.rows() == Lines{"* welcome", "<bob> hi", "<bob> two", "lines", "", std::string(40, 'x'),
                                    std::string(40, 'y'), "y", "me> hELel", "me>"});
}

TEST_CASE("a message that arrives in the middle of a key or of a paste changes neither") {
  const std::string input = "a\xc3\xa9" + left + "b" + paste("1\n2") + "\r";
  for (std::size_t at = 0; at <= input.size(); ++at) {
    Desk desk;
    desk.type(input.substr(0, at));
    desk.show("hi");
    desk.type(input.substr(at));
    CHECK(desk.lines == Lines{"ab1", "2\xc3\xa9"});
    CHECK(desk.row() == "me>");
  }
}

TEST_CASE("lines entered before") {
  Desk desk(40, {.max_history = 3});
  desk.type("zero\rone\rone\r\rtwo\rthree\rtyp");
  desk.type(up);
  CHECK(desk.row() == "me> three");
  desk.type(ctrl('P') + ctrl('P'));
  CHECK(desk.row() == "me> one");
  desk.type(up + up);
  CHECK(desk.row() == "me> one");  // no more are kept
  desk.type(down + ctrl('N'));
  CHECK(desk.row() == "me> three");
  desk.type(down);
  CHECK(desk.row() == "me> typ");  // what was being typed
  desk.type(down + "ed");
  CHECK(desk.row() == "me> typed");
  desk.type(up + up + "!\r");
  CHECK(desk.lines.back() == "two!");
  desk.type(up);
  CHECK(desk.row() == "me> two!");
  desk.type(up + up);
  CHECK(desk.row() == "me> two");  // as it was entered
  desk.type(ctrl('C') + "x" + up + down);
  CHECK(desk.row() == "me> x");
  Desk none(40, {.max_history = 0});
  none.type("a\r" + up + "b");
  CHECK(none.row() == "me> b");
}

TEST_CASE("a paste of 200 lines is 200 lines, whatever is in it") {
  Desk desk;
  std::string text;
  Lines expected;
  for (int i = 0; i < 200; ++i) {
    text += "line " + std::to_string(i) + "\t\x03\x04\x1b[A\x1b" + "d" + "\x7f\x15" +
            (i % 3 == 0   ? "\r"
             : i % 3 == 1 ? "\n"
                          : "\r\n");
    expected.push_back("line " + std::to_string(i) + " d");
  }
  desk.type("typed\r" + paste(text + "the rest"));
  expected.insert(expected.begin(), "typed");
  CHECK(desk.lines == expected);
  CHECK(desk.others.empty());
  CHECK(desk.row() == "me> the rest");
  desk.type(up);
  CHECK(desk.row() == "me> typed");  // pasted lines are not what one wants back
  desk.type(down + "!\r");
  CHECK(desk.lines.back() == "the rest!");
  CHECK(desk.screen.row_count() == 203);
}

TEST_CASE("lines pasted into a line part it where the cursor is") {
  Desk desk;
  desk.type("front back" + many(left, 4) + paste("1\n2\n3"));
  CHECK(desk.lines == Lines{"front 1", "2"});
  CHECK(desk.row() == "me> 3back");
  CHECK(desk.before_cursor() == "me> 3");
}

TEST_CASE("a paste without marks is typed, and its lines are lines all the same") {
  Desk desk;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\r\n";
  desk.type(text);
  CHECK(desk.lines.size() == 200);
  CHECK(desk.lines.back() == "line 199");
}

TEST_CASE("at the limit the bell rings, and nothing is cut off in silence") {
  Desk desk(40, {.max_line = 16});
  desk.type(std::string(15, 'a'));
  CHECK(desk.screen.bells() == 0);
  desk.type("\xc3\xa9");  // two bytes
  CHECK(desk.screen.bells() == 1);
  desk.type("b");
  CHECK(desk.screen.bells() == 1);
  desk.type("cccc");
  CHECK(desk.screen.bells() == 2);
  desk.type("\r");
  CHECK(desk.lines == Lines{std::string(15, 'a') + "b"});
  desk.type("12345678901" + ctrl('U') + ctrl('Y') + ctrl('Y'));
  CHECK(desk.row() == "me> 12345678901");
  CHECK(desk.screen.bells() == 3);
}

TEST_CASE("a longer line in a paste comes in pieces") {
  Desk desk(40, {.max_line = 16});
  std::string text;
  for (int i = 0; i < 10; ++i) text += "12345\xc3\xa9";
  desk.type("ab" + left + paste(text + "\nend"));
  std::string all;
  for (const std::string& line : desk.lines) {
    CHECK(line.size() <= 16);
    CHECK(common::complete_utf8(line) == line.size());
    all += line;
  }
  CHECK(all == "a" + text);
  CHECK(desk.screen.bells() != 0);
  desk.type("\r");
  CHECK(desk.lines.back() == "endb");
  // Nothing in front of the cursor, and no room behind it.
  desk.lines.clear();
  desk.type(std::string(16, 'x') + home + paste("y") + "\r");
  CHECK(desk.lines == Lines{std::string(16, 'x'), "y"});
}

TEST_CASE("a line longer than the terminal scrolls in its row") {
  Desk desk(20);
  const std::string text = "0123456789abcdefghijklmnopqrstuvwxyz";
  desk.show("above");
  desk.type(text);
  CHECK(desk.screen.row_count() == 2);
  CHECK(desk.row().starts_with("me> <"));
  CHECK(desk.row().ends_with("z"));
  desk.type(home);
  CHECK(desk.row() == "me> 0123456789abc>");
  CHECK(desk.screen.column() == 4);
  for (std::size_t i = 0; i < text.size(); ++i) {
    desk.type(right);
    CHECK(desk.row()[desk.screen.column() - 1] == text[i]);
    CHECK(desk.screen.row_count() == 2);
  }
  for (std::size_t i = text.size(); i-- > 0;) {
    desk.type(left);
    CHECK(desk.row()[desk.screen.column()] == text[i]);
  }
  desk.show("message");
  CHECK(desk.screen.rows() == Lines{"above", "message", "me> 0123456789abc>"});
  desk.type("\r");  // the whole line stays to be read
  CHECK(desk.screen.rows() == Lines{"above", "message", "me> 0123456789abcdef", "ghijklmnopqrstuvwxyz", "me>"});
}

TEST_CASE("whatever is typed, the row neither wraps nor shows what is not there") {
  std::uint32_t seed = 1;
  const auto random = [&](std::size_t below) {
    seed = seed * 1664525 + 1013904223;
    return static_cast<std::size_t>(seed >> 8) % below;
  };
  const Lines letters{"a", "b", " ", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80", "o\xcc\x88"};
  for (std::size_t columns = 8; columns < 30; ++columns) {
    Desk desk(columns);
    desk.show("above");
    Lines text;  // what it should be, character by character
    std::size_t cursor = 0;
    for (int i = 0; i < 300; ++i) {
      const auto at = text.begin() + static_cast<std::ptrdiff_t>(cursor);
      switch (random(8)) {
        case 0:
          desk.type(left);
          cursor -= cursor != 0;
          break;
        case 1:
          desk.type(right);
          cursor += cursor != text.size();
          break;
        case 2:
          desk.type("\x7f");
          if (cursor != 0) text.erase(at - 1), --cursor;
          break;
        case 3:
          if (random(9) == 0) desk.type(home), cursor = 0;
          break;
        case 4:
          if (random(9) == 0) desk.type(end_key), cursor = text.size();
          break;
        default: {
          const std::string& letter = letters[random(letters.size())];
          desk.type(letter);
          text.insert(at, letter);
          ++cursor;
        }
      }
      REQUIRE(desk.screen.row_count() == 2);
      REQUIRE(desk.screen.row() == 1);
      std::string all = " ";
      for (const std::string& letter : text) all += letter;
      std::string shown = desk.row().substr(desk.row().find('>') + 1);
      if (shown.starts_with(" <")) shown.erase(0, 2);
      if (shown.ends_with(">")) shown.pop_back();
      REQUIRE(all.find(shown) != std::string::npos);
    }
    std::string all;
    for (const std::string& letter : text) all += letter;
    desk.type("\r");
    CHECK(desk.lines == Lines{all});
  }
}

TEST_CASE("another width, another prompt") {
  Desk desk(40);
  desk.type("0123456789abcdefghijklmnopqr");
  const auto redraw_with = [&](std::size_t columns) {
    desk.editor.set_columns(columns);
    desk.screen.write(desk.editor.take_output());
    return desk.row();
  };
  CHECK(redraw_with(20) == "me> <fghijklmnopqr");
  CHECK(redraw_with(40) == "me> 0123456789abcdefghijklmnopqr");
  CHECK(redraw_with(0).size() <= 8);
  CHECK(redraw_with(40) == "me> 0123456789abcdefghijklmnopqr");
  desk.editor.set_prompt(
      "a\x1b[2Jb\n\xe2\x80\xae"
      "c> ",
      "1;36");
  desk.screen.write(desk.editor.take_output());
  CHECK(desk.row() == "a[2Jbc> 0123456789abcdefghijklmnopqr");
  desk.editor.set_prompt(std::string(100, 'p'));
  desk.screen.write(desk.editor.take_output());
  CHECK(desk.row().starts_with(std::string(20, 'p') + "<"));
  CHECK(desk.screen.row_count() == 1);
}

TEST_CASE("Ctrl-C clears a line, and interrupts on an empty one") {
  Desk desk;
  desk.type("half a tho" + ctrl('C'));
  CHECK(desk.row() == "me>");
  CHECK(desk.others.empty());
  desk.type(ctrl('C'));
  CHECK(desk.others == std::vector<Event>{Event::interrupt});
  desk.type("x" + ctrl('D') + left + ctrl('D') + ctrl('D') + ctrl('Z'));
  CHECK(desk.others == std::vector<Event>{Event::interrupt, Event::end_of_input, Event::suspend});
  CHECK(desk.lines.empty());
}

TEST_CASE("sequences that are not known are ignored whole") {
  for (const std::string sequence :
       {"\x1b[15~", "\x1b[1;2P", "\x1b[?1;2c", "\x1b[[A", "\x1bOP", "\x1b]0;title\a", "\x1bP1$r0m\x1b\\",
        "\x1b[<0;1;2M", "\x1b[I", "\x1bq", "\x1b[38;5;196m", "\x1b[ q", "\x1b[201~"}) {
    CAPTURE(sequence.substr(1));
    Desk desk;
    desk.type("a" + sequence + "b\r");
    CHECK(desk.lines == Lines{"ab"});
  }
  Desk desk;
  desk.type("a\x1b[" + std::string(64, '1') + "b\r");  // longer than any
  CHECK(desk.lines == Lines{"ab"});
  desk.type(escape + escape + "[D" + "\x1b[1" + ctrl('C') + "x" + "\x1b[1\xc3\xa9\r");  // broken off
  CHECK(desk.lines.back() == "x\xc3\xa9");
  CHECK(desk.others == std::vector<Event>{Event::interrupt});
}

TEST_CASE("the Escape key alone swallows nothing once time has passed") {
  Desk desk;
  desk.type("a" + escape);
  CHECK(desk.editor.may_be_whole());
  desk.editor.forget_sequence();
  CHECK_FALSE(desk.editor.may_be_whole());
  desk.type("b\r");
  CHECK(desk.lines == Lines{"ab"});
  for (const std::string begun : {"\x1b[1", "\x1b[200", "\x1b[200~x\x1b", "y\x1b["}) {  // no key sends these alone
    desk.type(begun);
    CHECK_FALSE(desk.editor.may_be_whole());
    if (begun == "\x1b[1") desk.type("C");
    if (begun == "\x1b[200") desk.type("~\x1b[201~");
  }
  desk.type("201~\r");
  CHECK(desk.lines == Lines{"ab", "xy"});
}

TEST_CASE("no bytes of a keyboard make the editor send what steers a terminal") {
  std::uint32_t seed = 7;
  for (int round = 0; round < 200; ++round) {
    Desk desk(20, {.max_line = 64});
    std::string bytes;
    for (int i = 0; i < 200; ++i) {
      seed = seed * 1664525 + 1013904223;
      const auto byte = static_cast<char>(seed >> 16);
      bytes += seed >> 30 == 0 ? std::string("\x1b[200~\x1b[3\r").substr(seed >> 8 & 7, 1) : std::string(1, byte);
    }
    desk.type(bytes);
    for (const std::string& line : desk.lines) {
      CHECK(parley::make_printable(line) == line);
      CHECK(line.size() <= 64);
    }
  }
}

TEST_CASE("Ctrl-L clears the screen, the line stays") {
  Desk desk;
  desk.show("message");
  desk.type("abc" + left + ctrl('L'));
  CHECK(desk.screen.rows() == Lines{"me> abc"});
  CHECK(desk.before_cursor() == "me> ab");
}

TEST_CASE("hidden, it leaves the row to others") {
  Desk desk;
  desk.type("abc");
  desk.screen.write(desk.editor.hide());
  CHECK(desk.screen.rows() == Lines{""});
  desk.show("message");
  desk.type("d");
  CHECK(desk.screen.rows() == Lines{"message", ""});
  desk.editor.redraw();
  desk.screen.write(desk.editor.take_output());
  CHECK(desk.screen.rows() == Lines{"message", "me> abcd"});
}

TEST_CASE("Tab completes where it was said how, and is ignored elsewhere") {
  Desk plain;
  plain.type("a\tb");
  CHECK(plain.row() == "me> ab");
  LineEditor::Options options;
  options.complete = [](std::string_view text) { return text == "/he" ? std::string("lp\x1b ") : std::string(); };
  Desk desk(40, options);
  desk.type("/hex" + left + "\t");
  CHECK(desk.row() == "me> /help x");
  CHECK(desk.screen.bells() == 0);
  desk.type("\t");
  CHECK(desk.screen.bells() == 1);
}
