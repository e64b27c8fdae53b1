// SPDX-License-Identifier: BSL-1.0
// udp_chat hub and join as processes, over a bad network too. What the chat does is tested with tcp_chat, whose code it
// is; here is what another kind of connection may spoil.

#include <parley/net/reliable_udp.hpp>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"
#include "support/lossy_relay.hpp"
#include "support/own_network.hpp"
#include "terminal_child.hpp"

using namespace programs;
using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

Words words(const std::string& mode, Words more) {
  more.insert(more.begin(), mode);
  return command("udp_chat", more);
}

struct Hub : Process {
  explicit Hub(Words more = {}) : Process(words("hub", with_port(std::move(more)))), port(port_of(*this)) {
    REQUIRE(port != 0);
  }
  std::uint16_t port;

 private:
  static Words with_port(Words more) {
    more.insert(more.end(), {"--port", "0"});
    return more;
  }
};

struct Member : Process {
  Member(std::uint16_t port, const std::string& name)
      : Process(words("join", {"127.0.0.1", std::to_string(port), "--name", name})) {
    REQUIRE(wait_for("ou are in lobby, with ", 30s));
  }
  void leaves() {
    send_signal(SIGINT);
    CHECK(ending_after(*this, SIGINT) == well);
    CHECK(errors().empty());
  }
};

std::string said(const std::string& output, const std::string& name) {
  std::string found;
  const std::string prefix = '<' + name + "> ";
  for (std::size_t begin = 0; begin < output.size();) {
    const std::size_t end = output.find('\n', begin);
    if (end == output.npos) break;
    if (output.compare(begin, prefix.size(), prefix) == 0) found += output.substr(begin, end - begin + 1);
    begin = end + 1;
  }
  return found;
}

std::string numbered(const std::string& who, int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) lines += who + std::to_string(i) + '\n';
  return lines;
}

// A member made of the library alone, in this thread, that can break its connection.
struct RawMember {
  explicit RawMember(std::uint16_t port)
      : address(parley::Address::loopback_v4(port)),
        peer(parley::ReliableUdp::connect(address).within(10s).wait().value()) {}
  void say(const std::string& line) { REQUIRE(peer.send(line + '\n').within(10s).wait()); }
  // All up to this text, and the line that it ends on.
  std::string hear(const std::string& until) {
    for (;;) {
      const std::size_t at = text.find(until);
      const std::size_t end = at == text.npos ? text.npos : text.find('\n', at + until.size());
      if (end != text.npos) {
        const std::string heard = text.substr(0, end + 1);
        text.erase(0, end + 1);
        return heard;
      }
      const auto more = peer.recv_text().within(10s).wait();
      INFO(text);
      REQUIRE(more);
      text += *more;
    }
  }
  parley::Address address;
  parley::ReliableUdp peer;
  std::string text;
};

}  // namespace

TEST_CASE("udp_chat hub: four behind 20 % loss hear all that the others say, once and in order") {
  Hub hub({"--rate", "0"});
  const support::LossyRelay relay(hub.port, {.seed = 3, .drop = 20, .duplicate = 5, .reorder = 10, .delay = 1ms});
  const Words names{"Ann", "Ben", "Cleo", "Dan"};
  Member ann(relay.port(), names[0]), ben(relay.port(), names[1]), cleo(relay.port(), names[2]),
      dan(relay.port(), names[3]);
  const std::vector<Member*> all{&ann, &ben, &cleo, &dan};
  REQUIRE(ann.wait_for_line("* Dan joined", 30s));
  constexpr int count = 50;
  for (Member* member : all) member->write(numbered("text ", count));
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      if (i == j) continue;
      const std::string last = "<" + names[j] + "> text " + std::to_string(count) + "\n";
      for (int looks = 0; looks < 600 && !all[i]->has_output(last); ++looks)
        static_cast<void>(all[i]->wait_for("text ", 100ms));
      INFO(names[i] << " hears " << names[j]);
      CHECK(said(all[i]->output(), names[j]) == numbered("<" + names[j] + "> text ", count));
    }
  }
  CHECK(relay.counters().dropped > 20);
  ann.write("/stats\n");
  CHECK(ann.wait_for_line("* round trip "));
  const auto datagrams = ann.wait_for_line("* datagrams sent ");
  REQUIRE(datagrams);
  CHECK(datagrams->find(", retransmissions ") != std::string::npos);
  for (Member* member : all) {
    member->send_signal(SIGINT);
    CHECK(ending_after(*member, SIGINT) == well);
  }
}

TEST_CASE("udp_chat hub: a name in use, rooms, a kick") {
  Hub hub;
  Member ann(hub.port, "Ann");
  const Outcome other = run_to_end(words("join", {"127.0.0.1", std::to_string(hub.port), "--name", "ann"}));
  CHECK(other.exit == failed);
  CHECK(other.errors.starts_with("cannot join the chat at 127.0.0.1:" + std::to_string(hub.port) + ": "));
  Member ben(hub.port, "Ben");
  CHECK(ann.wait_for_line("* Ben joined"));
  ann.write("/join den\n");
  CHECK(ann.wait_for("ou are in den, with 0 others"));
  ben.write("/join den\n");
  CHECK(ann.wait_for_line("* Ben joined"));
  ben.write("hi\n");
  CHECK(ann.wait_for_line("<Ben> hi"));
  ann.write("/kick Ben too loud\n");
  CHECK(ann.wait_for_line("* Ben left (kicked by Ann: too loud)"));
  CHECK(ben.wait_for_line("! kicked by Ann: too loud"));
  CHECK(ben.wait_for_line("* you are in lobby, with 0 others"));
  ben.write("/join den\n");
  CHECK(ann.wait_for_line("* Ben joined"));
  ben.leaves();
  ann.leaves();
}

TEST_CASE("udp_chat join: the end of the input, and Ctrl-C, leave nothing unsaid") {
  Hub hub;
  Member ann(hub.port, "Ann");
  Member ben(hub.port, "Ben");
  CHECK(ann.wait_for_line("* Ben joined"));
  SECTION("the end of the input") {
    ben.write(numbered("text ", 15) + "no newline");
    ben.close_input();
    CHECK(ending(ben) == well);
    CHECK(ann.wait_for_line("<Ben> no newline"));
    CHECK(said(ann.output(), "Ben") == numbered("<Ben> text ", 15) + "<Ben> no newline\n");
  }
  SECTION("Ctrl-C") { ben.leaves(); }
  SECTION("/quit") {
    ben.write("/quit\n");
    CHECK(ending(ben) == well);
  }
  CHECK(ann.wait_for_line("* Ben left") == "* Ben left");
}

TEST_CASE("udp_chat hub: a connection that breaks is gone on with, without a gap") {
  Hub hub;
  Member ben(hub.port, "Ben");
  RawMember ann(hub.port);
  ann.say("/numbered 1 Ann");
  const std::string heard = ann.hear("session ");
  ann.hear("ou are in lobby");
  CHECK(ben.wait_for_line("* Ann joined"));
  std::vector<std::string> session{""};  // "session TOKEN EPOCH SEQUENCE ..."
  for (const char c : heard.substr(heard.find("session "))) {
    if (c == ' ' || c == '\n') {
      session.emplace_back();
    } else {
      session.back() += c;
    }
  }
  REQUIRE(session.size() > 4);
  ann.peer.reset();
  ben.write("one\ntwo\n/ping\n");
  CHECK(ben.wait_for_line("* pong"));
  RawMember again(hub.port);
  again.say("/resume " + session[1] + ' ' + session[2] + ' ' + session[3]);
  const std::string missed = again.hear("Ben two");
  CHECK(missed.find("Ben one\n") != std::string::npos);
  CHECK(missed.find("Ben two\n") != std::string::npos);
  CHECK(missed.find("Ben one\n") < missed.find("Ben two\n"));
  again.say("back");
  CHECK(ben.wait_for_line("<Ann> back"));
  CHECK_FALSE(ben.has_output("* Ann left"));
}

TEST_CASE("udp_chat hub stops at SIGTERM, and everybody is told") {
  Hub hub;
  Member ann(hub.port, "Ann");
  hub.send_signal(SIGTERM);
  CHECK(ann.wait_for_line("* the server is stopping"));
  CHECK(ending_after(hub, SIGTERM) == well);
  ann.leaves();
}

TEST_CASE("udp_chat join: that nobody listens, or that there is no way, ends it at once") {
  const std::string port = std::to_string(RawSocket::free_udp_port());
  const auto begin = std::chrono::steady_clock::now();
  Outcome outcome = run_to_end(words("join", {"127.0.0.1", port, "--name", "Ann"}));
  CHECK(outcome.exit == failed);
  CHECK(outcome.output.empty());
  CHECK(outcome.errors == "cannot connect to 127.0.0.1:" + port + ": Connection refused\n");
  const support::OwnNetwork network;
  if (network.why_not().empty()) {
    outcome = run_to_end(words("join", {"192.0.2.1", "7000", "--name", "Ann"}));
    CHECK(outcome.exit == failed);
    CHECK(outcome.errors == "cannot connect to 192.0.2.1:7000: Network is unreachable\n");
  } else {
    WARN(network.why_not() << ": not tested");
  }
  CHECK(std::chrono::steady_clock::now() - begin < 9s);
}

TEST_CASE("udp_chat join asks for the name first, then says that it is connecting") {
  const RawSocket silent = RawSocket::udp();
  const std::string port = std::to_string(silent.port());
  const Words join = words("join", {"127.0.0.1", port, "--no-color"});
  TerminalChild ann([join] { return become(join); }, 80);
  REQUIRE(ann.wait_for("your name: "));
  CHECK(ann.output().find("connecting") == std::string::npos);
  ann.type("Ann\r");
  CHECK(ann.wait_for("* connecting to 127.0.0.1:" + port));
  CHECK(ann.wait_for("Ann> "));
}

TEST_CASE("udp_chat hub: a server that is full says so; a port in use; a host that is a name") {
  Hub hub({"--max-clients", "1"});
  Member ann(hub.port, "Ann");
  const Outcome ben = run_to_end(words("join", {"127.0.0.1", std::to_string(hub.port), "--name", "Ben"}));
  CHECK(ben.exit == failed);
  CHECK(ben.errors.find("full") != std::string::npos);
  const Outcome other = run_to_end(words("hub", {"--port", std::to_string(hub.port)}));
  CHECK(other.exit == failed);
  CHECK(other.errors.ends_with(": Address already in use\n"));
  const Outcome named = run_to_end(words("hub", {"--host", "localhost"}));
  CHECK(named.exit == used_wrongly);
  CHECK(named.errors.starts_with("udp_chat hub: --host needs an IP address, not \"localhost\" ("));
}
