// SPDX-License-Identifier: BSL-1.0
// Text that is made to steer terminals, to mislead readers or to forge lines (cases 11 to 14).

#include <parley/chat/printable.hpp>

#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "chat_server.hpp"

using namespace stress;

namespace {

// What of it may reach nobody.
const std::vector<std::string> hostile_texts = {
    "\x1b[2Jcleared",                     // CSI
    "\x1b]52;c;aGVsbG8=\x07 pasted",      // OSC 52 writes the clipboard
    "\x1b]0;title\x1b\\",                 // OSC, ended by ST
    "\x9b[31mred",                        // CSI as one byte, which is no UTF-8
    "\xc2\x9b[31mred \xc2\x90 \xc2\x85",  // C1 in UTF-8: CSI, DCS, NEL
    "harmless\rforged",                   // over what stands there
    "abc\b\b\bxyz \x7f",                  // backspaces, DEL
    "a\x0c"
    "b\x0b"
    "c\x0e\x0f\x05\x07",                   // form feed, vertical tab, shifts, answerback, bell
    "user\xe2\x80\xaegnp.exe",             // right-to-left override
    "\xe2\x81\xa6isolated\xe2\x81\xa9",    // isolates
    "\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f m",  // marks
    "in\xe2\x80\x8bvis\xe2\x80\x8dible\xef\xbb\xbf\xc2\xad\xe2\x81\xa0",  // zero widths, soft hyphen
    "tag\xf3\xa0\x81\xa1\xf3\xa0\x84\x80",                                // tags, variation selectors
    "line\xe2\x80\xa8paragraph\xe2\x80\xa9",
    "cut \xe2\x82",                        // not whole
    "long \xc0\xaf \xe0\x80\xaf",          // longer than need be
    "half \xed\xa0\x80 \xf4\x90\x80\x80",  // half a pair, beyond Unicode
    "\xff\xfe\x80 no UTF-8",
};

// Newlines, printable characters and nothing else.
bool is_clean(std::string_view text) { return parley::make_printable(text, parley::Newlines::keep) == text; }

std::string shown(std::string_view text) {
  std::string hex;
  for (const char c : text) {
    char two[8];
    std::snprintf(two, sizeof two, c >= ' ' && c < 0x7f ? "%c" : "\\x%02x", static_cast<unsigned char>(c));
    hex += two;
  }
  return hex;
}

// Wherever a stranger's text can stand.
std::vector<std::string> lines_with(const std::string& text) {
  return {text,
          text + "\n",
          "/me " + text,
          "/msg witness " + text,
          "/msg " + text + " hello",
          "/topic " + text,
          "/nick " + text,
          "/join " + text,
          "/" + text,
          "/" + text + " " + text,
          "/kick " + text + " " + text,
          "/ban " + text,
          "/unban " + text,
          "/mute " + text,
          "/op " + text,
          "/ping " + text,
          "/history " + text,
          "/resume " + text};
}

}  // namespace

TEST_CASE(
    "cases 11 and 12: no reader and no log gets controls, bidi overrides, invisible characters or invalid UTF-8") {
  const std::string format = GENERATE("text", "json");
  ChatServer server({"--rate", "0", "--log", format, "--log-messages", "--motd", hostile_texts[0] + hostile_texts[8]});
  RawSocket witness = server.join("witness");
  RawSocket numbered = RawSocket::connect(server.port());
  numbered.send("/numbered 1 numbered\n");
  REQUIRE_FALSE(numbered.receive_until("you are in lobby").empty());
  RawSocket hostile = server.join("hostile");
  hostile.send("/join den\n");  // whoever opens a room operates it, and sets its topic
  REQUIRE_FALSE(hostile.receive_until("you are in den").empty());
  witness.send("/join den\n");
  REQUIRE_FALSE(witness.receive_until("you are in den").empty());
  std::string all;
  for (const std::string& text : hostile_texts) {
    for (const std::string& line : lines_with(text)) {
      RawSocket named = RawSocket::connect(server.port());  // as a name
      named.send(line + "\n");
      named.half_close();
      all += named.receive_to_end();
      all += so_far(hostile, line + "\n");
    }
  }
  all += so_far(witness, "/topic\n/history 200\n/who\n/rooms\n");
  all += so_far(hostile, "/leave\n");
  for (const std::string& text : hostile_texts) all += so_far(hostile, text + "\n");
  numbered.send("/ping end\n");
  all += numbered.receive_until("pong end\n");
  CHECK(all.size() > 10000);
  std::size_t dirty = 0;
  for (const std::string& line : lines_of(all)) {
    if (is_clean(line)) continue;
    ++dirty;
    UNSCOPED_INFO(shown(line));
  }
  CHECK(dirty == 0);

  server.send_signal(SIGTERM);
  CHECK(programs::ending(server) == programs::well);
  for (const std::string* log : {&server.output(), &server.errors()}) {
    std::size_t dirty_lines = 0;
    for (const std::string& line : lines_of(*log)) {
      if (is_clean(line)) continue;
      ++dirty_lines;
      UNSCOPED_INFO(shown(line));
    }
    CHECK(dirty_lines == 0);
  }
  CHECK(server.output().find("cleared") != std::string::npos);
}

TEST_CASE("cases 11 and 12: nothing that a server sends steers the terminal or the pipe behind the client") {
  const auto input = GENERATE(Process::Input::pipe, Process::Input::terminal);
  const std::string json = GENERATE("--no-color", "--json");
  RawSocket listener = RawSocket::listen();
  Process client(
      programs::command("tcp_chat", {"client", json, "--name", "ann", "127.0.0.1", std::to_string(listener.port())}),
      input);
  RawSocket server = listener.accept();
  REQUIRE(server.receive_until("\n") == "/numbered 1 ann\n");
  std::string lines;
  for (const std::string& text : hostile_texts) {
    lines += "* " + text + "\n";
  }
  lines += "session 0123 7 0 lobby ann\n";
  int sequence = 0;
  for (const std::string& text : hostile_texts) {
    for (const char* kind : {"text", "direct", "notice", "error", "missed", "unknown"}) {
      lines += std::to_string(++sequence) + " 1700000000000 " + kind + " ben " + text + "\n";
      lines += std::to_string(++sequence) + " 1700000000000 " + kind + " " + text + " hello\n";
    }
    lines += std::to_string(++sequence) + " 1700000000000 " + text + "\n";
    lines += "session 0123 7 " + std::to_string(sequence) + " " + text + " ann\n";
    lines += "! " + text + "\n" + text + "\n";
  }
  lines += "session 0123 7 " + std::to_string(sequence) + " lobby ann\n";
  lines += std::to_string(++sequence) + " 1700000000000 text ben the-very-last\n";
  server.send(lines);
  REQUIRE(client.wait_for("the-very-last"));
  const std::string output = client.output() + client.errors();
  if (input == Process::Input::pipe) {
    std::size_t dirty = 0;
    for (const std::string& line : lines_of(output)) {
      if (is_clean(line)) continue;
      ++dirty;
      UNSCOPED_INFO(shown(line));
    }
    CHECK(dirty == 0);
  } else {  // its own line editing steers the terminal
    for (const char* bad : {"\x1b[2J",      "\x1b]",        "\x9b[31m",     "\xc2\x9b", "\xc2\x85", "\b\b\bxyz",
                            "\x07",         "\x7f",         "\x0c",         "\x0b",     "\x0e",     "\xe2\x80\xae",
                            "\xe2\x81\xa6", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xc2\xad", "\xf3\xa0", "\xe2\x80\xa8",
                            "\xc0\xaf",     "\xed\xa0",     "\xff",         "\rforged"}) {
      INFO(shown(bad));
      CHECK(output.find(bad) == std::string::npos);
    }
  }
}

TEST_CASE("case 13: names that could be taken for somebody else's, or for nothing, are refused with a reason") {
  ChatServer server;
  RawSocket admin = server.join("admin");
  RawSocket cyrillic = server.join("\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd");
  const std::string longest(32, 'n');
  const std::vector<std::string> refused = {
      "Admin",
      "ADMIN",
      "\xd0\xb0\xd0\xb4m\xd1\x96n",  // Cyrillic among Latin letters
      "\xd0\xb0"
      "dmin",
      "adm\xc4\xb1n",
      "ad\xce\xbcin",
      "adrnin",                                                        // dotless i, Greek mu, r and n for m
      "\xef\xbd\x81\xef\xbd\x84\xef\xbd\x8d\xef\xbd\x89\xef\xbd\x8e",  // full width
      "a\xcc\x81"
      "dmin",
      "\xd0\x98\xd0\x92\xd0\x90\xd0\x9d",
      "",
      " ",
      "   ",
      "\t",
      "a b",
      longest + "n",
      "adm\xe2\x80\x8bin",
      "\xe2\x80\xae"
      "nimda",
      "admin\xc2\xa0",
      "server",
      "System",
      "0perator",
      "<admin>",
      "*",
      "! error",
      "a\xffz",
      "\x1b[1madmin",
      "-",
      "a--b",
      ".."};
  for (const std::string& name : refused) {
    INFO(shown(name));
    RawSocket stranger = RawSocket::connect(server.port());
    stranger.send(name + "\n");
    stranger.receive_until("\n");  // the greeting
    const std::string answer = stranger.receive_until("\n");
    CHECK(answer.starts_with("! "));
    CHECK(answer.size() > 10);
    const std::string renamed = so_far(cyrillic, "/nick " + name + "\n");
    if (name != "\xd0\x98\xd0\x92\xd0\x90\xd0\x9d") {  // one may write one's own name otherwise
      CHECK(count_of(renamed, "! ") == 1);
      CHECK(count_of(renamed, " is now ") == 0);
    }
  }
  // What is around a name does not make it another one.
  for (const char* name : {" admin", "admin  ", "admin\r"}) {
    RawSocket stranger = RawSocket::connect(server.port());
    stranger.send(std::string(name) + "\n");
    stranger.receive_until("\n");
    CHECK(stranger.receive_until("\n") == "! somebody has this name, or one that looks like it\n");
  }
  CHECK(answers(admin));
  RawSocket long_named = server.join(longest);
}

TEST_CASE("case 14: no text makes a line of the log or of somebody else") {
  ChatServer server({"--rate", "0", "--log-messages"});
  RawSocket witness = server.join("witness");
  RawSocket forger = server.join("forger");
  witness.receive_until("* forger joined\n");
  const std::string forged = "2026-05-01 12:00:00 join room=lobby name=admin";
  const std::vector<std::string> breaks = {"\r",
                                           "\x0b",
                                           "\x0c",
                                           "\x1c",
                                           "\x1d",
                                           "\x1e",
                                           "\xc2\x85",
                                           "\xe2\x80\xa8",
                                           "\xe2\x80\xa9",
                                           "\r\r",
                                           std::string(1, '\0')};
  std::string lines;
  for (const std::string& line_break : breaks) {
    lines += "hello" + line_break + "<admin> I am here\n";
    lines += "hello" + line_break + forged + "\n";
    lines += "hello\" name=admin text=\"" + line_break + "\n";
  }
  REQUIRE(answers(forger, lines + "after\nit\n"));
  const auto heard = lines_of(witness.receive_until("<forger> it\n"));
  CHECK(heard.size() == 3 * breaks.size() + 2);
  for (const std::string& line : heard) CHECK(line.starts_with("<forger> "));
  // With a newline it is a line of its own: the forger's.
  forger.send("one\n* admin joined\n<admin> two\n! three\n");
  CHECK(witness.receive_until("three\n") ==
        "<forger> one\n<forger> * admin joined\n<forger> <admin> two\n<forger> ! three\n");

  server.send_signal(SIGTERM);
  CHECK(programs::ending(server) == programs::well);
  std::size_t messages = 0;
  for (const std::string& line : lines_of(server.output())) {
    CHECK_FALSE(line.starts_with(forged));
    CHECK_FALSE(line.ends_with("name=admin"));
    const bool is_message = line.find(" message room=lobby name=forger text=") == 19;
    messages += is_message;
    if (is_message && line.find("hello") != line.npos && line.find(' ', 60) != line.npos) {
      CHECK(line.find("text=\"hello") != line.npos);  // one field, as its quotes say
      CHECK(line.ends_with('"'));
    }
  }
  CHECK(messages == 3 * breaks.size() + 2 + 4);
}
