// SPDX-License-Identifier: BSL-1.0
// tcp_chat: what is typed arrives, once and in order, though connections break; or its user is told.

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tcp_chat.hpp"

using namespace programs;
using std::chrono::milliseconds;

namespace {

enum class Cut { ends, is_reset, is_silent };

// A client, and what stands between it and the server.
struct Relayed {
  Relayed(const ChatServer& to, std::string name)
      : server(to), listener(RawSocket::listen()), ann(client(listener.port(), {"--name", name})) {
    connect();
    near->send(far->receive_until("you are in lobby, with "));
    near->send(far->receive_until("\n"));
    REQUIRE(ann.wait_for_line("* you are in lobby"));
  }

  /// The next connection of the client's, and its first line.
  void connect() {
    near.emplace(listener.accept());
    abandoned = std::move(far);
    far.emplace(RawSocket::connect(server.port));
    far->send(near->receive_until("\n"));
  }
  /// Of what the client says up to that line, so many bytes get through.
  void cut_after(std::size_t bytes, const std::string& last_line, Cut how) {
    const std::string said = near->receive_until(last_line + "\n");
    REQUIRE(bytes <= said.size());
    far->send(std::string_view(said).substr(0, bytes));
    if (how == Cut::ends) far->half_close();
    if (how == Cut::is_reset) far->reset();
    near->reset();
  }
  /// Passes on what is there, line by line. True when the client takes leave.
  bool pass() {
    bool quits = false;
    for (const auto& [from, to] : {std::pair{&*near, &*far}, std::pair{&*far, &*near}}) {
      for (std::string line; !(line = from->receive_until("\n", milliseconds(1))).empty();) {
        to->send(line);
        quits = quits || line == "/quit\n";
      }
    }
    return quits;
  }
  /// Until the client has ended, since the server ends the connection.
  void pass_to_end() {
    ann.close_input();
    CHECK(comes_true([&] { return pass(); }));
    near->send(far->receive_to_end());
    near->close();
    CHECK(ending(ann) == well);
  }

  const ChatServer& server;
  RawSocket listener;
  std::optional<RawSocket> near, far, abandoned;
  Process ann;
};

// The lines that have the text in them.
std::string those_with(const std::string& text, const std::string& lines) {
  std::string found;
  for (const std::string& line : lines_of(lines)) {
    if (line.find(text) != line.npos) found += line + "\n";
  }
  return found;
}

}  // namespace

TEST_CASE("tcp_chat: wherever a connection breaks, what is typed arrives once and in order") {
  const Cut how = GENERATE(Cut::ends, Cut::is_reset, Cut::is_silent);
  INFO("the connection " << (how == Cut::ends ? "ends" : how == Cut::is_reset ? "is reset" : "is silent"));
  ChatServer server({"--rate", "0"});
  Guest ben = server.join("Ben");
  std::string heard;
  std::vector<std::unique_ptr<Relayed>> all;
  const std::size_t bytes = std::string_view("one\n/nick Bob-10\ntwo\n/me sighs\n").size();
  for (std::size_t i = 0; i <= bytes; ++i) {
    const std::string number = "-" + std::to_string(10 + i);
    all.push_back(std::make_unique<Relayed>(server, "Ann" + number));
    all.back()->ann.write("one\n/nick Bob" + number + "\ntwo\n/me sighs\n");
    all.back()->cut_after(i, "/me sighs", how);
  }
  for (std::size_t i = 0; i <= bytes; ++i) {
    Relayed& one = *all[i];
    const std::string number = "-" + std::to_string(10 + i);
    INFO("after byte " << i);
    CHECK(one.ann.wait_for_line("! lost the connection to "));
    one.ann.write("end of " + number + "\n");
    one.connect();
    const std::string end = "<Bob" + number + "> end of " + number + "\n";
    REQUIRE(comes_true([&] {
      one.pass();
      const std::string more = ben.socket.receive_until(end, milliseconds(1));
      heard += more;
      return !more.empty();
    }));
    const std::string before = "* Ann" + number, after = "<Bob" + number + "> ";
    CHECK(those_with(number, heard) == before + " joined\n<Ann" + number + "> one\n" + before + " is now Bob" + number +
                                           "\n" + after + "two\n" + after + "*sighs*\n" + end);
    one.pass_to_end();
    // Its own came again, and is not shown.
    CHECK(those_with(number, one.ann.output()) == before + " is now Bob" + number + "\n");
    CHECK(one.ann.output().find("arrived") == std::string::npos);
    CHECK(one.ann.output().find("delivered") == std::string::npos);
  }
}

TEST_CASE("tcp_chat client tells what may not have arrived where its session is gone") {
  const bool json = GENERATE(false, true);
  RawSocket listener = RawSocket::listen();
  Process ann(client(listener.port(), json ? std::vector<std::string>{"--name", "Ann", "--json"}
                                           : std::vector<std::string>{"--name", "Ann"}));
  RawSocket server = listener.accept();
  server.send("session 0123 77 5 lobby Ann\n");
  ann.write("one\n");
  REQUIRE(!server.receive_until("/ping taken 2\n").empty());
  server.send("6 1700000000000 notice - pong taken 2\n7 1700000000000 text Ben hi\n");
  REQUIRE(ann.wait_for("hi"));
  ann.write("two\n");
  REQUIRE(!server.receive_until("two\n").empty());
  server.reset();
  server = listener.accept();
  REQUIRE(!server.receive_until("/resume 0123 77 7 count\n").empty());
  server.send("! there is nothing to resume\n");
  CHECK(ann.wait_for_line(json ? R"({"kind":"error","text":"may not have arrived: two"})"
                               : "! may not have arrived: two"));
  REQUIRE(!server.receive_until("/numbered 1 Ann\n").empty());
  ann.write("three\n");  // which is said where it can be
  server.send("session 4567 99 0 lobby Ann\n");
  CHECK(server.receive_until("\n") == "three\n");
  CHECK(ann.output().find("one") == std::string::npos);
}

TEST_CASE("tcp_chat client: who was sent to another room meanwhile says nothing there that was meant for the first") {
  RawSocket listener = RawSocket::listen();
  Process ann(client(listener.port(), {"--name", "Ann"}));
  RawSocket server = listener.accept();
  server.send("session 0123 77 5 den Ann\n");
  ann.write("one\ntwo\n");
  REQUIRE(!server.receive_until("two\n").empty());
  server.reset();
  server = listener.accept();
  server.send("session 0123 88 5 lobby Ann 1\n");
  CHECK(ann.wait_for_line("! not delivered: ") == "! not delivered: two");
  ann.write("three\n");
  CHECK(server.receive_until("count\n").ends_with("/resume 0123 77 5 count\n"));
  CHECK(server.receive_until("\n") == "three\n");
}

TEST_CASE("tcp_chat client in a pipe waits to deliver what was typed; Ctrl-C ends it, and what was not is told") {
  std::optional<RawSocket> listener = RawSocket::listen();
  Process ann(client(listener->port(), {"--name", "Ann"}));
  RawSocket server = listener->accept();
  server.send("session 0123 77 5 lobby Ann\n");
  REQUIRE(!server.receive_until("/numbered 1 Ann\n").empty());
  listener.reset();
  server.reset();
  CHECK(ann.wait_for_line("* trying again"));
  ann.write("one\n");
  ann.close_input();
  CHECK(ann.wait_for_line("* waiting to deliver 1 line; Ctrl-C ends without that"));
  ann.send_signal(SIGINT);
  CHECK(ending_after(ann, SIGINT) == failed);
  CHECK(ann.output().ends_with("! not delivered: one\n"));
  CHECK(ann.errors() == "1 line was not delivered\n");
}
