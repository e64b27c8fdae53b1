// SPDX-License-Identifier: BSL-1.0
// SIGTERM while a lot is going on (case 17).

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "chat_server.hpp"
#include "crowd.hpp"

using namespace stress;
using Clock = std::chrono::steady_clock;

namespace {

// The server ends everybody within 3 s, and what else there is to do takes moments.
constexpr seconds deadline{sanitized ? 20 : 6};
constexpr const char* goodbye = "* the server is stopping";

}  // namespace

TEST_CASE("case 17: at SIGTERM under load everybody gets what was said, and the server ends with 0") {
  constexpr std::size_t readers = 30;
  constexpr std::size_t talkers = 10;
  ChatServer server({"--rate", "0", "--history", "0"});
  Crowd crowd(server.port());
  crowd.each_turn = [&] { server.has_output(""); };
  REQUIRE(crowd.join(readers + talkers, "m"));
  std::vector<std::string> heard(readers + talkers);
  std::vector<std::size_t> lines_heard(readers + talkers);
  crowd.on_line = [&](std::size_t member, std::string_view line) {
    if (line.ends_with(" joined")) return;
    heard[member].append(line) += '\n';
    ++lines_heard[member];
  };
  constexpr std::size_t lines_at_once = 20;
  std::string texts;
  for (std::size_t i = 0; i < lines_at_once; ++i) texts += "said by somebody who does not stop\n";
  // So much may be on its way that the server is never idle, and no reader too slow for it.
  constexpr std::size_t rounds_on_their_way = 10;
  const auto readers_keep_up = [&](std::size_t round) {
    const std::size_t least = (round - std::min(round, rounds_on_their_way)) * talkers * lines_at_once;
    return std::all_of(lines_heard.begin(), lines_heard.begin() + readers, [&](std::size_t n) { return n >= least; });
  };
  const auto talk = [&] {
    std::size_t talking = 0;
    for (std::size_t i = readers; i < readers + talkers; ++i) talking += crowd.send(i, texts);
    return talking != 0;
  };
  for (std::size_t round = 1; round <= 40; ++round) {
    REQUIRE(talk());
    REQUIRE(crowd.until([&] { return readers_keep_up(round); }));
  }
  server.send_signal(SIGTERM);
  if (programs::signals_may_stall) server.send_signal(SIGTERM);
  const auto when = Clock::now();
  while (talk() && Clock::now() - when < RawSocket::patience) {
  }
  CHECK(crowd.until([&] {
    std::size_t ended = 0;
    for (std::size_t i = 0; i < readers; ++i) ended += crowd.ended(i);
    return ended == readers;
  }));
  CHECK(programs::ending(server) == programs::well);
  CHECK(Clock::now() - when < deadline);
  CHECK(heard[0].ends_with(std::string(goodbye) + "\n"));
  std::size_t same = 0;
  for (std::size_t i = 0; i < readers; ++i) same += heard[i] == heard[0];
  CHECK(same == readers);
}

TEST_CASE(
    "case 17: a reader that takes nothing does not keep the server from ending; a second SIGTERM ends it at once") {
  const bool twice = GENERATE(false, true);
  ChatServer server({"--rate", "0", "--history", "0", "--max-lag", "8388608"});
  RawSocket reader = server.join("reader");
  RawSocket stopped = server.join("stopped", 4096);
  RawSocket talker = server.join("talker");
  std::string texts;
  for (int i = 0; i < 50; ++i) texts += std::string(4000, 'x') + "\n";
  do {
    REQUIRE(answers(talker, texts));
    so_far(reader);
  } while (largest_lag(server) < 8 * texts.size());  // more than is under way to who reads
  server.send_signal(SIGTERM);
  const auto when = Clock::now();
  REQUIRE_FALSE(reader.receive_until(goodbye).empty());
  if (!twice) {
    CHECK(programs::ending(server) == programs::well);
    CHECK(Clock::now() - when < deadline);
    return;
  }
  // It waits for the one who stopped. A signal that comes within moments of the first counts as the same.
  std::optional<support::Exit> exit;
  while (!exit && Clock::now() - when < RawSocket::patience) {
    server.send_signal(SIGTERM);
    exit = server.wait(milliseconds(20));
  }
  REQUIRE(exit);
  CHECK(exit->signal == SIGTERM);
  CHECK(Clock::now() - when < (sanitized ? seconds(10) : seconds(2)));
}
