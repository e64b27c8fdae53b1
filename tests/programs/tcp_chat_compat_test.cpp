// SPDX-License-Identifier: BSL-1.0
// tcp_chat --compat: the programs of tutorials are played by plain system calls, byte for byte.

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"

using namespace programs;
using std::chrono::milliseconds;

namespace {

struct Server : Process {
  explicit Server(const std::string& row, std::vector<std::string> options = {})
      : Process(words(row, std::move(options))), port(port_of(*this)) {}
  std::uint16_t port;

 private:
  static std::vector<std::string> words(const std::string& row, std::vector<std::string> options) {
    options.insert(options.begin(), {"server", "--port", "0", "--compat", row});
    return command("tcp_chat", options);
  }
};

std::vector<std::string> client(const std::string& row, std::uint16_t port, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words{"client", "--compat", row, "127.0.0.1", std::to_string(port)};
  words.insert(words.end(), more.begin(), more.end());
  return command("tcp_chat", words);
}

// Nothing has come, and nothing comes that the server has been asked to send before.
bool is_silent(RawSocket& socket) { return socket.receive_until("\x01", milliseconds(20)).empty(); }

}  // namespace

// ---- hello ----------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat --compat hello: the server speaks first, then closes") {
  Server server("hello");
  CHECK(RawSocket::connect(server.port).receive_to_end() == "Thank you for connecting");
  RawSocket hasty = RawSocket::connect(server.port);
  hasty.reset();  // a client may close first
  RawSocket talker = RawSocket::connect(server.port);
  talker.send("hi");  // or say something
  CHECK(talker.receive_until("connecting") == "Thank you for connecting");
  CHECK(talker.ends());
  CHECK(server.wait_for_line("127.0.0.1 connected"));
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  CHECK(server.errors().empty());
}

TEST_CASE("tcp_chat --compat hello: the client prints what it receives and ends") {
  RawSocket listener = RawSocket::listen();
  Process process(client("hello", listener.port()));
  RawSocket server = listener.accept();
  server.send("Thank you for connecting");
  SECTION("a server that closes") { server.close(); }
  SECTION("a server that waits") {}
  CHECK(ending(process) == well);
  CHECK(process.output() == "Thank you for connecting\n");
  CHECK(process.errors().empty());
}

// ---- echo-chat ------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat --compat echo-chat: each receive has one reply, to that client only") {
  Server server("echo-chat");
  const std::string reply = "Server received your message: ";
  RawSocket ann = RawSocket::connect(server.port);
  RawSocket ben = RawSocket::connect(server.port);
  CHECK(is_silent(ann));  // the client is first
  ann.send("hello");
  CHECK(ann.receive_once() == reply + "hello");
  ben.send("h\xc3");  // the beginning of a character waits for the rest
  CHECK(ben.receive_once() == reply + "h");
  CHECK(is_silent(ben));
  ben.send("\xa9!");
  CHECK(ben.receive_once() == reply + "\xc3\xa9!");
  CHECK(is_silent(ann));
  // More than one receive takes: a reply for each 1024.
  ann.send(std::string(1024, 'x') + "rest");
  CHECK(ann.receive_until("rest").size() == 2 * reply.size() + 1028);
  CHECK(server.wait_for_line("hello"));
  ben.send("over");
  ben.half_close();
  CHECK(ben.receive_to_end() == reply + "over");
}

TEST_CASE("tcp_chat --compat echo-chat: the client sends a line and waits for its reply") {
  RawSocket listener = RawSocket::listen();
  Process process(client("echo-chat", listener.port()));
  RawSocket server = listener.accept();
  process.write("one\n\ntwo\n" + std::string(1500, 'x') + "\n");
  CHECK(server.receive_once() == "one");
  CHECK(is_silent(server));  // the second waits
  server.send("reply 1");
  CHECK(process.wait_for_line("reply 1"));
  CHECK(server.receive_once() == "two");
  server.send("reply \x1b[2J" + std::string(1100, 'y'));
  CHECK(process.wait_for_line("reply [2J") == "reply [2J" + std::string(1100, 'y'));
  CHECK(server.receive_once(4096) == std::string(1024, 'x'));
  CHECK(is_silent(server));
  server.send("3");
  CHECK(server.receive_once(4096) == std::string(476, 'x'));
  server.send("4");
  SECTION("the end of the input") {
    process.close_input();
    CHECK(server.receive_to_end().empty());
    CHECK(ending(process) == well);
    CHECK(process.errors().empty());
  }
  SECTION("a server that goes away") {
    CHECK(process.wait_for_line("4"));
    process.write("more\n");
    CHECK(server.receive_once() == "more");
    server.close();
    CHECK(ending(process) == failed);
    CHECK(process.errors().starts_with("lost the connection to 127.0.0.1:" + std::to_string(listener.port()) + ": "));
  }
}

// ---- welcome --------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat --compat welcome: each message goes to all but its sender, behind the address") {
  Server server("welcome");
  std::vector<RawSocket> guests;
  for (int i = 0; i < 3; ++i) {
    guests.push_back(RawSocket::connect(server.port));
    CHECK(guests.back().receive_once(2048) == "Welcome to this chatroom!");
  }
  guests[0].send("hi");
  CHECK(guests[1].receive_once(2048) == "<127.0.0.1> hi");
  CHECK(guests[2].receive_once(2048) == "<127.0.0.1> hi");
  CHECK(is_silent(guests[0]));
  guests[1].send("with a newline\n<192.0.2.1> forged\n");  // as nc sends it
  CHECK(guests[0].receive_until("forged\n") == "<127.0.0.1> with a newline\n<127.0.0.1> <192.0.2.1> forged\n");
  CHECK(guests[2].receive_until("forged\n") == "<127.0.0.1> with a newline\n<127.0.0.1> <192.0.2.1> forged\n");
  guests[2].send("\x1b[31mr\xe2\x82");  // a character in two parts
  CHECK(guests[0].receive_once(2048) == "<127.0.0.1> [31mr");
  guests[2].send("\xac.");
  CHECK(guests[0].receive_once(2048) == "<127.0.0.1> \xe2\x82\xac.");
  guests[2].reset();  // a client that vanishes
  guests[0].send("still there?");
  CHECK(guests[1].receive_until("still there?").ends_with("<127.0.0.1> still there?"));
  CHECK(server.wait_for_line("<127.0.0.1> hi"));
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
}

TEST_CASE("tcp_chat --compat welcome: the client sends lines as they are, and prints what comes") {
  RawSocket listener = RawSocket::listen();
  Process process(client("welcome", listener.port()));
  RawSocket server = listener.accept();
  server.send("Welcome to this chatroom!");
  CHECK(process.wait_for_line("Welcome to this chatroom!"));
  process.write("hi\n");
  CHECK(server.receive_once() == "hi");
  server.send("<127.0.0.1> h\xc3");
  CHECK(process.wait_for_line("<127.0.0.1> h"));
  server.send("\xa9 \x1b]0;x\x07");
  CHECK(process.wait_for_line("\xc3\xa9 ]0;x"));
  process.close_input();
  CHECK(server.receive_to_end().empty());
  server.send("late");
  server.close();
  CHECK(ending(process) == well);
  CHECK(process.output().ends_with("\nlate\n"));
  CHECK(process.errors().empty());
}

// ---- hii ------------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat --compat hii: `Hii` alone, a name, and all is for all") {
  Server server("hii");
  RawSocket ann = RawSocket::connect(server.port);
  CHECK(ann.receive_once() == "Hii");
  ann.send("ann");
  CHECK(ann.receive_once() == "ann joined!");
  RawSocket ben = RawSocket::connect(server.port);
  CHECK(ben.receive_once() == "Hii");
  ann.send("ann: hi");
  CHECK(ann.receive_once() == "ann: hi");
  CHECK(is_silent(ben));  // nothing before a name
  ben.send("ben");
  CHECK(ben.receive_once() == "ben joined!");
  CHECK(ann.receive_once() == "ben joined!");
  ben.send("ben> hello");  // however the client signs
  CHECK(ann.receive_once() == "ben> hello");
  CHECK(ben.receive_once() == "ben> hello");
  ben.close();
  CHECK(ann.receive_once() == "ben left!");
  for (const std::string line : {"127.0.0.1 connected", "ann joined!", "ann: hi", "ben left!"}) {
    CHECK(server.wait_for_line(line));
  }
}

TEST_CASE("tcp_chat --compat hii: nobody speaks as somebody else") {
  Server server("hii");
  RawSocket ann = RawSocket::connect(server.port);
  CHECK(ann.receive_once() == "Hii");
  ann.send("ann\nfrom nc\n");  // what comes with the name is not lost
  CHECK(ann.receive_until("\n") == "ann joined!ann: from nc\n");
  const std::vector<std::pair<std::string, std::string>> sent{
      {"ben: hi", "ann: ben: hi"},
      {"anna: hi", "ann: anna: hi"},  // begins with the name, and is another's
      {"ann", "ann: ann"},
      {"Hii", "ann: Hii"},  // never again as it is: it would ask for a name
      {"ben joined!", "ann: ben joined!"},
      {"ann: a\nben: b\n\nann: c\n", "ann: a\nann: ben: b\n\nann: c\n"}};
  for (const auto& [text, heard] : sent) {
    ann.send(text);
    CHECK(ann.receive_once() == heard);
  }
  ann.send(std::string(1024, '\n') + "ann: still here");
  CHECK(ann.receive_until("still here").ends_with("ann: still here"));
}

TEST_CASE("tcp_chat --compat hii: names that are refused are closed") {
  Server server("hii");
  RawSocket ann = RawSocket::connect(server.port);
  CHECK(ann.receive_once() == "Hii");
  ann.send("ann");
  CHECK(ann.receive_once() == "ann joined!");
  for (const std::string name : {"ann", "ANN", "\xd0\xb0nn", "two words", " ", "\n", "system"}) {
    RawSocket other = RawSocket::connect(server.port);
    CHECK(other.receive_once() == "Hii");
    other.send(name);
    CHECK(other.receive_to_end().empty());
  }
  CHECK(is_silent(ann));
  ann.close();
  // A moment later the name is free.
  for (;;) {
    RawSocket again = RawSocket::connect(server.port);
    CHECK(again.receive_once() == "Hii");
    again.send("ann");
    const std::string heard = again.receive_once();
    if (heard.empty()) continue;
    CHECK(heard == "ann joined!");
    break;
  }
}

TEST_CASE("tcp_chat --compat hii: a client that says no name holds up nobody, and is closed") {
  Server server("hii", {"--name-timeout", "1"});
  RawSocket silent = RawSocket::connect(server.port);
  CHECK(silent.receive_once() == "Hii");
  RawSocket ann = RawSocket::connect(server.port);
  CHECK(ann.receive_once() == "Hii");
  ann.send("ann");
  CHECK(ann.receive_once() == "ann joined!");
  ann.send("ann: hi");
  CHECK(ann.receive_once() == "ann: hi");
  CHECK(silent.receive_to_end().empty());
}

TEST_CASE("tcp_chat --compat hii: the client says its name when it is asked, and signs what it sends") {
  RawSocket listener = RawSocket::listen();
  Process process(client("hii", listener.port(), {"--name", "ann"}));
  RawSocket server = listener.accept();
  process.write("early\n");
  CHECK(is_silent(server));  // it waits for Hii
  server.send("Hii");
  CHECK(server.receive_until("early") == "annann: early");
  server.send("ann joined!");
  CHECK(process.wait_for_line("ann joined!"));
  process.write("hi\n");
  CHECK(server.receive_once() == "ann: hi");
  server.send("ann: hi");
  CHECK(process.wait_for_line("ann: hi"));
  process.close_input();
  CHECK(server.receive_to_end().empty());
  server.close();
  CHECK(ending(process) == well);
  CHECK_FALSE(process.has_output("Hii"));
}

TEST_CASE("tcp_chat --compat hii: the client tells that it was refused") {
  Server server("hii");
  RawSocket ann = RawSocket::connect(server.port);
  CHECK(ann.receive_once() == "Hii");
  ann.send("ann");
  CHECK(ann.receive_once() == "ann joined!");
  Process process(client("hii", server.port, {"--name", "Ann"}));
  CHECK(ending(process) == failed);
  CHECK(process.errors().starts_with("lost the connection to 127.0.0.1:" + std::to_string(server.port) + ": "));
}

// ---- All of them ----------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat --compat: server and client speak with each other") {
  SECTION("hii") {
    Server server("hii");
    Process ann(client("hii", server.port, {"--name", "ann"}));
    CHECK(ann.wait_for_line("ann joined!"));
    Process ben(client("hii", server.port, {"--name", "ben"}));
    CHECK(ben.wait_for_line("ben joined!"));
    CHECK(ann.wait_for_line("ben joined!"));
    ann.write("hi\n");
    CHECK(ben.wait_for_line("ann: hi"));
    CHECK(ann.wait_for_line("ann: hi"));
    ben.close_input();
    CHECK(ending(ben) == well);
    CHECK(ann.wait_for_line("ben left!"));
    server.send_signal(SIGTERM);
    CHECK(ending_after(server, SIGTERM) == well);
    CHECK(ending(ann) == failed);  // whom the server has left
  }
  SECTION("welcome") {
    Server server("welcome");
    Process ann(client("welcome", server.port)), ben(client("welcome", server.port));
    CHECK(ann.wait_for_line("Welcome to this chatroom!"));
    CHECK(ben.wait_for_line("Welcome to this chatroom!"));
    ann.write("hi\n");
    CHECK(ben.wait_for_line("<127.0.0.1> hi"));
  }
  SECTION("echo-chat") {
    Server server("echo-chat");
    const Outcome outcome =
        run_to_end(in_shell("printf 'one\\ntwo' | \"$0\" \"$@\"", client("echo-chat", server.port)));
    CHECK(outcome.exit == well);
    CHECK(outcome.output == "Server received your message: one\nServer received your message: two\n");
  }
  SECTION("hello") {
    Server server("hello");
    const Outcome outcome = run_to_end(client("hello", server.port));
    CHECK(outcome.exit == well);
    CHECK(outcome.output == "Thank you for connecting\n");
  }
}

TEST_CASE("tcp_chat --compat: the ports of the originals, --quiet, --max-clients") {
  for (const auto& [row, port] : {std::pair{"hello", "12345"}, std::pair{"echo-chat", "12345"},
                                  std::pair{"welcome", "8000"}, std::pair{"hii", "11826"}}) {
    // Where somebody has it, that is told; both show which port it is.
    Process server(command("tcp_chat", {"server", "--compat", row}));
    const std::string where = std::string("127.0.0.1:") + port;
    if (server.wait_for_line("listening on ") != "listening on " + where) {
      CHECK(ending(server) == failed);
      CHECK(server.errors() == "cannot listen on " + where + ": Address already in use\n");
    }
  }
  Server server("echo-chat", {"--max-clients", "1"});
  RawSocket ann = RawSocket::connect(server.port);
  ann.send("x");
  CHECK(ann.receive_once() == "Server received your message: x");
  RawSocket ben = RawSocket::connect(server.port);
  CHECK(ben.receive_to_end().empty());
  const std::uint16_t free = RawSocket::listen().port();
  Process quiet(command("tcp_chat", {"server", "--compat", "hello", "--quiet", "--port", std::to_string(free)}));
  for (;;) {  // until it listens
    try {
      RawSocket guest = RawSocket::connect(free);
      CHECK(guest.receive_to_end() == "Thank you for connecting");
      break;
    } catch (const std::system_error& error) {
      REQUIRE(error.code() == std::errc::connection_refused);
      REQUIRE_FALSE(quiet.wait(milliseconds(1)));
    }
  }
  quiet.send_signal(SIGTERM);
  CHECK(ending_after(quiet, SIGTERM) == well);
  CHECK(quiet.output().empty());
}

TEST_CASE("tcp_chat --compat: nobody there is told") {
  const std::uint16_t port = RawSocket::listen().port();
  for (const std::string row : {"hello", "echo-chat", "welcome", "hii"}) {
    const std::vector<std::string> name{"--name", "ann"}, none;
    const Outcome outcome = run_to_end(client(row, port, row == "hii" ? name : none));
    CHECK(outcome.exit == failed);
    CHECK(outcome.output.empty());
    CHECK(outcome.errors == "cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused\n");
  }
}
