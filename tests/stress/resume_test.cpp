// SPDX-License-Identifier: BSL-1.0
// Connections that are cut anywhere, and go on (case 18).

#include <parley/chat/chat_room.hpp>
#include <parley/io/memory_stream.hpp>

#include <tcp_chat/server_line.hpp>

#include <algorithm>
#include <csignal>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "chat_server.hpp"

using namespace stress;

namespace {

/// Somebody who counts what they get, and whose connection is cut again and again.
class Counter {
 public:
  Counter(std::uint16_t port, std::string name) : port_(port), name_(std::move(name)) {}

  /// Connects, for the first time or again. What was in the server's line is taken as all that comes is.
  void connect(int receive_buffer_bytes = 0) {
    connection_ = RawSocket::connect(port_, receive_buffer_bytes);
    begun_.clear();
    connection_->send(token_.empty() ? "/numbered 1 " + name_ + "\n" : resume_line() + "\n");
    if (token_.empty()) read_until([&] { return !token_.empty(); });
  }
  std::string resume_line() const {
    return "/resume " + token_ + ' ' + std::to_string(epoch_) + ' ' + std::to_string(sequence_);
  }

  /// Reads so many bytes, or until the condition holds. False: neither in time.
  template <class Condition>
  bool read_until(Condition condition, std::size_t most_bytes = SIZE_MAX) {
    while (!condition() && most_bytes != 0) {
      std::string bytes;
      try {
        bytes = connection_->receive_once(std::min<std::size_t>(most_bytes, 4096));
      } catch (const std::system_error&) {  // nothing comes
      }
      if (bytes.empty()) return false;
      most_bytes -= bytes.size();
      begun_ += bytes;
      for (std::size_t end; (end = begun_.find('\n')) != begun_.npos; begun_.erase(0, end + 1)) {
        take(std::string_view(begun_).substr(0, end));
      }
    }
    return true;
  }

  RawSocket& connection() { return *connection_; }
  RawSocket take_connection() { return std::move(*connection_); }
  const std::vector<std::string>& texts() const { return texts_; }
  const std::vector<std::string>& directs() const { return directs_; }
  const std::vector<std::string>& own() const { return own_; }
  const std::vector<std::string>& unexpected() const { return unexpected_; }
  const std::string& token() const { return token_; }

 private:
  void take(std::string_view line) {
    if (const auto session = tcp_chat::parse_session_line(line)) {
      // A cut may have come before it; it says where one is, not that something is missing.
      if (!token_.empty() && (session->epoch != epoch_ || session->sequence != sequence_)) note(line);
      token_ = session->token;
      epoch_ = session->epoch;
      sequence_ = session->sequence;
    } else if (const auto record = tcp_chat::parse_record_line(line)) {
      if (record->sequence <= sequence_) note(line);
      sequence_ = record->sequence;
      if (record->kind == "text" && record->name == name_) own_.emplace_back(record->text);
      if (record->kind == "text" && record->name != name_) texts_.emplace_back(record->text);
      if (record->kind == "direct") directs_.emplace_back(record->text);
      if (record->kind == "error" || record->kind == "missed") note(line);
    } else if (!line.starts_with("* ")) {
      note(line);
    }
  }
  void note(std::string_view line) { unexpected_.push_back(std::to_string(sequence_) + ": " + std::string(line)); }

  std::uint16_t port_;
  std::string name_;
  std::optional<RawSocket> connection_;
  std::string begun_;
  std::string token_;
  std::uint64_t epoch_ = 0;
  std::uint64_t sequence_ = 0;
  std::vector<std::string> texts_, directs_, own_, unexpected_;
};

std::vector<std::string> numbers(std::size_t count) {
  std::vector<std::string> all;
  for (std::size_t i = 1; i <= count; ++i) all.push_back(std::to_string(i));
  return all;
}

}  // namespace

TEST_CASE("case 18: whoever resumes after cuts at any byte misses nothing and gets nothing twice") {
  const std::size_t seeds = scale("PARLEY_STRESS_SEEDS", 60, 30);
  ChatServer server({"--rate", "0", "--history", "0"});
  RawSocket talker = server.join("talker");
  for (std::size_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
    const std::string name = "rita" + std::to_string(seed);
    Counter rita(server.port(), name);
    std::size_t said = 0, told = 0, own = 0;
    std::vector<RawSocket> forgotten;  // connections that the server believes in
    for (int cut = 0; cut < 12; ++cut) {
      rita.connect();
      std::string texts;
      for (std::size_t i = below(8); i > 0; --i) {
        if (below(3) == 0) {
          texts += "/msg " + name + ' ' + std::to_string(++told) + "\n";
        } else {
          texts += std::to_string(++said) + "\n";
        }
      }
      if (below(2) == 0)
        REQUIRE(answers(talker, texts));
      else
        talker.send(texts);
      // What is said on a connection that is then cut may be lost, but not be cut itself.
      if (below(2) == 0) rita.connection().send("own " + std::to_string(++own) + "!\n");
      const auto all_there = [&] { return rita.texts().size() == said && rita.directs().size() == told; };
      const bool read = rita.read_until(all_there, below(500));
      if (!read)
        UNSCOPED_INFO("said " << said << ", " << told << " direct; got " << rita.texts().size() << ", "
                              << rita.directs().size());
      CHECK(rita.unexpected() == std::vector<std::string>());
      REQUIRE(read);
      switch (below(3)) {
        case 0: rita.connection().reset(); break;
        case 1: rita.connection().close(); break;
        default: forgotten.push_back(rita.take_connection());
      }
    }
    rita.connect();
    REQUIRE(rita.read_until([&] { return rita.texts().size() == said && rita.directs().size() == told; }));
    CHECK(rita.texts() == numbers(said));
    CHECK(rita.directs() == numbers(told));
    CHECK(rita.unexpected() == std::vector<std::string>());
    // Of what was said oneself all that comes back was said, and comes once.
    std::vector<std::string> before;
    for (const std::string& text : rita.own()) {
      CHECK(text.starts_with("own "));
      CHECK(text.ends_with("!"));
      CHECK(std::find(before.begin(), before.end(), text) == before.end());
      before.push_back(text);
    }
    rita.connection().send("/quit\n");
    REQUIRE_FALSE(talker.receive_until("* " + name + " left\n").empty());
    server.has_output("");  // so that the pipe of its log does not fill up
  }
}

TEST_CASE("case 18: a member that stays when its stream breaks goes on over another, wherever the first one broke") {
  constexpr std::size_t bytes = 40;  // of "<ann> one" and so on, and a bit more
  for (std::size_t taken = 0; taken <= bytes; ++taken) {
    INFO("broke after " << taken);
    parley::EventLoop loop;
    parley::MemoryStream first, second, talk;
    parley::ChatRoom room;
    parley::Member bob, ann;
    const auto now = [&](auto function) {
      loop.post(function).value();
      loop.turn().value();
    };
    first.set_max_sent(taken);
    now([&] {
      bob = room.join(first, "bob", {.stays_when_broken = true}).value();
      ann = room.join(talk, "ann").value();
    });
    for (const char* text : {"one", "two", "three"}) now([&] { ann.try_say(text).value(); });
    const std::string got = first.take_sent();
    first.fail_send(std::make_error_code(std::errc::connection_reset));
    now([&] { ann.try_say("four").value(); });
    CHECK(bob.reason() == parley::EndReason::none);
    const auto whole = static_cast<std::uint64_t>(std::count(got.begin(), got.end(), '\n'));
    now([&] { bob.attach(second, {room.newest().epoch, whole}).value(); });
    CHECK(got.substr(0, got.rfind('\n') + 1) + second.take_sent() == "<ann> one\n<ann> two\n<ann> three\n<ann> four\n");
    now([&] {
      bob = parley::Member();
      ann = parley::Member();
    });
  }
}

TEST_CASE("case 18: the client takes no half of a message for a whole one when its connection is cut") {
  RawSocket listener = RawSocket::listen();
  Process client(programs::command(
      "tcp_chat", {"client", "--json", "--name", "ann", "127.0.0.1", std::to_string(listener.port())}));
  const std::string session = "session 0123 7 ";
  const std::string where = " lobby ann\n";
  const std::string second = "2 1700000000000 text ben two is longer\n";
  {
    RawSocket server = listener.accept();
    REQUIRE(server.receive_until("\n") == "/numbered 1 ann\n");
    server.send(session + "0" + where + "1 1700000000000 text ben one\n" + second.substr(0, second.size() - 11));
  }
  RawSocket server = listener.accept();
  CHECK(server.receive_until("\n") == "/resume 0123 7 1 count\n");
  server.send(session + "1" + where + second + "3 1700000000000 text ben three\n");
  REQUIRE(client.wait_for("three"));
  CHECK(count_of(client.output(), "one") == 1);
  CHECK(count_of(client.output(), "two") == 1);
  CHECK(count_of(client.output(), "two is longer") == 1);
}

namespace {

// Fills the connection of somebody who does not read, so that what they are still to get keeps the server waiting.
void fill(ChatServer& server, RawSocket& talker, const std::string& name) {
  std::string texts;
  for (int i = 0; i < 4; ++i) texts += "/msg " + name + ' ' + std::string(4000, 'x') + "\n";
  do {
    REQUIRE(answers(talker, texts));
  } while (largest_lag(server) < 8 * texts.size());
}

}  // namespace

TEST_CASE("case 18: to resume while one's old connection changes rooms, or is being kicked, harms nobody") {
  const bool kicked = GENERATE(false, true);
  INFO((kicked ? "kicked" : "changes rooms"));
  ChatServer server({"--rate", "0", "--history", "0"});
  RawSocket talker = server.join("talker");
  if (kicked) {
    talker.send("/join den\n");
    REQUIRE_FALSE(talker.receive_until("you are in den").empty());
  }
  Counter rita(server.port(), "rita");
  rita.connect(4096);
  if (kicked) {
    const std::string first = rita.token();
    rita.connection().send("/join den\n");
    REQUIRE_FALSE(talker.receive_until("* rita joined\n").empty());
    REQUIRE(answers(talker));
    rita.read_until([&] { return false; }, 1);
  }
  fill(server, talker, "rita");
  if (kicked) {
    talker.send("/kick rita\n");
  } else {
    rita.connection().send("/join den\n");
  }
  REQUIRE_FALSE(talker.receive_until("* rita left").empty());
  RawSocket old = rita.take_connection();
  RawSocket again = RawSocket::connect(server.port());
  again.send(rita.resume_line() + "\n");
  REQUIRE_FALSE(again.receive_until("\n").empty());  // the greeting
  CHECK_FALSE(again.receive_until("\n").empty());
  CHECK(answers(talker));
  old.reset();
  again.reset();
  CHECK(answers(talker));
  RawSocket other = server.join("somebody");
  server.send_signal(SIGTERM);
  CHECK(programs::ending(server) == programs::well);
}

TEST_CASE("case 18: to resume while one's old connection waits for the rate harms nobody") {
  ChatServer server({"--rate", "1", "--log-messages"});
  RawSocket talker = server.join("talker");
  Counter rita(server.port(), "rita");
  rita.connect();
  rita.connection().send("one\ntwo\nthree\n");
  REQUIRE_FALSE(talker.receive_until("<rita> one\n").empty());
  RawSocket old = rita.take_connection();
  rita.connect();
  CHECK_FALSE(talker.receive_until("<rita> two\n").empty());
  // What one has said before is among what was missed, and so is what was still waiting to be said.
  REQUIRE(rita.read_until([&] { return rita.own().size() == 2; }));
  CHECK(rita.own() == std::vector<std::string>{"one", "two"});
  CHECK(answers(talker));
}

TEST_CASE("case 18: whoever is kicked while away does not come back to that room by resuming") {
  ChatServer server({"--history", "0"});
  RawSocket talker = server.join("talker");
  talker.send("/join den\n");
  REQUIRE_FALSE(talker.receive_until("you are in den").empty());
  Counter rita(server.port(), "rita");
  rita.connect();
  rita.connection().send("/join den\n");
  REQUIRE_FALSE(talker.receive_until("* rita joined\n").empty());
  rita.connection().reset();
  REQUIRE(comes_true([&] {
    server.send_signal(SIGUSR1);
    const auto stats = server.wait_for("stats clients=");
    return stats && stats->find(" away=1 ") != stats->npos;
  }));
  talker.send("/kick rita\n");
  CHECK_FALSE(talker.receive_until("* rita left (kicked by talker)\n", milliseconds(2000)).empty());
  RawSocket again = RawSocket::connect(server.port());
  again.send(rita.resume_line() + "\n");
  again.receive_until("\n");  // the greeting
  CHECK(again.receive_until("\n").ends_with(" lobby rita\n"));
  CHECK_FALSE(again.receive_until(" error - kicked by talker\n").empty());
}
