// SPDX-License-Identifier: BSL-1.0
// udp_chat peer --reliable as processes: what is said arrives once and in order, over bad networks and though programs
// come and go.

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../examples/udp_chat/reliable_texts.hpp"
#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"
#include "support/lossy_relay.hpp"

using namespace programs;
using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
std::uint16_t free_port() { return RawSocket::free_udp_port(); }

// After how many seconds one of which nothing comes is lost; a busy machine may keep a program waiting for a while.
const Words patient{"--lost-after", "30"}, impatient{"--lost-after", "2"};

struct Peer : Process {
  explicit Peer(std::uint16_t to, std::uint16_t listen = 0, const Words& more = patient)
      : Process(words(to, listen, more)), port(port_of(*this)) {
    REQUIRE(port != 0);
  }
  // At Ctrl-C and at its end; everything that it had to say was delivered.
  void leaves() {
    send_signal(SIGINT);
    CHECK(ending_after(*this, SIGINT) == well);
    CHECK(errors().empty());
  }
  std::uint16_t port;

 private:
  static Words words(std::uint16_t to, std::uint16_t listen, const Words& more) {
    Words all{"peer", "--reliable", "--listen", at(listen), "--to", at(to)};
    all.insert(all.end(), more.begin(), more.end());
    return command("udp_chat", all);
  }
};

// Two that know each other's ports.
struct Two {
  explicit Two(const Words& more = patient)
      : ann_port(free_port()), ben_port(free_port()), ann(ben_port, ann_port, more), ben(ann_port, ben_port, more) {
    CHECK(ann.wait_for_line("* connected with ") == "* connected with " + at(ben_port));
    CHECK(ben.wait_for_line("* connected with ") == "* connected with " + at(ann_port));
  }
  std::uint16_t ann_port, ben_port;
  Peer ann, ben;
};

// Like Peer::wait_for_line, for as long as a busy machine may need. Where it does not come, both tell why.
bool comes(Peer& to, Peer& from, std::string_view line) {
  if (to.wait_for_line(line, 60s)) return true;
  UNSCOPED_INFO("it should have come to the one with\n"
                << to.output() << to.errors() << "from the one with\n"
                << from.output() << from.errors());
  return false;
}

std::string numbered(const std::string& who, int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) lines += who + ' ' + std::to_string(i) + '\n';
  return lines;
}
// The lines of an output that begin so.
std::string lines_with(const std::string& output, const std::string& prefix) {
  std::string found;
  for (std::size_t begin = 0; begin < output.size();) {
    const std::size_t end = output.find('\n', begin);
    if (end == output.npos) break;
    const std::string line = output.substr(begin, end - begin + 1);
    if (line.starts_with(prefix)) found += line;
    begin = end + 1;
  }
  return found;
}

}  // namespace

TEST_CASE("udp_chat peer --reliable: two that start at once meet, and talk") {
  Two two;
  two.ann.write("h\xc3\xa9llo\n\n//stats\n");
  CHECK(two.ben.wait_for("h\xc3\xa9llo\n\n/stats\n"));
  two.ben.write("good\n");
  CHECK(two.ann.wait_for_line("good"));
  two.ben.leaves();
  CHECK(two.ann.wait_for_line("* the other one") == "* the other one has left; what is typed is kept");
  two.ann.leaves();
}

TEST_CASE("udp_chat peer --reliable: what a network loses, repeats and delays arrives once and in order, both ways") {
  const support::LossyRelay relay(support::TwoPeers(),
                                  {.seed = 7, .drop = 20, .duplicate = 10, .reorder = 20, .delay = 2ms});
  Peer ann(relay.port(), 0, {"--name", "Ann", "--lost-after", "30"});
  Peer ben(relay.other_port(), 0, {"--name", "Ben", "--lost-after", "30"});
  constexpr int count = 200;
  ann.write(numbered("text", count));
  ben.write(numbered("text", count));
  REQUIRE(comes(ann, ben, "Ben: text 200"));
  REQUIRE(comes(ben, ann, "Ann: text 200"));
  CHECK(lines_with(ann.output(), "Ben: ") == numbered("Ben: text", count));
  CHECK(lines_with(ben.output(), "Ann: ") == numbered("Ann: text", count));
  CHECK(relay.counters().dropped > 10);
  ann.write("/stats\n");
  const auto said = ann.wait_for_line("* said 200, of them delivered ");
  CHECK(said);
  const auto path = ann.wait_for_line("* connection ");
  REQUIRE(path);
  CHECK(path->find("round trip ") != std::string::npos);
  CHECK(path->find("lately lost ") != std::string::npos);
  const auto datagrams = ann.wait_for_line("* datagrams sent ");
  REQUIRE(datagrams);
  CHECK(datagrams->find(", retransmissions ") != std::string::npos);
  ann.send_signal(SIGINT);
  CHECK(ending_after(ann, SIGINT) == well);
}

TEST_CASE("udp_chat peer --reliable: what is typed while nobody is there is delivered when somebody comes") {
  const std::uint16_t ann_port = free_port(), ben_port = free_port();
  Peer ann(ben_port, ann_port);
  ann.write("early\n/stats\n");
  CHECK(ann.wait_for_line("* said ") == "* said 1, of them delivered 0; received 0");
  CHECK(ann.wait_for_line("* nobody is connected") == "* nobody is connected; connections so far: 0");
  for (int times = 1; times <= 2; ++times) {
    Peer ben(ann_port, ben_port);
    CHECK(ben.wait_for_line("early"));
    CHECK(ann.wait_for_line("* connected with "));
    ben.write("thanks\n");
    CHECK(ann.wait_for_line("thanks"));
    ben.leaves();
    CHECK(lines_with(ben.output(), "early") == "early\n");
    CHECK(ann.wait_for_line("* the other one has left"));
    ann.write("early\n");
  }
  ann.send_signal(SIGINT);
  CHECK(ending_after(ann, SIGINT) == well);
  CHECK(ann.wait_for_line("* 1 message is not delivered"));
}

TEST_CASE("udp_chat peer --reliable: one that is killed and comes back is met again, and misses nothing") {
  Two two(impatient);
  two.ann.write("before\n");
  CHECK(two.ben.wait_for_line("before"));
  two.ben.send_signal(SIGKILL);
  CHECK(ending(two.ben) == "signal " + std::to_string(SIGKILL));
  two.ann.write("meanwhile\n");
  RawSocket::await_free_udp_port(two.ben_port);
  Peer ben(two.ann_port, two.ben_port, impatient);
  ben.write("back\n");
  CHECK(two.ann.wait_for_line("* lost the connection: nothing has come for 2 s; ", 30s));
  CHECK(ben.wait_for_line("meanwhile", 30s));
  CHECK(two.ann.wait_for_line("back", 30s));
  ben.close_input();
  CHECK(ending(ben) == well);
}

TEST_CASE("udp_chat peer --reliable: the end of the input waits for what is not delivered yet") {
  const std::uint16_t ann_port = free_port(), ben_port = free_port();
  Peer ann(ben_port, ann_port);
  ann.write(numbered("text", 500));
  SECTION("the end of the input") { ann.close_input(); }
  SECTION("/quit") { ann.write("/quit\n"); }
  Peer ben(ann_port, ben_port);
  CHECK(ending(ann) == well);
  CHECK(ann.errors().empty());
  CHECK(ben.wait_for_line("* the other one has left"));
  CHECK(lines_with(ben.output(), "text ") == numbered("text", 500));
}

TEST_CASE("udp_chat peer --reliable: nobody comes, and the input is over: that is a failure") {
  const std::uint16_t nobody = free_port();
  Peer ann(nobody, 0, impatient);
  ann.write("one\ntwo\n");
  ann.close_input();
  CHECK(ann.wait(30s) == support::Exit{1, 0});
  CHECK(ann.errors().starts_with("cannot deliver 2 messages to " + at(nobody) + ": "));
}

TEST_CASE("udp_chat peer --reliable keeps so much and no more while nobody is there") {
  Peer ann(free_port());
  ann.write(numbered("text", 1025));
  CHECK(ann.wait_for_line("! this is not kept") ==
        "! this is not kept, and will not be delivered: 1024 messages wait already");
  ann.write("/stats\n");
  CHECK(ann.wait_for_line("* said ") == "* said 1024, of them delivered 0; received 0; not kept 1");
  ann.send_signal(SIGTERM);
  CHECK(ending_after(ann, SIGTERM) == well);
}

TEST_CASE("udp_chat peer --reliable: a long paste is delivered whole, and so is the longest line") {
  Two two;
  two.ann.write(numbered("text", 3000) + std::string(4096, 'x') + "\n");
  REQUIRE(comes(two.ben, two.ann, "text 3000"));
  CHECK(lines_with(two.ben.output(), "text ") == numbered("text", 3000));
  CHECK(two.ben.wait_for_line("xxx") == std::string(4096, 'x'));
}

TEST_CASE("udp_chat peer --reliable: who speaks otherwise steers nothing and stops nothing") {
  Two two;
  RawSocket stranger = RawSocket::udp();
  for (const std::string& noise :
       {std::string(), std::string("hello"), std::string(1200, '\x50'), std::string(40, '\x55')})
    stranger.send_to(two.ann_port, noise);
  two.ben.write("\x1b[2Jplain\n");
  CHECK(two.ann.wait_for_line("[2Jplain"));
}

TEST_CASE("udp_chat peer --reliable: a port in use") {
  RawSocket other = RawSocket::udp();
  const Outcome outcome =
      run_to_end(command("udp_chat", {"peer", "--reliable", "--listen", at(other.port()), "--to", at(1)}));
  CHECK(outcome.exit == failed);
  CHECK(outcome.output.empty());
  CHECK(outcome.errors == "cannot listen on " + at(other.port()) + ": Address already in use\n");
}

// ---- What both remember ---------------------------------------------------------------------------------------------

TEST_CASE("texts are kept until they were shown, and sent again on the next connection") {
  using udp_chat::KeptTexts;
  KeptTexts kept;
  const auto send_all = [&kept] {
    std::string sent;
    while (const auto message = kept.take_next()) sent += message->substr(8);
    return sent;
  };
  for (const char* text : {"a", "b", "c"}) kept.add(text);
  CHECK(kept.begin(0));
  CHECK(send_all() == "abc");
  CHECK(kept.confirm(1));
  CHECK(kept.confirm(1));
  CHECK_FALSE(kept.confirm(4));
  CHECK(kept.begin(2));  // it had shown one more than it could tell
  kept.add("d");
  CHECK(send_all() == "cd");
  CHECK_FALSE(kept.begin(5));
  CHECK(kept.begin(0));  // another program
  CHECK(send_all() == "cd");
  CHECK(kept.confirm(4));
  CHECK(kept.empty());
  CHECK(kept.added() == 4);
}

TEST_CASE("what a text's sender has taken may be confirmed at once, and nothing before") {
  udp_chat::KeptTexts kept;
  kept.add("a");
  kept.add("b");
  CHECK(kept.begin(0));
  CHECK_FALSE(kept.confirm(1));
  CHECK(kept.take_next());
  CHECK(kept.confirm(1));
  CHECK_FALSE(kept.confirm(2));
  CHECK(kept.size() == 1);
}

TEST_CASE("texts are shown once, whatever comes again") {
  using udp_chat::ShownTexts;
  ShownTexts shown;
  shown.begin(7);
  CHECK(shown.take(0) == ShownTexts::Taken::made_up);
  CHECK(shown.take(5) == ShownTexts::Taken::fresh);
  CHECK(shown.take(6) == ShownTexts::Taken::fresh);
  shown.begin(7);
  CHECK(shown.take(5) == ShownTexts::Taken::known);
  CHECK(shown.take(8) == ShownTexts::Taken::made_up);
  CHECK(shown.take(7) == ShownTexts::Taken::fresh);
  shown.begin(9);
  CHECK(shown.take(1) == ShownTexts::Taken::fresh);
  CHECK(shown.last() == 1);
}

TEST_CASE("a greeting of udp_chat peer --reliable, to the byte") {
  const udp_chat::PeerGreeting greeting{0x0102030405060708, 9, 10};
  const std::string bytes = greeting.write();
  CHECK(bytes == std::string("PlyP\x01\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x0a", 29));
  const auto read = udp_chat::PeerGreeting::read(bytes);
  REQUIRE(read);
  CHECK((read->program == greeting.program && read->heard == 9 && read->shown == 10));
  CHECK_FALSE(udp_chat::PeerGreeting::read(bytes.substr(1)));
  CHECK_FALSE(udp_chat::PeerGreeting::read(bytes + 'x'));
  CHECK_FALSE(udp_chat::PeerGreeting::read(std::string(29, 'P')));
}
