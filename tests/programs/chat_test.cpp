// SPDX-License-Identifier: BSL-1.0
// threaded_chat and coroutine_chat, with clients made of plain system calls.

#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"

using namespace programs;
using std::chrono::milliseconds;

namespace {

constexpr const char* welcome = "* welcome! Your first line is your name.\n";

struct Server : Process {
  explicit Server(const std::vector<std::string>& words) : Process(words), port(port_of(*this)) {}
  std::uint16_t port;
};
struct ThreadedChat : Server {
  ThreadedChat() : Server(command("threaded_chat", {"--port", "0"})) {}
};
struct CoroutineChat : Server {
  CoroutineChat() : Server(command("coroutine_chat", {"server", "--port", "0"})) {}
  // A connection that has given its name.
  RawSocket join(const std::string& name, int receive_buffer_bytes = 0) const {
    RawSocket client = RawSocket::connect(port, receive_buffer_bytes);
    client.send(name + "\n");
    REQUIRE(client.receive_until("* others here: ") == std::string(welcome) + "* others here: ");
    client.receive_until("\n");
    return client;
  }
};

// Two that threaded_chat has both welcomed: what one sends has reached the other.
struct Pair {
  explicit Pair(std::uint16_t port) : one(RawSocket::connect(port)), other(RawSocket::connect(port)) {
    // Connections are accepted in order: once the second is heard, both are in.
    other.send("?");
    REQUIRE(one.receive_until("?") == "?");
  }
  RawSocket one, other;
};

// In clock ticks, a hundredth of a second each
long processor_time(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  long user = 0, system = 0;
  fields >> user >> system;
  return user + system;
}

std::vector<std::string> client(std::uint16_t port, const std::string& name) {
  std::vector<std::string> words = command("coroutine_chat", {"client", "--port", std::to_string(port)});
  if (!name.empty()) words.insert(words.end(), {"--name", name});
  return words;
}

struct Person : Process {
  Person(const CoroutineChat& server, const std::string& name, Input input = Input::pipe)
      : Process(client(server.port, name), input) {
    REQUIRE(wait_for_line("* others here: "));
  }
};

}  // namespace

// ---- threaded_chat
// ---------------------------------------------------------------------------------------------------

TEST_CASE("threaded_chat relays what arrives to all others, without waiting for a newline") {
  ThreadedChat server;
  Pair pair(server.port);
  RawSocket third = RawSocket::connect(server.port);
  third.send("3");
  CHECK(pair.one.receive_until("3") == "3");
  CHECK(pair.other.receive_until("3") == "3");
  pair.one.send("no newline");
  CHECK(pair.other.receive_until("newline") == "no newline");
  CHECK(third.receive_until("newline") == "no newline");
  pair.other.send("one\ntwo\n");
  CHECK(pair.one.receive_until("two\n") == "one\ntwo\n");  // and not what it has sent itself
}

TEST_CASE("threaded_chat keeps characters whole and control characters out") {
  ThreadedChat server;
  Pair pair(server.port);
  for (const std::string character : {"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (std::size_t part = 1; part < character.size(); ++part) {
      pair.one.send("a" + character.substr(0, part));
      CHECK(pair.other.receive_until("a") == "a");  // so the part has been received too
      pair.one.send(character.substr(part));
      CHECK(pair.other.receive_until(character) == character);
    }
  }
  pair.one.send("\x1b[31mred\x1b]52;c;AAAA\x07 \xe2\x80\xae\x9b \xff.");
  CHECK(pair.other.receive_until(".") == "[31mred]52;c;AAAA \xef\xbf\xbd \xef\xbf\xbd.");
}

TEST_CASE("threaded_chat: silence, resets and leaving disturb nobody") {
  ThreadedChat server;
  Pair pair(server.port);
  const RawSocket silent = RawSocket::connect(server.port);
  for (int i = 0; i < 50; ++i) {
    RawSocket::connect(server.port).reset();
    RawSocket::connect(server.port).close();
  }
  RawSocket late = RawSocket::connect(server.port);
  late.send("late.");
  CHECK(pair.one.receive_until(".") == "late.");
  CHECK(pair.other.receive_until(".") == "late.");
  pair.other.send("bye.");
  pair.other.half_close();
  CHECK(pair.one.receive_until(".") == "bye.");
  CHECK(late.receive_until(".") == "bye.");
  CHECK(pair.other.ends());
}

TEST_CASE("threaded_chat disconnects who does not read, and delays nobody") {
  ThreadedChat server;
  Pair quick(server.port);
  RawSocket slow = RawSocket::connect(server.port, 4096);
  slow.send("slow.");
  quick.one.receive_until("slow.");
  quick.other.receive_until("slow.");
  const std::string text = std::string(2000, 'x') + ".";
  bool taken = true;
  // More than any socket buffer holds; in lockstep, so that a quick one is never behind.
  for (int i = 0; i < 10000 && taken; ++i) {
    quick.one.send(text);
    taken = quick.other.receive_until(".") == text;
  }
  CHECK(taken);
  CHECK(slow.ends());
}

TEST_CASE("threaded_chat ends at SIGTERM while clients talk") {
  ThreadedChat server;
  Pair pair(server.port);
  std::vector<RawSocket> more;
  for (int i = 0; i < 20; ++i) more.push_back(RawSocket::connect(server.port));
  server.send_signal(SIGTERM);
  const std::string text(1000, 'x');
  while (pair.one.try_send(text) && !pair.other.receive_until("x", milliseconds(100)).empty()) {
  }
  CHECK(ending(server) == well);
  CHECK(server.errors().empty());
}

// The undefined behaviour sanitizer opens a pipe for its checks of virtual calls, and takes its failure for a fault.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("threaded_chat lives with few descriptors") {
  Server server(in_shell("ulimit -n 20; exec \"$0\" \"$@\"", command("threaded_chat", {"--port", "0"})));
  std::vector<RawSocket> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(RawSocket::connect(server.port));
  clients[1].send("first.");  // clients are accepted in order
  CHECK(clients[0].receive_until("first.") == "first.");
  const long before = processor_time(server.id());
  CHECK(clients.back().receive_until(".", milliseconds(500)).empty());  // nobody has accepted it
  CHECK(processor_time(server.id()) - before < 25);
  for (int i = 2; i < 39; ++i) clients[static_cast<std::size_t>(i)].close();
  clients.back().send("last.");
  CHECK(clients[0].receive_until("last.") == "last.");
}
#endif

// ---- coroutine_chat server
// -------------------------------------------------------------------------------------------

TEST_CASE("coroutine_chat tells of who comes, speaks and leaves") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = server.join("Ben");
  CHECK(ann.receive_until("\n") == "* Ben joined\n");
  RawSocket eve = server.join("  \xc3\x88ve\r");
  CHECK(ann.receive_until("\n") == "* \xc3\x88ve joined\n");
  CHECK(ben.receive_until("\n") == "* \xc3\x88ve joined\n");
  ann.send("hello\r\n\nthere\n");
  for (RawSocket* other : {&ben, &eve}) CHECK(other->receive_until("there\n") == "Ann: hello\nAnn: there\n");
  eve.send("the last words");  // a last line needs no newline
  eve.half_close();
  CHECK(ann.receive_until("left\n") == "\xc3\x88ve: the last words\n* \xc3\x88ve left\n");
  CHECK(eve.receive_to_end().empty());
  ben.reset();
  CHECK(ann.receive_until("\n") == "* Ben left\n");
}

TEST_CASE("coroutine_chat delivers what was under way to one who has half-closed") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = server.join("Ben");
  ann.receive_until("* Ben joined\n");
  std::string expected;
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    sent += "line " + std::to_string(i) + "\n";
    expected += "Ann: line " + std::to_string(i) + "\n";
  }
  ann.send(sent);
  ann.half_close();
  CHECK(ann.receive_to_end().empty());
  CHECK(ben.receive_until("* Ann left\n") == expected + "* Ann left\n");
}

TEST_CASE("coroutine_chat waits for the end of a line, however it arrives") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = RawSocket::connect(server.port);
  for (const char c : std::string("Ben\nh\xc3\xa9llo\r\nagain\n")) ben.send({&c, 1});
  CHECK(ann.receive_until("again\n") == "* Ben joined\nBen: h\xc3\xa9llo\nBen: again\n");
}

TEST_CASE("coroutine_chat refuses names that are none") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  const std::string just_fits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ\xc3\xa9"
      "23456";
  for (const std::string& name : {std::string(), std::string("   "), std::string("\x1b\x07"), just_fits + "7"}) {
    RawSocket client = RawSocket::connect(server.port);
    client.send(name + "\n");
    CHECK(client.receive_to_end() == std::string(welcome) + "! a name has 1 to 32 characters\n");
  }
  const RawSocket named = server.join(just_fits);
  CHECK(ann.receive_until("\n") == "* " + just_fits + " joined\n");
}

TEST_CASE("coroutine_chat closes on a line that is too long, and holds no more of it") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = server.join("Ben");
  ann.receive_until("* Ben joined\n");
  ben.send(std::string(4096, 'x') + "\n");
  CHECK(ann.receive_until("\n") == "Ben: " + std::string(4096, 'x') + "\n");
  ben.try_send(std::string(1 << 24, 'y'));
  CHECK(ann.receive_until("\n") == "* Ben left\n");
  CHECK(ben.receive_until("\n") == "! line too long\n");
  CHECK(ben.ends());
  RawSocket nameless = RawSocket::connect(server.port);
  nameless.try_send(std::string(1 << 20, 'z'));
  CHECK(nameless.ends());
}

TEST_CASE("coroutine_chat sends no control characters on") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = server.join("B\x1b[2Jen");
  CHECK(ann.receive_until("\n") == "* B[2Jen joined\n");
  ben.send("\x1b]52;c;AAAA\x07\rAnn: forged\t\xe2\x80\xae\xff\n");
  CHECK(ann.receive_until("\n") == "B[2Jen: ]52;c;AAAAAnn: forged \xef\xbf\xbd\n");
}

TEST_CASE("coroutine_chat: silence and resets disturb nobody") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  const RawSocket silent = RawSocket::connect(server.port);
  for (int i = 0; i < 100; ++i) RawSocket::connect(server.port).reset();
  RawSocket ben = server.join("Ben");
  CHECK(ann.receive_until("\n") == "* Ben joined\n");
  ben.send("hi\n");
  CHECK(ann.receive_until("\n") == "Ben: hi\n");
}

TEST_CASE("coroutine_chat disconnects who does not read, and delays nobody") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = server.join("Ben");
  ann.receive_until("* Ben joined\n");
  RawSocket slow = server.join("slow", 4096);
  ann.receive_until("* slow joined\n");
  ben.receive_until("* slow joined\n");
  std::string batch;
  for (int i = 0; i < 32; ++i) batch += std::string(4000, 'x') + (i == 31 ? ".\n" : "\n");
  std::string seen;
  // In lockstep, so that a quick one is never behind; far more than the socket buffers hold.
  for (int i = 0; i < 500 && seen.find("* slow left\n") == std::string::npos; ++i) {
    ann.send(batch);
    seen = ben.receive_until(".\n");
    REQUIRE(!seen.empty());
  }
  CHECK(seen.find("* slow left\n") != std::string::npos);
  CHECK(ann.receive_until("* slow left\n") == "* slow left\n");
  CHECK(slow.ends());
}

TEST_CASE("coroutine_chat takes a long text from one, if the others keep up") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = server.join("Ben");
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "line\n";
  ann.send(text + "end\n");
  const std::string seen = ben.receive_until("Ann: end\n");
  CHECK(seen.size() == 20000 * std::string("Ann: line\n").size() + std::string("Ann: end\n").size());
}

TEST_CASE("coroutine_chat ends at SIGTERM while clients talk") {
  CoroutineChat server;
  RawSocket ann = server.join("Ann");
  RawSocket ben = server.join("Ben");
  const RawSocket silent = RawSocket::connect(server.port);
  server.send_signal(SIGTERM);
  const std::string text = std::string(1000, 'x') + '\n';
  while (ann.try_send(text) && !ben.receive_until("\n", milliseconds(100)).empty()) {
  }
  CHECK(ending(server) == well);
  CHECK(server.errors().empty());
}

// The undefined behaviour sanitizer opens a pipe for its checks of virtual calls, and takes its failure for a fault.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("coroutine_chat lives with few descriptors") {
  Server server(in_shell("ulimit -n 16; exec \"$0\" \"$@\"", command("coroutine_chat", {"server", "--port", "0"})));
  std::vector<RawSocket> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(RawSocket::connect(server.port));
  CHECK(clients[0].receive_until("\n") == welcome);
  CHECK(clients[1].receive_until("\n") == welcome);
  const long before = processor_time(server.id());
  CHECK(clients.back().receive_until("\n", milliseconds(500)).empty());  // nobody has accepted it
  CHECK(processor_time(server.id()) - before < 25);
  clients[0].send("Ann\n");
  clients[1].send("Ben\n");
  CHECK(clients[0].receive_until("* Ben joined\n").ends_with("* Ben joined\n"));
  for (int i = 2; i < 39; ++i) clients[static_cast<std::size_t>(i)].close();
  CHECK(clients.back().receive_until("\n") == welcome);
  clients.back().send("Eve\n");
  CHECK(clients[0].receive_until("* Eve joined\n").ends_with("* Eve joined\n"));
}
#endif

// ---- coroutine_chat client
// -------------------------------------------------------------------------------------------

TEST_CASE("coroutine_chat: three people in processes of their own") {
  CoroutineChat server;
  Person ann(server, "Ann"), ben(server, "Ben");
  CHECK(ann.wait_for_line("* Ben joined"));
  ann.write("h\xc3\xa9llo\n");
  CHECK(ben.wait_for_line("Ann: ") == "Ann: h\xc3\xa9llo");
  Person eve(server, "Eve");
  eve.write("half a ");
  eve.write("line\nand an end without newline");
  eve.close_input();
  CHECK(ending(eve) == well);
  for (Person* person : {&ann, &ben}) {
    CHECK(person->wait_for_line("Eve: half a line"));
    CHECK(person->wait_for_line("Eve: and an end without newline"));
    CHECK(person->wait_for_line("* Eve left"));
  }
  CHECK_FALSE(ann.has_output("Ann: "));
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  for (Process* process : {static_cast<Process*>(&ann), static_cast<Process*>(&ben), static_cast<Process*>(&server)}) {
    CHECK(ending(*process) == well);
    CHECK(process->errors().empty());
  }
}

TEST_CASE("coroutine_chat client without a name is asked for it by the server") {
  CoroutineChat server;
  Process process(client(server.port, ""));
  CHECK(process.wait_for_line("* welcome! Your first line is your name."));
  process.write("Ann\n");
  CHECK(process.wait_for_line("* others here: 0"));
  RawSocket ben = server.join("Ben");
  CHECK(process.wait_for_line("* Ben joined"));
}

TEST_CASE("coroutine_chat client on a terminal") {
  CoroutineChat server;
  RawSocket ben = server.join("Ben");
  Person ann(server, "Ann", Process::Input::terminal);
  CHECK(ben.receive_until("\n") == "* Ann joined\n");
  ann.write(
      "tipo\x7f"
      "s\n");  // edited before it is sent
  CHECK(ben.receive_until("\n") == "Ann: tips\n");
  ben.send(
      "\x1b[2J\x9b"
      "31mhi\x07\n");
  CHECK(
      ann.wait_for_line("Ben: [2J\xef\xbf\xbd"
                        "31mhi"));
  SECTION("Ctrl-D") {
    ann.close_input();
    CHECK(ending(ann) == well);
  }
  SECTION("Ctrl-C") {
    ann.write("\x03");
    CHECK(ending_after(ann, SIGINT) == well);
  }
  CHECK(ben.receive_until("\n") == "* Ann left\n");
  CHECK(ann.output().find('\x1b') == std::string::npos);
}

TEST_CASE("coroutine_chat client prints only text, whatever a server sends") {
  RawSocket listener = RawSocket::listen();
  Process process(client(listener.port(), "Ann"));
  RawSocket server = listener.accept();
  CHECK(server.receive_until("\n") == "Ann\n");
  server.send(
      "\x1b]0;title\x07"
      "a\x9b"
      "b\xe2\x80\xae\nno newline");
  CHECK(
      process.wait_for_line("]0;titlea\xef\xbf\xbd"
                            "b"));
  SECTION("an end in the middle of a line") {
    server.close();
    CHECK(ending(process) == well);
    CHECK(process.output().ends_with("\nno newline\n* disconnected\n"));
  }
  SECTION("a line that never ends") {
    server.try_send(std::string(1 << 20, 'x'));
    CHECK(ending(process) == failed);
    CHECK(process.errors().find(": Longer than the limit\n") != std::string::npos);
  }
  SECTION("a reset") {
    server.reset();
    CHECK(ending(process) == failed);
    const std::string where = "127.0.0.1:" + std::to_string(listener.port());
    CHECK(process.errors() == "lost the connection to " + where + ": Connection reset by peer\n");
  }
}

TEST_CASE("coroutine_chat client prints what is under way when it leaves") {
  RawSocket listener = RawSocket::listen();
  Process process(client(listener.port(), "Ann"));
  RawSocket server = listener.accept();
  process.close_input();
  CHECK(server.receive_to_end() == "Ann\n");
  server.send("late\n");
  server.close();
  CHECK(ending(process) == well);
  CHECK(process.output() == "late\n* disconnected\n");
}

TEST_CASE("coroutine_chat client says so when it cannot read what is typed") {
  CoroutineChat server;
  RawSocket ben = server.join("Ben");
  SECTION("a line that is too long") {
    Person ann(server, "Ann");
    ann.write("hi\n");
    CHECK(ben.receive_until("hi\n") == "* Ann joined\nAnn: hi\n");
    ann.write(std::string(65537, 'x') + "\nnot sent\n");
    CHECK(ending(ann) == failed);
    CHECK(ann.errors() == "cannot read a line: Longer than the limit\n");
    CHECK(ben.receive_until("\n") == "* Ann left\n");
  }
  SECTION("a folder") {
    const Outcome outcome = run_to_end(in_shell("exec \"$0\" \"$@\" </", client(server.port, "Ann")));
    CHECK(outcome.exit == failed);
    CHECK(outcome.errors == "cannot read a line: Is a directory\n");
    CHECK(ben.receive_until("left\n") == "* Ann joined\n* Ann left\n");
  }
}

TEST_CASE("coroutine_chat client leaves a server that does not answer its leaving") {
  RawSocket listener = RawSocket::listen();
  Process process(client(listener.port(), "Ann"));
  RawSocket server = listener.accept();
  process.write("bye\n");
  process.close_input();
  CHECK(server.receive_to_end() == "Ann\nbye\n");
  CHECK(ending(process) == well);  // after 5 s
}

TEST_CASE("coroutine_chat client with closed streams") {
  CoroutineChat server;
  RawSocket ben = server.join("Ben");
  SECTION("input") {
    const Outcome outcome = run_to_end(in_shell("exec \"$0\" \"$@\" <&-", client(server.port, "Ann")));
    CHECK(outcome.exit == well);
    CHECK(ben.receive_until("left\n") == "* Ann joined\n* Ann left\n");
  }
  SECTION("output that nobody reads any more") {
    Process shell(in_shell("\"$0\" \"$@\" | head -n 1", client(server.port, "Ann")));
    CHECK(shell.wait_for_line("* welcome!"));
    CHECK(ben.receive_until("\n") == "* Ann joined\n");
    while (ben.try_send("anybody there?\n") && ben.receive_until("* Ann left\n", milliseconds(20)).empty()) {
    }
    CHECK(shell.wait_for_error("cannot write to standard output: Broken pipe"));
    CHECK(ending(shell) == well);  // head's status
  }
  SECTION("output that is full") {
    const Outcome outcome = run_to_end(in_shell("exec \"$0\" \"$@\" >/dev/full", client(server.port, "Ann")));
    CHECK(outcome.exit == failed);
    CHECK(outcome.errors == "cannot write to standard output: No space left on device\n");
  }
}
