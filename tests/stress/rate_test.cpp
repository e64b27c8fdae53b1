// SPDX-License-Identifier: BSL-1.0
// Somebody who says too much (case 15).

#include <chrono>
#include <string>

#include "chat_server.hpp"

using namespace stress;
using Clock = std::chrono::steady_clock;

TEST_CASE("case 15: who says ten thousand things at once is slowed down, and nobody else is") {
  constexpr int rate = 20;
  ChatServer server({"--rate", std::to_string(rate), "--history", "0"});
  RawSocket reader = server.join("reader");
  RawSocket quick = server.join("quick");
  RawSocket flooder = server.join("flooder");
  std::string flood;
  for (int i = 0; i < 10000; ++i) flood += "flood " + std::to_string(i) + "\n";
  const auto start = Clock::now();
  flooder.try_send(flood, milliseconds(100));  // it is not taken faster than it is said
  REQUIRE_FALSE(reader.receive_until("<flooder> flood 0\n").empty());
  std::string heard;
  for (int i = 0; i < rate; ++i) {  // as many as one may say at once
    const std::string text = "word " + std::to_string(i) + "\n";
    quick.send(text);
    const std::string before = reader.receive_until("<quick> " + text);
    REQUIRE_FALSE(before.empty());
    heard += before;
  }
  const auto took = Clock::now() - start;
  const auto floods = static_cast<double>(count_of(heard, "<flooder> ")) + 1;
  // A burst, and the rate for as long as it took.
  CHECK(floods <= rate + 1 + rate * std::chrono::duration<double>(took).count());
  CHECK(answers(quick));
}

TEST_CASE("case 15: a paste of 200 lines goes through, whole and in order, however slowly") {
  ChatServer server({"--rate", "100", "--history", "0"});
  RawSocket reader = server.join("reader");
  RawSocket writer = server.join("writer");
  reader.receive_until("* writer joined\n");
  std::string paste;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string line = "line " + std::to_string(i) + " of what was pasted\n";
    paste += line;
    expected += "<writer> " + line;
  }
  writer.send(paste + "/quit\n");
  CHECK(reader.receive_until("* writer left\n") == expected + "* writer left\n");
}
