// SPDX-License-Identifier: BSL-1.0
// Many members at once (cases 1 and 2).

#include "crowd.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "chat_server.hpp"

using namespace stress;
using Clock = std::chrono::steady_clock;

namespace {

/// Has one member after the other say something that all others then have, and notes how long each of them waited.
class Rounds {
 public:
  // Members `first` up to `last` take part.
  Rounds(Crowd& crowd, std::size_t first, std::size_t last, std::size_t text_bytes)
      : crowd_(crowd), first_(first), last_(last), filling_(text_bytes, 'x') {
    crowd_.on_line = [this](std::size_t member, std::string_view line) {
      if (member < first_ || member >= last_ || line.find(mark_) == line.npos) return;
      waits_.push_back(Clock::now() - said_at_);
    };
  }

  bool play() {
    mark_ = "round" + std::to_string(++count_) + "-";
    const std::size_t others = last_ - first_ - 1;
    const std::size_t all = waits_.size() + others;
    said_at_ = Clock::now();
    const bool said = crowd_.send(first_ + count_ % (last_ - first_), mark_ + filling_ + "\n");
    return said && crowd_.until([&] { return waits_.size() >= all; }) && waits_.size() == all;
  }

  /// The 99th percentile since the last call.
  Clock::duration p99() {
    const auto place = waits_.begin() + static_cast<std::ptrdiff_t>(waits_.size() * 99 / 100);
    std::nth_element(waits_.begin(), place, waits_.end());
    const auto wait = *place;
    waits_.clear();
    return wait;
  }

 private:
  Crowd& crowd_;
  std::size_t first_, last_;
  std::string filling_;
  std::string mark_;
  std::size_t count_ = 0;
  Clock::time_point said_at_;
  std::vector<Clock::duration> waits_;
};

std::string milliseconds_text(Clock::duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f ms", std::chrono::duration<double, std::milli>(duration).count());
  return text;
}

}  // namespace

// The figure that is promised, at most twice the baseline, belongs into a benchmark: here the machine may be busy, so the
// bound is wide, and catches only that others wait for the one who stopped.
TEST_CASE("case 1: a reader that stops delays no one of a thousand others, and is sent away") {
  raise_descriptor_limit();
  const std::size_t members = scale("PARLEY_STRESS_TALKERS", 1000, 200);
  constexpr std::size_t max_lag = 65536;
  ChatServer server({"--rate", "0", "--max-lag", std::to_string(max_lag), "--history", "0"});
  Crowd crowd(server.port());
  crowd.each_turn = [&] { server.has_output(""); };
  RawSocket filler = server.join("filler");
  const std::size_t stopped = crowd.add(4096);
  REQUIRE(crowd.send(stopped, "stopped\n"));
  REQUIRE(crowd.join(members, "m"));
  Rounds rounds(crowd, 1, members + 1, 1000);

  constexpr int rounds_at_least = 30;
  for (int i = 0; i < rounds_at_least; ++i) REQUIRE(rounds.play());
  const auto baseline = rounds.p99();
  const std::size_t memory = server.memory_bytes();

  // What the system takes for it fills up, without the others having to read as much.
  crowd.pause(stopped);
  std::string directs;
  const std::string filling(4000, 'x');
  for (int i = 0; i < 4; ++i) directs += "/msg stopped " + filling + "\n";
  const auto lags = [&] { return largest_lag(server) > 40'000; };  // more than one who reads is behind between loops
  int tries = 0;
  while (tries < 2500 && !lags()) {
    REQUIRE(answers(filler, directs));
    ++tries;
  }
  REQUIRE(tries < 2500);

  constexpr int most_rounds = 1000;
  int played = 0;
  bool gone = false;
  while (!(gone && played >= rounds_at_least) && played < most_rounds) {
    // It may have been behind only because its loop was held up: then what the system takes is not full yet.
    if (!gone && played > 100) REQUIRE(answers(filler, directs));
    REQUIRE(rounds.play());
    ++played;
    gone = server.has_output("leave room=lobby name=stopped\n");
  }
  CHECK(gone);
  const auto beside_it = rounds.p99();
  INFO("p99 alone " << milliseconds_text(baseline) << ", beside it " << milliseconds_text(beside_it));
  CHECK(beside_it <= baseline * 10 + milliseconds(50));
  if (by_hand("PARLEY_STRESS_TALKERS")) {
    WARN("p99 alone " << milliseconds_text(baseline) << ", beside it " << milliseconds_text(beside_it) << " in "
                      << played << " rounds");
  }
  // The log is one and a half times max_lag, and once more as it goes over the wire. Each further loop has memory of its
  // own, and what is on its way to its clients when it is held up, which is not counted as their lag.
  const std::size_t besides = (2 * loops() - 1) * (std::size_t{1} << 20);
  if (!sanitized) CHECK(server.memory_bytes() < memory + 4 * max_lag + besides);
}

TEST_CASE("case 1: the others are told of who was too slow") {
  ChatServer server({"--rate", "0", "--max-lag", "65536"});
  RawSocket slow = server.join("slow", 4096);
  RawSocket talker = server.join("talker");
  RawSocket reader = server.join("reader");
  std::string texts;
  for (int i = 0; i < 10; ++i) texts += std::string(4000, 'x') + "\n";  // less than anybody may be behind
  std::string heard;
  for (int i = 0; i < 500 && heard.find("* slow left") == heard.npos; ++i) {
    REQUIRE(answers(talker, texts));
    heard += so_far(reader);
  }
  CHECK(count_of(heard, "* slow left (too slow)\n") == 1);
}

TEST_CASE("case 1: a reader that stops and goes on is told how much it missed, exactly") {
  ChatServer server({"--rate", "0", "--max-lag", "65536", "--slow", "skip", "--history", "0"});
  RawSocket slow = server.join("slow", 4096);
  RawSocket talker = server.join("talker");
  slow.receive_until("* talker joined\n");
  constexpr std::size_t most = 4000;
  const std::string filling(4000, 'x');
  std::size_t said = 0;
  const auto dropped = [&] {
    server.send_signal(SIGUSR1);
    const auto stats = server.wait_for("stats clients=");
    return stats && stats->find(" dropped=0 ") == stats->npos;
  };
  while (said < most) {
    std::string texts;
    for (int i = 0; i < 50; ++i) texts += std::to_string(++said) + " " + filling + "\n";
    REQUIRE(answers(talker, texts));
    if (dropped()) break;
  }
  REQUIRE(said < most);

  const std::string text = slow.receive_until("* you missed ");
  REQUIRE_FALSE(text.empty());
  const std::size_t missed = std::stoul(slow.receive_until(" "));
  slow.receive_until("\n");
  std::size_t next = 0;  // all that came before is whole and in order
  for (const std::string& line : lines_of(text)) {
    if (!line.starts_with("<talker> ")) continue;
    CHECK(line == "<talker> " + std::to_string(++next) + " " + filling);
  }
  talker.send("last\n");
  const std::string rest = slow.receive_until("<talker> last\n");
  CHECK(next + missed + count_of(rest, "<talker> ") == said + 1);
}

// By hand with PARLEY_STRESS_MEMBERS=10000, on a release build, for the figures.
TEST_CASE("case 2: each of thousands of idle members gets every broadcast exactly once") {
  raise_descriptor_limit();
  const std::size_t members = scale("PARLEY_STRESS_MEMBERS", 3000, 500);
  ChatServer server("exec \"$0\" \"$@\" --rate 0", {});
  RawSocket first = server.join("first");
  const std::size_t memory = server.memory_bytes();
  Crowd crowd(server.port());
  crowd.each_turn = [&] { server.has_output(""); };
  const auto start = Clock::now();
  REQUIRE(crowd.join(members, "m"));
  const auto joined_after = Clock::now() - start;
  REQUIRE(comes_true([&] { return answers(first) && server.has_output(""); }));
  const std::size_t each = (server.memory_bytes() - std::min(memory, server.memory_bytes())) / members;
  if (by_hand("PARLEY_STRESS_MEMBERS")) {
    WARN(members << " members: " << each << " bytes each, joined within " << milliseconds_text(joined_after));
  }
  // As is promised for 9,000 and one loop. With more, what two of them share takes more, and so does what is on its way
  // between them when one is held up. A few pages more or less are little among thousands. The rings of io_uring are
  // more pages.
  const char* const poller = std::getenv("PARLEY_POLLER");
  const std::size_t rings = poller != nullptr && poller == std::string_view("io_uring") ? 300'000 / members : 0;
  const std::size_t shared = loops() == 1 ? 0 : 3072 + (2 * loops() - 1) * (std::size_t{1} << 20) / members;
  if (!sanitized) CHECK(each <= 512 + shared + rings);

  constexpr std::size_t broadcasts = 20;
  std::vector<std::string> got(members);  // the numbers that each has got, in order
  std::size_t deliveries = 0;
  crowd.on_line = [&](std::size_t member, std::string_view line) {
    if (!line.starts_with("<first> ")) return;
    got[member] += std::string(line.substr(8)) + ' ';
    ++deliveries;
  };
  std::string all;
  for (std::size_t i = 1; i <= broadcasts; ++i) {
    first.send(std::to_string(i) + "\n");
    all += std::to_string(i) + ' ';
  }
  CHECK(crowd.until([&] { return deliveries == broadcasts * members; }));
  REQUIRE(answers(first));  // no second one is on its way
  CHECK_FALSE(crowd.until([&] { return deliveries > broadcasts * members; }, milliseconds(50)));
  CHECK(std::count(got.begin(), got.end(), all) == static_cast<std::ptrdiff_t>(members));
}
