// SPDX-License-Identifier: BSL-1.0
// tcp_chat client: in a pipe, and at a terminal.

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tcp_chat.hpp"
#include "terminal_child.hpp"

using namespace programs;
using std::chrono::milliseconds;

namespace {

struct Person : Process {
  Person(const ChatServer& server, const std::string& name, std::vector<std::string> options = {})
      : Process(client(server.port, with_name(name, std::move(options)))) {
    REQUIRE(wait_for("ou are in lobby, with "));
  }

 private:
  static std::vector<std::string> with_name(const std::string& name, std::vector<std::string> options) {
    options.insert(options.end(), {"--name", name});
    return options;
  }
};

struct AtTerminal : TerminalChild {
  AtTerminal(std::uint16_t port, const std::vector<std::string>& options)
      : TerminalChild([words = client(port, options)] { return become(words); }, 80) {}
};

// What a terminal shows, without what steers it.
std::string without_escapes(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
      for (i += 2; i < text.size() && (text[i] < '@' || text[i] > '~');) ++i;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// A server played by the test: it has accepted the client, and knows what it said first.
struct PlayedServer {
  PlayedServer() : listener(RawSocket::listen()) {}
  RawSocket accept(const std::string& expected) {
    RawSocket connection = listener.accept();
    CHECK(connection.receive_until("\n") == expected + "\n");
    return connection;
  }
  RawSocket listener;
};

}  // namespace

// ---- In a pipe ------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat client in a pipe: lines as they come, without colours, times or a prompt") {
  ChatServer server;
  Guest ben = server.join("Ben");
  Person ann(server, "Ann");
  CHECK(ben.hear() == "* Ann joined");
  ben.say("hi");
  CHECK(ann.wait_for_line("<Ben> ") == "<Ben> hi");  // though it does not end yet
  ben.say("/msg Ann psst");
  CHECK(ann.wait_for_line("[Ben] ") == "[Ben] psst");
  ann.write("h\xc3\xa9llo\n\n  \n//slash\n/what\nno newline");
  CHECK(ben.hear() == "<Ann> h\xc3\xa9llo");
  CHECK(ben.hear() == "<Ann> /slash");
  CHECK(ann.wait_for_line("! ") == "! there is no command /what; /help tells which there are");
  SECTION("the end of the input") {
    ann.close_input();
    CHECK(ben.hear() == "<Ann> no newline");
  }
  SECTION("Ctrl-C") { ann.send_signal(SIGINT); }
  SECTION("/quit") {
    ann.write("\n/quit\n");
    CHECK(ben.hear() == "<Ann> no newline");
  }
  CHECK(ending(ann) == well);
  CHECK(ben.hear() == "* Ann left");
  CHECK(ann.output() ==
        "* you are in lobby, with 1 other\n<Ben> hi\n[Ben] psst\n! there is no command /what; "
        "/help tells which there are\n");
  CHECK(ann.errors().empty());
}

TEST_CASE("tcp_chat client --json prints an object for each message") {
  ChatServer server({"--motd", "\"quoted\" \\"});
  Guest ben = server.join("Ben");
  Person ann(server, "Ann", {"--json"});
  ben.say("say \"hi\" \\ \x1b[2J");
  ben.say("/msg Ann psst");
  CHECK(ann.wait_for("psst"));
  ann.write("/what\n/join den\n");
  CHECK(ann.wait_for("you are in den"));
  ann.close_input();
  CHECK(ending(ann) == well);
  const std::string all = ann.output();
  CHECK(all.starts_with("{\"kind\":\"notice\",\"text\":\"\\\"quoted\\\" \\\\\"}\n"));
  const auto has = [&](const std::string& rest) {
    const std::size_t end = all.find(rest + "}\n");
    if (end == std::string::npos) return false;
    const std::size_t begin = all.rfind('\n', end) + 1;
    return all.substr(begin, end - begin).starts_with("{\"sequence\":");
  };
  CHECK(all.find(R"({"kind":"notice","text":"you are in lobby, with 1 other"})"
                 "\n") != std::string::npos);
  CHECK(has(R"("kind":"text","room":"lobby","name":"Ben","text":"say \"hi\" \\ [2J")"));
  CHECK(has(R"("kind":"direct","room":"lobby","name":"Ben","text":"psst")"));
  CHECK(has(R"("kind":"error","room":"lobby","text":"there is no command /what; /help tells which there are")"));
  CHECK(all.find(R"({"kind":"notice","text":"you are in den, with 0 others"})"
                 "\n") != std::string::npos);
  CHECK(all.find("\"time\":1") != std::string::npos);
  CHECK(all.find('\x1b') == std::string::npos);
}

TEST_CASE("tcp_chat client --room goes there at once") {
  ChatServer server;
  Process ann(client(server.port, {"--name", "Ann", "--room", "den"}));
  CHECK(ann.wait_for_line("* you are in den, with 0 others"));
}

TEST_CASE("tcp_chat client: a paste of 200 lines is said, though the input ends long before") {
  ChatServer server({"--rate", "100"});
  Guest ben = server.join("Ben");
  const std::string script = "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done | \"$0\" \"$@\"";
  Process ann(in_shell(script, client(server.port, {"--name", "Ann"})));
  std::string expected = "* Ann joined\n";
  for (int i = 0; i < 200; ++i) expected += "<Ann> line " + std::to_string(i) + "\n";
  CHECK(ben.hear_until("* Ann left") == expected);
  CHECK(ending(ann) == well);
}

TEST_CASE("tcp_chat client: what is asked for is still shown when the input ends") {
  ChatServer server;
  const Outcome outcome =
      run_to_end(in_shell("printf '/who\\n/rooms' | \"$0\" \"$@\"", client(server.port, {"--name", "Ann"})));
  CHECK(outcome.exit == well);
  CHECK(outcome.output.ends_with("* lobby: Ann\n* lobby: 1\n"));
}

TEST_CASE("tcp_chat client ends when its input has ended before it was connected") {
  ChatServer server;
  Process ann(client(server.port, {"--name", "Ann"}));
  ann.close_input();
  CHECK(ending(ann) == well);
}

TEST_CASE("tcp_chat client ends at /quit, whatever follows it") {
  ChatServer server;
  Person ann(server, "Ann");
  ann.write("/Quit for today\n");
  CHECK(ending(ann) == well);
}

TEST_CASE("tcp_chat client tells why it cannot join, with status 1") {
  std::string where;
  std::string why;
  std::optional<ChatServer> server;
  std::optional<Guest> ann;
  const RawSocket free = RawSocket::listen();
  SECTION("nobody listens") {
    const std::uint16_t port = RawSocket::listen().port();
    const Outcome outcome = run_to_end(client(port, {"--name", "Ann"}));
    CHECK(outcome.exit == failed);
    CHECK(outcome.output.empty());
    CHECK(outcome.errors == "cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused\n");
    return;
  }
  SECTION("the name is in use") {
    server.emplace();
    ann.emplace(server->join("ann"));
    why = "somebody has this name, or one that looks like it";
  }
  SECTION("the server is full") {
    server.emplace(std::vector<std::string>{"--max-clients", "1"});
    ann.emplace(server->connect());
    CHECK(ann->hear() == ChatServer::greeting);
    why = "the server is full";
  }
  where = "127.0.0.1:" + std::to_string(server->port);
  const Outcome outcome = run_to_end(client(server->port, {"--name", "Ann"}));
  CHECK(outcome.exit == failed);
  CHECK(outcome.errors == "cannot join the chat at " + where + ": " + why + "\n");
  const Outcome name = run_to_end(client(server->port, {"--name", "two words", "--json"}));
  CHECK(name.exit == failed);
  if (why != "the server is full")
    CHECK(name.output.ends_with("{\"kind\":\"error\",\"text\":\"a name has no spaces\"}\n"));
}

TEST_CASE("tcp_chat client ends with 1 where what it is connected to is no chat") {
  PlayedServer played;
  Process ann(client(played.listener.port(), {"--name", "Ann"}));
  const std::string where = "127.0.0.1:" + std::to_string(played.listener.port());
  std::string expected = where + " does not answer as a chat server; is it one?\n";
  {
    RawSocket server = played.accept("/numbered 1 Ann");
    SECTION("it ends the connection") {}
    SECTION("it says something else") {
      server.send("HTTP/1.1 400 Bad Request\r\n");
      CHECK(ending(ann) == failed);  // at once
    }
    SECTION("it says much, without a line") { server.try_send(std::string((1 << 20) + 1, 'x')); }
    SECTION("it says nothing") { CHECK(ann.wait(std::chrono::seconds(20))); }
    SECTION("it lets nobody in") {
      server.send("* welcome!\n");
      server.half_close();
      expected = "cannot join the chat at " + where + ": End of stream\n";
    }
  }
  CHECK(ending(ann) == failed);
  CHECK(ann.errors() == expected);
}

TEST_CASE("tcp_chat client prints only text, whatever a server sends") {
  PlayedServer played;
  Process ann(client(played.listener.port(), {"--name", "Ann"}));
  RawSocket server = played.accept("/numbered 1 Ann");
  const std::string bad = "\x1b]52;c;AAAA\x07\x1b[2J\x9b\xe2\x80\xae\r\b.";
  const std::string good = "]52;c;AAAA[2J\xef\xbf\xbd.";
  server.send("* one " + bad + "\n! two " + bad + "\n");
  SECTION("before there is a session") { CHECK(ann.wait_for_error("two " + good)); }
  SECTION("records") {
    RawSocket other = RawSocket::listen();
    Process ben(client(played.listener.port(), {"--name", "Ben"}));
    RawSocket second = played.accept("/numbered 1 Ben");
    second.send("session t" + bad + " 7 4 ro" + bad + "om Be" + bad + "n\n");
    second.send("5 1700000000000 text na" + bad + "me three " + bad + "\n");
    CHECK(ben.wait_for_line("<na" + good + "me> three ") == "<na" + good + "me> three " + good);
    second.send("6 1700000000000 direct x four " + bad + "\n7 1700000000000 notice - five " + bad +
                "\n8 1700000000000 error - six " + bad + "\n9 1700000000000 missed - 12" + bad + "\n");
    for (const std::string line : {"[x] four ", "* five ", "! six "}) CHECK(ben.wait_for_line(line) == line + good);
    CHECK(ben.wait_for_line("* you missed 12" + good + " messages"));
    second.send("anything else " + bad + "\n10 1700000000000 text x end\n");
    CHECK(ben.wait_for_line("<x> end"));
    CHECK(ben.output().find('\x1b') == std::string::npos);
    CHECK(ben.output().find('\r') == std::string::npos);
  }
  CHECK(ann.wait_for_line("* one ") == "* one " + good);
  CHECK(ending(ann) == failed);
  CHECK(ann.output().find('\x1b') == std::string::npos);
  CHECK(ann.errors().find('\x1b') == std::string::npos);
}

TEST_CASE("tcp_chat client says when its output cannot be written, and does not stay in the chat") {
  ChatServer server;
  Guest ben = server.join("Ben");
  const Outcome outcome = run_to_end(in_shell("exec \"$0\" \"$@\" >/dev/full", client(server.port, {"--name", "Ann"})));
  CHECK(outcome.exit == failed);
  CHECK(outcome.errors == "cannot write to standard output: No space left on device\n");
  CHECK(ben.hear() == "* Ann joined");
  CHECK(ben.hear() == "* Ann left");
}

// ---- When the connection breaks -------------------------------------------------------------------------------------

TEST_CASE("tcp_chat client goes on where it was") {
  PlayedServer played;
  Process ann(client(played.listener.port(), {"--name", "Ann"}));
  {
    RawSocket server = played.accept("/numbered 1 Ann");
    server.send("* welcome!\nsession 0123 77 5 lobby Ann\n6 1700000000000 text Ben one\n");
    CHECK(ann.wait_for_line("<Ben> one"));
    ann.write("to you\n");
    CHECK(server.receive_until("\n") == "to you\n");
    server.reset();
  }
  CHECK(ann.wait_for_line("! lost the connection to 127.0.0.1:" + std::to_string(played.listener.port()) + ": "));
  ann.write("typed meanwhile\n");
  RawSocket server = played.accept("/resume 0123 77 6 count");
  CHECK(server.receive_until("typed", milliseconds(20)).empty());  // not before the session goes on
  server.send("* welcome!\nsession 0123 77 6 lobby Ann\n7 1700000000000 text Ben two\n");
  CHECK(ann.wait_for_line("* connected again"));
  CHECK(ann.wait_for_line("! may not have arrived: to you"));  // this server does not count what it takes
  CHECK(ann.wait_for_line("<Ben> two"));
  CHECK(server.receive_until("\n") == "typed meanwhile\n");
  // A server that has no place just then is asked again, for the same.
  server.close();
  server = played.accept("/resume 0123 77 7 count");
  server.send("! the server is full\n");
  CHECK(ann.wait_for_line("! the server is full"));
  server.close();
  server = played.accept("/resume 0123 77 7 count");
  server.send("session 0123 77 7 lobby Ann\n");
  // Another room has its own numbers.
  server.send("session 0123 88 2 den Ann\n3 1700000000000 text Ben three\n");
  CHECK(ann.wait_for_line("<Ben> three"));
  server.close();
  server = played.accept("/resume 0123 88 3 count");
  // A server that knows nothing of it: then everything is new, and it goes back to its room.
  server.send("* welcome!\n! there is nothing to resume\n");
  CHECK(server.receive_until("\n") == "/numbered 1 Ann\n");
  server.send("session 4567 99 0 lobby Ann\n1 1700000000000 notice - you are in lobby, with 0 others\n");
  CHECK(server.receive_until("\n") == "/join den\n");
  ann.write("for those in den\n");
  CHECK(server.receive_until("den", milliseconds(20)).empty());  // not before it is there
  server.send("session 4567 111 0 den Ann\n");
  CHECK(server.receive_until("\n") == "for those in den\n");
  ann.close_input();
  CHECK(server.receive_until("\n") == "/ping taken 3\n");
  server.send("1 1700000000000 notice - pong taken 3\n");
  CHECK(server.receive_until("\n") == "/quit\n");
  server.close();
  CHECK(ending(ann) == well);
}

TEST_CASE("tcp_chat client ends where its session goes on over a newer connection") {
  PlayedServer played;
  Process ann(client(played.listener.port(), {"--name", "Ann"}));
  played.accept("/numbered 1 Ann").send("session 0123 77 5 lobby Ann\n");
  RawSocket server = played.accept("/resume 0123 77 5 count");
  const std::string why = "this session goes on over a newer connection";
  server.send("* welcome!\n! " + why + "\n");
  server.close();
  CHECK(ending(ann) == failed);
  CHECK(ann.errors() ==
        "cannot join the chat at 127.0.0.1:" + std::to_string(played.listener.port()) + ": " + why + "\n");
}

TEST_CASE("tcp_chat client joins again when the server was killed and started again") {
  std::optional<ChatServer> server;
  server.emplace();
  const std::uint16_t port = server->port;
  Person ann(*server, "Ann"), ben(*server, "Ben");
  ann.write("/join den\n");
  CHECK(ann.wait_for_line("* you are in den"));
  server->send_signal(SIGKILL);
  CHECK(ending(*server) == "signal 9");
  CHECK(ann.wait_for_line("! lost the connection to "));
  CHECK(ben.wait_for_line("! lost the connection to "));
  server.emplace(std::vector<std::string>{}, port);
  CHECK(ann.wait_for_line(
      "* the server does not know you from before; what was said while you were away cannot be shown"));
  CHECK(ann.wait_for_line("* you are in den, with 0 others"));
  CHECK(ben.wait_for_line("* you are in lobby, with "));
  ben.write("/join den\n");
  CHECK(ben.wait_for_line("* you are in den, with 1 other"));
  ben.write("here we are\n");
  CHECK(ann.wait_for_line("<Ben> here we are"));
  for (Person* person : {&ann, &ben}) {
    person->close_input();
    CHECK(ending(*person) == well);
  }
}

TEST_CASE("tcp_chat client says once that the server stops") {
  ChatServer server;
  Person ann(server, "Ann");
  server.send_signal(SIGTERM);
  CHECK(ann.wait_for_line("* the server is stopping"));
  CHECK(ann.wait_for_line("* trying again, with longer and longer pauses"));
  CHECK(ann.output().find("lost") == std::string::npos);
}

TEST_CASE("tcp_chat client asks for HOST PORT where it gets a port alone, or both in one word") {
  for (const std::string host : {"8000", "localhost:8000"}) {
    const std::string hint = host + " is no host; say HOST PORT, as in 127.0.0.1 8000";
    for (const auto& words : {command("tcp_chat", {"client", host}), command("udp_chat", {"join", host, "7000"})}) {
      const Outcome outcome = run_to_end(words);
      CHECK(outcome.exit == used_wrongly);
      CHECK(outcome.errors.find(hint) != std::string::npos);
    }
  }
  const Outcome ipv6 = run_to_end(command("tcp_chat", {"client", "::1", "1", "--name", "Ann"}));
  CHECK(ipv6.exit == failed);
}

TEST_CASE("tcp_chat client --room in a pipe: says nothing elsewhere where it may not go there") {
  ChatServer server;
  Guest ben = server.join("Ben");
  ben.say("/join den");
  CHECK(ben.hear() == "* you are in den, with 0 others");
  ben.say("/ban Ann");
  CHECK(ben.hear() == "* Ben banned Ann");
  Guest eve = server.join("Eve");
  for (const auto& [room, why] :
       {std::pair{"Den", "you are banned there"}, std::pair{"two words", "a name has no spaces"}}) {
    const std::vector<std::string> words = client(server.port, {"--name", "Ann", "--room", room});
    Process ann(words);
    ann.write("not for the lobby\n");
    CHECK(ending(ann) == failed);
    CHECK(ann.errors() == "cannot go to the room " + std::string(room) + ": " + why + "\n");
    CHECK(ann.output().find("! ") == std::string::npos);
    CHECK(eve.hear() == "* Ann joined");
    CHECK(eve.hear() == "* Ann left");  // and does not come back
  }
  Process json(client(server.port, {"--name", "Ann", "--room", "den", "--json"}));
  CHECK(ending(json) == failed);
  CHECK(json.output().find("{\"kind\":\"error\",\"text\":\"cannot go to the room den: you are banned there\"}\n") !=
        std::string::npos);
  Process there(client(server.port, {"--name", "Kim", "--room", "#LOBBY"}));  // is no refusal
  there.write("for the lobby\n");
  CHECK(eve.hear_until("<Kim> for the lobby") == "* Ann joined\n* Ann left\n* Kim joined\n");
  there.close_input();
  CHECK(ending(there) == well);
}

TEST_CASE("tcp_chat client that was sent to the lobby stays there, and one that was sent away does not come back") {
  const TemporaryFolder folder;
  ChatServer server({"--operator-password-file", folder.write("password", "sesame\n")});
  Person ann(server, "Ann", {"--room", "den"});
  CHECK(ann.wait_for_line("* you are in den"));
  Person ben(server, "Ben", {"--room", "den"});
  CHECK(ben.wait_for_line("* you are in den"));
  ann.write("/kick Ben\n");
  CHECK(ben.wait_for_line("! kicked by Ann"));
  CHECK(ben.wait_for_line("* you are in lobby, with 0 others"));
  ann.write("/leave\n/oper sesame\n/kick Ben too loud\n");
  CHECK(ann.wait_for_line("* Ben left (kicked by Ann: too loud)"));
  CHECK(ending(ben) == failed);
  CHECK(ben.output().ends_with("! kicked by Ann: too loud\n"));
  CHECK(ben.errors().empty());
}

TEST_CASE("tcp_chat client ends at Ctrl-C while it waits for a server") {
  PlayedServer played;
  Process ann(client(played.listener.port(), {"--name", "Ann"}));
  {
    RawSocket server = played.accept("/numbered 1 Ann");
    server.send("session 0123 77 5 lobby Ann\n6 1700000000000 text Ben hi\n");
    CHECK(ann.wait_for_line("<Ben> hi"));
    server.reset();
  }
  CHECK(ann.wait_for_line("! lost the connection to "));
  ann.send_signal(SIGINT);
  CHECK(ending_after(ann, SIGINT) == well);
}

// ---- At a terminal --------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat client at a terminal: a prompt, times and colours") {
  ChatServer server;
  Guest ben = server.join("Ben");
  AtTerminal ann(server.port, {"--name", "Ann"});
  REQUIRE(ann.wait_for("Ann@lobby> "));
  CHECK(ben.hear() == "* Ann joined");
  ann.type("half a li");
  REQUIRE(ann.wait_for("half a li"));
  ben.say("hi");
  REQUIRE(ann.wait_for("<Ben>\x1b[0m hi\r"));
  REQUIRE(ann.wait_for("half a li"));  // what was being typed is there again
  ann.type("ne\r");
  CHECK(ben.hear() == "<Ann> half a line");
  const std::string shown = without_escapes(ann.output());
  const std::size_t at = shown.find(" <Ben> hi");
  REQUIRE(at != std::string::npos);
  CHECK(shown[at - 3] == ':');  // 12:00
  ann.type("/history\r");
  REQUIRE(ann.wait_for("<Ann> half a line"));
  CHECK(without_escapes(ann.output()).find("* " + shown.substr(at - 5, 3)) != std::string::npos);
  CHECK(without_escapes(ann.output()).find(" * " + shown.substr(at - 5, 3)) == std::string::npos);
  ann.type("/nick Anna\r");
  CHECK(ann.wait_for("Anna@lobby> "));
  ann.type("/join den\r");
  CHECK(ann.wait_for("Anna@den> "));
  SECTION("Ctrl-D") { ann.type("\x04"); }
  SECTION("Ctrl-C") { ann.type("\x03"); }
  SECTION("/quit") { ann.type("/quit\r"); }
  CHECK(ann.ending() == well);
  CHECK(ann.has_modes_of_before());
  CHECK(ben.hear_until("* Anna left (went to den)") == "* Ann is now Anna\n");
}

TEST_CASE("tcp_chat client at a terminal says why it cannot connect on a row of its own") {
  const std::uint16_t port = RawSocket::listen().port();
  AtTerminal ann(port, {"--name", "Ann", "--no-color"});
  CHECK(ann.ending() == failed);
  const std::string shown = without_escapes(ann.output());
  CHECK(shown.find("cannot connect to ") != std::string::npos);
  CHECK(shown.find("> cannot connect to ") == std::string::npos);
}

TEST_CASE("tcp_chat client at a terminal waits for no connection only to leave") {
  PlayedServer played;
  AtTerminal ann(played.listener.port(), {"--name", "Ann"});
  {
    RawSocket server = played.accept("/numbered 1 Ann");
    server.send("session 0123 77 5 lobby Ann\n");
    REQUIRE(ann.wait_for("Ann@lobby> "));
    played.listener.close();
  }
  REQUIRE(ann.wait_for("trying again"));
  SECTION("Ctrl-D") { ann.type("\x04"); }
  SECTION("/quit") { ann.type("/quit\r"); }
  CHECK(ann.ending(std::chrono::seconds(5)) == well);
  CHECK(ann.has_modes_of_before());
}

TEST_CASE("tcp_chat client at a terminal says that it waits to deliver what was typed, and what it did not") {
  PlayedServer played;
  AtTerminal ann(played.listener.port(), {"--name", "Ann", "--no-color"});
  {
    RawSocket server = played.accept("/numbered 1 Ann");
    server.send("session 0123 77 5 lobby Ann\n");
    REQUIRE(ann.wait_for("Ann@lobby> "));
    played.listener.close();
  }
  REQUIRE(ann.wait_for("trying again"));
  ann.type("one\rtwo\r");
  SECTION("Ctrl-D") {
    ann.type("\x04");
    REQUIRE(ann.wait_for("* waiting to deliver 2 lines; Ctrl-C ends without that"));
  }
  SECTION("/quit") {
    ann.type("/quit\r");
    REQUIRE(ann.wait_for("* waiting to deliver 2 lines; Ctrl-C ends without that"));
  }
  SECTION("Ctrl-C alone") {}
  ann.type("\x03");
  CHECK(ann.ending(std::chrono::seconds(5)) == failed);
  CHECK(ann.has_modes_of_before());
  const std::string shown = without_escapes(ann.output());
  CHECK(shown.find("! not delivered: one") != std::string::npos);
  CHECK(shown.find("! not delivered: two") != std::string::npos);
  CHECK(shown.find("2 lines were not delivered\r\n") != std::string::npos);
}

TEST_CASE("tcp_chat client --no-color at a terminal") {
  ChatServer server;
  AtTerminal ann(server.port, {"--name", "Ann", "--no-color"});
  REQUIRE(ann.wait_for("Ann@lobby> "));
  Guest ben = server.join("Ben");
  ben.say("hi");
  REQUIRE(ann.wait_for("<Ben> hi"));
  for (std::size_t i = 0; (i = ann.output().find("\x1b[", i)) != std::string::npos; i += 2) {
    const std::size_t end = ann.output().find_first_not_of("0123456789;?", i + 2);
    CHECK(ann.output()[end] != 'm');
  }
}

TEST_CASE("tcp_chat client asks for a name, and for another one when it is refused") {
  ChatServer server;
  Guest ben = server.join("Ben");
  AtTerminal ann(server.port, {});
  REQUIRE(ann.wait_for("your name: "));
  ann.type("\rben\r");  // an empty one is no answer
  REQUIRE(ann.wait_for("! somebody has this name, or one that looks like it"));
  REQUIRE(ann.wait_for("another name: "));
  ann.type("a b\r");
  REQUIRE(ann.wait_for("! a name has no spaces"));
  REQUIRE(ann.wait_for("another name: "));
  ann.type("Ann\r");
  REQUIRE(ann.wait_for("Ann@lobby> "));
  CHECK(ben.hear() == "* Ann joined");
  ann.type("hi\r");
  CHECK(ben.hear() == "<Ann> hi");
  ann.type("\x04");
  CHECK(ann.ending() == well);
}

TEST_CASE("tcp_chat client --room at a terminal: stays in the lobby where it may not go there") {
  ChatServer server;
  AtTerminal ann(server.port, {"--name", "Ann", "--room", "two words"});
  REQUIRE(ann.wait_for("! cannot go to the room two words: a name has no spaces; you are in lobby"));
  Guest ben = server.join("Ben");
  ann.type("hi\r");
  CHECK(ben.hear() == "<Ann> hi");
  ann.type("\x04");
  CHECK(ann.ending() == well);
}

TEST_CASE("tcp_chat client may be asked for a name longer than the server waits") {
  ChatServer server({"--name-timeout", "1"});
  Guest ben = server.join("Ben");
  AtTerminal ann(server.port, {"--name", "BEN"});
  REQUIRE(ann.wait_for("another name: "));
  REQUIRE(ann.wait_for("! no name came in time"));
  ann.type("Ann\r");
  REQUIRE(ann.wait_for("Ann@lobby> "));
  CHECK(ben.hear() == "* Ann joined");
  CHECK(ann.output().find("lost the connection") == std::string::npos);
}

TEST_CASE("tcp_chat client at a terminal sends a pasted text, line by line") {
  ChatServer server({"--rate", "200"});
  Guest ben = server.join("Ben");
  AtTerminal ann(server.port, {"--name", "Ann"});
  REQUIRE(ann.wait_for("Ann@lobby> "));
  CHECK(ben.hear() == "* Ann joined");
  std::string paste;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    paste += "line " + std::to_string(i) + "\r";
    expected += "<Ann> line " + std::to_string(i) + "\n";
  }
  REQUIRE(ann.type("\x1b[200~" + paste + "\x1b[201~end\r"));
  CHECK(ben.hear_until("<Ann> end") == expected);
}
