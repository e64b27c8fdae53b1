// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/wire_format.hpp>

#include "support/catch.hpp"

#include <string>

using namespace parley;

namespace {

std::string line(MessageKind kind, std::string_view text, std::string_view name = "", std::uint64_t missed = 0) {
  Message message;
  message.kind = kind;
  message.name = name;
  message.text = text;
  message.missed = missed;
  std::string out = "before|";
  plain_lines.encode(message, out);
  return out.substr(7);
}

}  // namespace

TEST_CASE("each kind of message has its line") {
  CHECK(line(MessageKind::text, "hi there", "ann") == "<ann> hi there\n");
  CHECK(line(MessageKind::direct, "psst", "ann") == "[ann] psst\n");
  CHECK(line(MessageKind::notice, "ann joined") == "* ann joined\n");
  CHECK(line(MessageKind::error, "no such room") == "! no such room\n");
  CHECK(line(MessageKind::missed, "", "", 1) == "* you missed 1 message\n");
  CHECK(line(MessageKind::missed, "", "", 12345678901) == "* you missed 12345678901 messages\n");
  CHECK(line(MessageKind::text, "", "") == "<> \n");
}

TEST_CASE("no text and no name breaks out of its line, or reaches the terminal raw") {
  for (const auto kind : {MessageKind::text, MessageKind::direct, MessageKind::notice, MessageKind::error}) {
    for (const char* nasty : {"\n<admin> forged", "\r<admin> forged", "a\x1B[2Jb", "\xE2\x80\xA8<admin> forged",
                              "\xC2\x85<admin> forged", "\xE2\x80\xAEsdrawkcab", "\x80\xFF", "\b\b\b\b<admin>"}) {
      const std::string got = line(kind, nasty, nasty);
      INFO(got);
      CHECK(got.find('\n') == got.size() - 1);
      CHECK(got == make_printable(got) + '\n');
      CHECK(got.find('\x1B') == got.npos);
    }
  }
}
