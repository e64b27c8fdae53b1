// SPDX-License-Identifier: BSL-1.0
// Connections that are too many, break, or fall silent (cases 5 to 8).

#include <parley/chat/chat_room.hpp>
#include <parley/core/sleep.hpp>

#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "chat_server.hpp"
#include "support/net.hpp"

using namespace stress;

// The undefined behaviour sanitizer opens a pipe for its checks of virtual calls, and takes its failure for a fault.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("case 5: without descriptors the server neither spins nor stops, and accepts again when there are some") {
  // With io_uring the kernel keeps to the limit that held when it began to accept, so none can be set here; see the tests
  // of its poller.
  if (support::loops_use_io_uring()) return;
  ChatServer server;
  RawSocket ann = server.join("ann");
  RawSocket ben = server.join("ben");
  const rlim_t now = server.highest_descriptor() + 1;
  const rlimit tight{now, now};
  REQUIRE(::prlimit(server.id(), RLIMIT_NOFILE, &tight, nullptr) == 0);

  // There may be gaps below the limit: they are used up first.
  std::vector<RawSocket> greeted, waiting;
  while (waiting.empty() && greeted.size() < 1000) {
    RawSocket next = RawSocket::connect(server.port());
    const bool accepted = !next.receive_until("* welcome!", milliseconds(500)).empty();
    (accepted ? greeted : waiting).push_back(std::move(next));
  }
  REQUIRE(waiting.size() == 1);
  for (int i = 0; i < 20; ++i) waiting.push_back(RawSocket::connect(server.port()));
  REQUIRE(answers(ann));
  const long before = server.processor_ticks();
  CHECK(waiting.back().receive_until("\n", milliseconds(500)).empty());  // nobody has accepted it
  CHECK(server.processor_ticks() - before < 25);
  ann.send("still here\n");
  CHECK_FALSE(ben.receive_until("<ann> still here\n").empty());

  ann.close();  // there is room for one
  CHECK_FALSE(ben.receive_until("* ann left\n").empty());
  CHECK_FALSE(waiting.front().receive_until("* welcome!").empty());
  waiting.erase(waiting.begin(), waiting.end() - 1);  // and when the others give up, for the last
  CHECK_FALSE(waiting.back().receive_until("* welcome!").empty());
  waiting.back().send("eve\n");
  CHECK_FALSE(ben.receive_until("* eve joined\n").empty());
}
#endif

TEST_CASE("case 6: writing to members that have gone does not end the process") {
  ChatServer server({"--rate", "0"});
  RawSocket talker = server.join("talker");
  const std::string texts = [] {
    std::string all;
    for (int i = 0; i < 50; ++i) all += "a text for whoever is there\n";
    return all;
  }();
  for (int i = 0; i < 40; ++i) {
    RawSocket gone = server.join("gone" + std::to_string(i));
    gone.send("/who\n/help\n");  // answers that it will not read
    talker.send(texts);
    if (i % 2 == 0) {
      gone.reset();
    } else {
      gone.close();
    }
  }
  CHECK_FALSE(so_far(talker).empty());
  server.send_signal(SIGTERM);
  CHECK(programs::ending(server) == programs::well);
}

TEST_CASE("case 6: a room whose member's peer has closed does not raise SIGPIPE") {
  REQUIRE(std::signal(SIGPIPE, SIG_DFL) != SIG_ERR);  // it would end this process
  const bool over_tcp = GENERATE(false, true);
  parley::EventLoop loop;
  auto pair = over_tcp ? support::tcp_pair() : parley::socket_pair().value();
  parley::ChatRoom room;
  parley::Member member;
  loop.post([&] { member = room.join(pair.first, "ann").value(); }).value();
  loop.turn().value();
  pair.second.close();
  for (int i = 0; i < 10; ++i) {
    loop.post([&] { (void)room.publish("is somebody there?"); }).value();
    loop.turn().value();
  }
  CHECK(support::turn_until(loop, [&] { return member.reason() == parley::EndReason::broken; }));
  loop.post([&] { member = parley::Member(); }).value();
  loop.turn().value();
}

// By hand with PARLEY_STRESS_CONNECTIONS=50000.
TEST_CASE("case 7: a storm of connections that are reset leaves no descriptor and no memory behind") {
  const std::size_t storm = scale("PARLEY_STRESS_CONNECTIONS", 5000, 1000);
  ChatServer server({"--max-lag", "65536"});  // so that the room's log is soon as large as it gets
  RawSocket witness = server.join("witness");
  const auto blow = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      RawSocket stranger = RawSocket::connect(server.port());
      // With nothing said, with half a name, and with a name, some of them refused.
      if (i % 4 == 1) stranger.send("half a na");
      if (i % 4 == 2) stranger.send("witness\n");
      if (i % 4 == 3) stranger.send("guest" + std::to_string(i) + "\nhello\n/join room" + std::to_string(i) + "\n");
      stranger.reset();
      if (i % 500 == 0) so_far(witness);  // it hears of all who come and go, and must not be too slow
      server.has_output("");
    }
  };
  CHECK(answers(witness));  // the server has come to wait for the next connection, with all that takes
  const std::size_t descriptors = server.descriptors();
  const auto all_gone = [&] {
    RawSocket::connect(server.port()).receive_until("\n");  // whoever came before it has been accepted
    return comes_true([&] {
      server.has_output("");
      return server.descriptors() == descriptors;
    });
  };
  blow(500);
  REQUIRE(all_gone());
  const std::size_t memory = server.memory_bytes();
  blow(storm);
  CHECK(all_gone());
  CHECK(answers(witness));
  INFO("memory " << memory << " before, " << server.memory_bytes() << " after");
  // Each further loop has memory of its own that grows until it has had its share; no more follows, however many come.
  if (!sanitized) CHECK(server.memory_bytes() < memory + (2 * loops() - 1) * (std::size_t{1} << 20));
  if (by_hand("PARLEY_STRESS_CONNECTIONS"))
    WARN("memory " << memory << " before, " << server.memory_bytes() << " after");
  CHECK(so_far(witness, "/rooms\n").ends_with("* lobby: 1\n"));
}

namespace {

/// What the kernel's table says of the connection from one port to another: which timer runs, and for how long, in
/// hundredths of a second.
struct Timer {
  int kind = -1;
  long left = -1;
};
Timer timer_of(std::uint16_t from, std::uint16_t to) {
  std::ifstream table("/proc/net/tcp");
  char ends[64];
  std::snprintf(ends, sizeof ends, ":%04X 0100007F:%04X ", from, to);
  for (std::string line; std::getline(table, line);) {
    if (line.find(ends) == line.npos) continue;
    std::istringstream fields(line);
    std::string skipped, timer;
    for (int i = 0; i < 5; ++i) fields >> skipped;
    fields >> timer;
    return {static_cast<int>(std::strtol(timer.c_str(), nullptr, 16)),
            std::strtol(timer.c_str() + timer.find(':') + 1, nullptr, 16)};
  }
  return {};
}

}  // namespace

// That a probe without an answer ends a connection is the kernel's part.
TEST_CASE("case 8: connections are probed when they fall silent") {
  ChatServer server;
  RawSocket ann = server.join("ann");
  REQUIRE(answers(ann));
  constexpr int keepalive = 2;
  Timer timer;
  CHECK(comes_true([&] {
    timer = timer_of(server.port(), ann.port());
    return timer.kind == keepalive;
  }));
  CHECK(timer.left > 0);
  CHECK(timer.left <= 6000);
}

TEST_CASE("case 8: a member whose connection is reset goes with one notice") {
  ChatServer server({"--rate", "0"});
  RawSocket ben = server.join("ben");
  for (int i = 0; i < 100; ++i) {  // the server notices it when it reads, or when it writes
    INFO("round " << i);
    RawSocket ann = server.join("ann");
    CHECK(ben.receive_until("\n") == "* ann joined\n");
    if (i % 2 == 0) ben.send("to somebody who is about to go\n");
    ann.reset();
    CHECK(ben.receive_until("\n") == "* ann left\n");
    CHECK(so_far(ben).empty());
  }
  CHECK(so_far(ben, "/who\n") == "* lobby: ben\n");
}
