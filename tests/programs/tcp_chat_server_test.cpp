// SPDX-License-Identifier: BSL-1.0
// tcp_chat server as a program: its options, its log, its start and its end.

#include "tcp_chat.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace programs;
using std::chrono::milliseconds;

namespace {

const std::string& greeting = ChatServer::greeting;

// In clock ticks, a hundredth of a second each
[[maybe_unused]] long processor_time(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  long user = 0, system = 0;
  fields >> user >> system;
  return user + system;
}

// A flat object of strings and numbers, whose strings need no more escapes than \" and \\ (RFC 8259).
bool is_flat_json(const std::string& text) {
  std::size_t i = 0;
  const auto take = [&](char c) { return i < text.size() && text[i] == c && ++i != 0; };
  const auto string = [&] {
    if (!take('"')) return false;
    for (; i < text.size() && text[i] != '"'; ++i) {
      if (static_cast<unsigned char>(text[i]) < 0x20) return false;
      if (text[i] == '\\' && (++i == text.size() || (text[i] != '"' && text[i] != '\\'))) return false;
    }
    return take('"');
  };
  const auto number = [&] {
    const std::size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i != begin;
  };
  if (!take('{')) return false;
  do {
    if (!string() || !take(':') || !(string() || number())) return false;
  } while (take(','));
  return take('}') && i == text.size();
}

}  // namespace

// ---- Options --------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat server: statistics may be asked for as soon as it says that it listens") {
  for (int i = 0; i < 20; ++i) {
    Process server(command("tcp_chat", {"server", "--port", "0"}));
    REQUIRE(server.wait_for("listening on "));
    server.send_signal(SIGUSR1);
    CHECK(server.wait_for("stats clients=0"));
  }
}

TEST_CASE("tcp_chat --max-clients") {
  ChatServer server({"--max-clients", "2"});
  Guest ann = server.join("Ann");
  {
    Guest ben = server.join("Ben");
    Guest more = server.connect();
    CHECK(more.socket.receive_to_end() == "! the server is full\n");
  }
  CHECK(ann.hear_until("* Ben left") == "* Ben joined\n");
  // His place is free a moment later.
  for (;;) {
    Guest eve = server.connect();
    eve.say("Eve");
    if (eve.hear() == "! the server is full") continue;
    CHECK(eve.hear() == "* you are in lobby, with 1 other");
    break;
  }
}

TEST_CASE("tcp_chat --unix listens at a path instead") {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "chat").string();
  Process server(command("tcp_chat", {"server", "--unix", path}));
  CHECK(server.wait_for_line("listening on ") == "listening on " + path);
  CHECK(server.wait_for_line("join it with ") == "join it with  nc -U " + path);
  ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(client, reinterpret_cast<const ::sockaddr*>(&address), sizeof address) == 0);
  char text[128] = {};
  REQUIRE(::recv(client, text, greeting.size() + 1, MSG_WAITALL) > 0);
  CHECK(text == greeting + "\n");
  ::close(client);
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("tcp_chat --motd") {
  ChatServer server({"--motd", "be kind\x1b[2J\n! to all"});
  Guest ann = server.connect();
  CHECK(ann.hear() == "* be kind[2J! to all");
  CHECK(ann.hear() == greeting);
}

TEST_CASE("tcp_chat --history: what a newcomer gets of what was said before") {
  ChatServer server({"--history", "3"});
  Guest ann = server.join("Ann");
  for (int i = 0; i < 5; ++i) ann.say("line " + std::to_string(i));
  ann.hear_so_far();
  Guest ben = server.connect();
  ben.say("Ben");
  CHECK(ben.hear() == greeting);
  CHECK(ben.hear() == "* you are in lobby, with 1 other");  // before what was said there
  const std::string end = "* what follows is new";
  CHECK(ben.hear_until(end) == "<Ann> line 2\n<Ann> line 3\n<Ann> line 4\n");
  ann.say("/join den");
  CHECK(ann.hear_until("* you are in den, with 0 others") == "* Ben joined\n");
  CHECK(ann.hear_so_far().empty());  // nothing was said there
  ann.say("in the den");
  CHECK(ann.hear_so_far().empty());  // it is said, also where Ben's connection is on another loop
  CHECK(ben.hear_until("* Ann left (went to den)").empty());
  ben.say("/join den");
  CHECK(ben.hear() == "* you are in den, with 1 other");
  CHECK(ben.hear_until(end) == "<Ann> in the den\n");
  ann.say("now");
  CHECK(ben.hear() == "<Ann> now");
  Numbered eve(server, "Eve");
  CHECK(eve.hear().ends_with(" text Ann line 2"));
  CHECK(eve.hear().ends_with(" text Ann line 3"));
  CHECK(eve.hear().ends_with(" text Ann line 4"));
  CHECK(eve.hear_record() == "notice - what follows is new");
}

TEST_CASE("tcp_chat --rate: a paste of 200 lines arrives, all of it and in order, at that rate") {
  ChatServer server({"--rate", "100"});
  Guest ann = server.join("Ann");
  Guest ben = server.join("Ben");
  CHECK(ann.hear() == "* Ben joined");
  std::string paste;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    paste += "line " + std::to_string(i) + "\n";
    expected += "<Ann> line " + std::to_string(i) + "\n";
  }
  const auto begin = std::chrono::steady_clock::now();
  ann.socket.send(paste + "end\n");
  ben.say("others are not slowed down");
  CHECK(ann.hear() == "<Ben> others are not slowed down");
  CHECK(ben.hear_until("<Ann> end") == expected);
  CHECK(std::chrono::steady_clock::now() - begin > milliseconds(900));
}

TEST_CASE("tcp_chat --rate counts commands, too") {
  ChatServer server({"--rate", "50"});
  Guest ann = server.join("Ann");
  std::string pings;
  for (int i = 0; i < 100; ++i) pings += "/ping\n";
  const auto begin = std::chrono::steady_clock::now();
  ann.socket.send(pings + "/ping end\n");
  CHECK(lines_of(ann.hear_until("* pong end")).size() == 100);
  CHECK(std::chrono::steady_clock::now() - begin > milliseconds(900));
}

TEST_CASE("tcp_chat --slow: who does not read is disconnected, or told what they missed; others are not delayed") {
  const std::string policy = GENERATE("disconnect", "skip");
  INFO(policy);
  ChatServer server({"--slow", policy, "--max-lag", "100000", "--rate", "0"});
  Guest ann = server.join("Ann");
  Guest ben = server.join("Ben");
  CHECK(ann.hear() == "* Ben joined");
  Guest slow = server.join("Slow", 4096);
  CHECK(ann.hear() == "* Slow joined");
  CHECK(ben.hear() == "* Slow joined");
  const std::string text(2000, 'x');
  std::string batch;
  for (int i = 0; i < 20; ++i) batch += text + "\n";
  // In lockstep, so that a quick one is never behind; more than the socket buffers hold.
  bool left = false;
  for (int i = 0; i < 400 && !left; ++i) {
    ann.socket.send(batch + "mark\n");
    const std::string heard = ben.hear_until("<Ann> mark");
    REQUIRE(heard.size() >= batch.size());
    left = heard.find("* Slow left (too slow)\n") != std::string::npos;
  }
  if (policy == "disconnect") {
    CHECK(left);
    CHECK(slow.socket.ends());
  } else {
    CHECK_FALSE(left);
    const std::string missed = slow.socket.receive_until("* you missed ");
    CHECK(missed.ends_with("\n* you missed "));
    CHECK(std::stoi(slow.hear()) > 100);
    ann.say("still here?");
    CHECK(slow.hear_until("<Ann> still here?").find("(not heard") == std::string::npos);
  }
}

TEST_CASE("tcp_chat sums up who comes and goes in big rooms") {
  ChatServer server({"--rate", "0"});
  std::vector<Guest> guests;
  guests.push_back(server.join("Ann"));
  for (int i = 0; i < 50; ++i) guests.push_back(server.join("guest" + std::to_string(i)));
  for (int i = 0; i < 50; ++i) {
    const std::string heard = guests[0].hear();
    if (i < 49) CHECK(heard == "* guest" + std::to_string(i) + " joined");
    if (i == 49) CHECK(heard == "* 1 joined");  // the 51st makes the room a big one
  }
  for (int i = 50; i < 80; ++i) guests.push_back(server.join("guest" + std::to_string(i)));
  int joined = 0;
  int lines = 0;
  while (joined < 30) {
    const std::string heard = guests[0].hear();
    REQUIRE(heard.ends_with(" joined"));
    joined += std::stoi(heard.substr(2));
    ++lines;
  }
  CHECK(joined == 30);
  CHECK(lines < 10);
  guests.erase(guests.begin() + 71, guests.end());
  int left = 0;
  while (left < 10) {
    const std::string heard = guests[0].hear();
    REQUIRE(heard.ends_with(" left"));
    left += std::stoi(heard.substr(2));
  }
  CHECK(left == 10);
}

// ---- The log --------------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat --log json prints an object a line, whatever people say") {
  Process server(command("tcp_chat", {"server", "--port", "0", "--log", "json", "--log-messages"}));
  const auto listening = server.wait_for_line("{\"time\":");
  REQUIRE(listening);
  const std::size_t at = listening->find("\"event\":\"listen\",\"address\":\"127.0.0.1:");
  REQUIRE(at != std::string::npos);
  const auto port = static_cast<std::uint16_t>(std::stoul(listening->substr(listening->rfind(':') + 1)));
  Guest ann(RawSocket::connect(port));
  ann.say("Ann");
  ann.say("\",\"event\":\"forged\"}\r{\"\\\x1b[2J\xff\xe2\x80\xa8");
  ann.say("/me \\");
  ann.say("/join den");
  ann.say("/topic \"}");
  ann.say("/nick Anna");
  ann.say("/quit");
  ann.socket.receive_to_end();
  server.send_signal(SIGUSR1);
  REQUIRE(server.wait_for("\"event\":\"stats\""));
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  const std::vector<std::string> lines = lines_of(server.output());
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(is_flat_json(line));
  }
  const auto has = [&](const std::string& text) { return server.output().find(text + "}\n") != std::string::npos; };
  CHECK(server.output().find(R"("event":"connect","name":"Ann","address":"127.0.0.1:)") != std::string::npos);
  CHECK(has(R"("event":"join","room":"lobby","name":"Ann")"));
  CHECK(has(R"("event":"message","room":"lobby","name":"Ann","text":"\",\"event\":\"forged\"}{\"\\[2J)"
            "\xef\xbf\xbd\""));
  CHECK(has(R"("event":"message","room":"lobby","name":"Ann","text":"*\\*")"));
  CHECK(has(R"("event":"leave","room":"lobby","name":"Ann")"));
  CHECK(has(R"("event":"open","room":"den")"));
  CHECK(has(R"("event":"rename","name":"Ann","to":"Anna")"));
  CHECK(has(R"("event":"close","room":"den")"));
  CHECK(has(R"("event":"stop")"));
}

TEST_CASE("tcp_chat: nobody forges a line of the log") {
  ChatServer server({"--log-messages"});
  Guest ann = server.join("Ann");
  ann.say("x\r2026-01-01 00:00:00 join room=lobby name=Ghost \"quoted\" \\");
  ann.say("word");
  ann.hear_so_far();
  REQUIRE(server.wait_for("text=word"));
  CHECK(
      server.has_output(" message room=lobby name=Ann text=\"x2026-01-01 00:00:00 join room=lobby name=Ghost "
                        "\\\"quoted\\\" \\\\\"\n"));
  for (const std::string& line : lines_of(server.output())) CHECK_FALSE(line.starts_with("2026-01-01 00:00:00"));
}

TEST_CASE("tcp_chat logs where somebody came from who has gone before the name was read") {
  ChatServer server;
  Guest eve = server.connect();
  CHECK(eve.hear() == ChatServer::greeting);
  server.send_signal(SIGSTOP);
  const std::string address = "address=127.0.0.1:" + std::to_string(eve.socket.port());
  eve.say("Eve");
  eve.socket.reset();
  server.send_signal(SIGCONT);
  CHECK(server.wait_for("connect name=Eve " + address));
}

TEST_CASE("tcp_chat logs what is said only where that was asked for, and nothing with --quiet") {
  {
    ChatServer server;
    Guest ann = server.join("Ann");
    ann.say("a secret");
    ann.hear_so_far();
    server.send_signal(SIGTERM);
    CHECK(ending_after(server, SIGTERM) == well);
    CHECK(server.output().find("join room=lobby name=Ann\n") != std::string::npos);
    CHECK(server.output().find("secret") == std::string::npos);
  }
  std::uint16_t port = RawSocket::listen().port();
  Process server(command("tcp_chat", {"server", "--port", std::to_string(port), "--quiet"}));
  for (;;) {  // until it listens; each try that is refused ends at once
    try {
      Guest ann(RawSocket::connect(port));
      CHECK(ann.hear() == greeting);
      break;
    } catch (const std::system_error& error) {
      REQUIRE(error.code() == std::errc::connection_refused);
      REQUIRE_FALSE(server.wait(milliseconds(1)));
    }
  }
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  CHECK(server.output().empty());
  CHECK(server.errors().empty());
}

TEST_CASE("tcp_chat is not held up by who does not read its log") {
  ChatServer server({"--log-messages", "--rate", "0"});
  Guest ann = server.join("Ann");
  Guest ben = server.join("Ben");
  const std::string text(1000, 'x');
  for (int i = 0; i < 300; ++i) {  // far more than a pipe holds
    ann.say(text);
    REQUIRE(ben.hear() == "<Ann> " + text);
  }
  ann.say(std::string(4000, '"'));
  REQUIRE(ben.hear().size() == 4006);
  REQUIRE(server.wait_for("name=Ben"));  // now somebody reads
  while (!server.has_output("log-dropped events=")) {
    ann.say("hi");
    REQUIRE(ben.hear() == "<Ann> hi");
  }
  ann.say(std::string(4000, '"'));
  REQUIRE(ben.hear().size() == 4006);
  std::string quotes;
  for (int i = 0; i < 1800; ++i) quotes += "\\\"";
  CHECK(server.wait_for(" name=Ann text=\"" + quotes + "...\"\n"));
}

TEST_CASE("tcp_chat prints its counters on SIGUSR1, and as often as asked for") {
  SECTION("on SIGUSR1") {
    ChatServer server;
    Guest ann = server.join("Ann");
    Guest ben = server.join("Ben");
    ann.say("hi");
    CHECK(ben.hear() == "<Ann> hi");
    server.send_signal(SIGUSR1);
    const auto line = server.wait_for(" stats ");
    REQUIRE(line);
    REQUIRE(server.wait_for("largest_lag="));
    CHECK(server.has_output(" stats clients=2 away=0 rooms=1 messages=3 "));
    CHECK(server.has_output(" dropped=0 too_slow=0 "));
  }
  SECTION("as often as asked for") {
    ChatServer server({"--stats-every", "1"});
    CHECK(server.wait_for(" stats clients=0 "));
    CHECK(server.wait_for(" stats clients=0 "));
  }
}

// ---- Start and end --------------------------------------------------------------------------------------------------

TEST_CASE("tcp_chat says where it listens and how to join") {
  for (const auto& [options, reach] : {std::pair{std::vector<std::string>{}, "127.0.0.1 "},
                                       std::pair{std::vector<std::string>{"--host", "::1"}, "::1 "}}) {
    ChatServer server(options);
    const std::string port = std::to_string(server.port);
    CHECK(server.wait_for_line("only this machine can reach it; --host 0.0.0.0 lets other machines in"));
    CHECK(server.wait_for_line("join it with ") ==
          "join it with  " + path_of("tcp_chat") + " client --name YOU " + reach + port);
    CHECK(server.wait_for_line("or with ") == "or with       nc " + std::string(reach) + port);
  }
}

TEST_CASE("tcp_chat explains itself") {
  for (const std::string command_word : {"", "server", "client"}) {
    INFO(command_word);
    std::vector<std::string> words{"--help"};
    if (!command_word.empty()) words.insert(words.begin(), command_word);
    const Outcome outcome = run_to_end(command("tcp_chat", words));
    CHECK(outcome.exit == well);
    CHECK(outcome.errors.empty());
    CHECK(outcome.output.starts_with("usage: tcp_chat " + command_word));
  }
  const std::string help = run_to_end(command("tcp_chat", {"server", "--help"})).output;
  const std::string all = run_to_end(command("tcp_chat", {"server", "--help-all"})).output;
  for (const std::string option : {"--host", "--port", "--compat", "--history", "--rate"}) {
    CHECK(help.find("\n  " + option) != std::string::npos);
    CHECK(all.find("\n  " + option) != std::string::npos);
  }
  for (const std::string option : {"--unix", "--max-clients", "--max-line", "--max-lag", "--slow", "--name-timeout",
                                   "--idle-timeout", "--link-timeout", "--motd", "--operator-password-file", "--log ",
                                   "--log-messages", "--stats-every", "--quiet"}) {
    CHECK(help.find("\n  " + option) == std::string::npos);
    CHECK(all.find("\n  " + option) != std::string::npos);
  }
}

TEST_CASE("tcp_chat tells wrong usage in one line, with status 2") {
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {"both"},
                                                    {"server", "--what"},
                                                    {"server", "x"},
                                                    {"server", "--port", "65536"},
                                                    {"server", "--port"},
                                                    {"server", "--slow", "maybe"},
                                                    {"server", "--log", "xml"},
                                                    {"server", "--compat", "irc"},
                                                    {"server", "--compat", "hii", "--unix", "/tmp/x"},
                                                    {"server", "--threads", "0"},
                                                    {"server", "--threads", "65"},
                                                    {"server", "--compat", "hii", "--threads", "2"},
                                                    {"server", "--link-timeout", "0"},
                                                    {"client", "--name", "Ann", "--link-timeout", "3601"},
                                                    {"server", "--quiet=yes"},
                                                    {"server", "--what\x1b[2J"},
                                                    {"client"},
                                                    {"client", "localhost"},
                                                    {"client", "localhost", "x"},
                                                    {"client", "localhost", "1", "2"},
                                                    {"client", "--compat", "hii", "localhost", "1"},
                                                    {"client", "localhost", "1"}};  // no name, and nobody to ask
  for (const auto& words : wrong) {
    const Outcome outcome = run_to_end(command("tcp_chat", words));
    INFO(outcome.errors);
    CHECK(outcome.exit == used_wrongly);
    CHECK(outcome.output.empty());
    CHECK(outcome.errors.starts_with("tcp_chat"));
    CHECK(lines_of(outcome.errors).size() == 1);
    CHECK(outcome.errors.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("tcp_chat names the numbers that an option takes, and refuses others") {
  const std::vector<std::pair<std::string, std::string>> ranges{{"--threads", "1 to 64"},
                                                                {"--link-timeout", "1 to 3600"},
                                                                {"--name-timeout", "1 to 4294967295"},
                                                                {"--max-line", "1 to 2147483648, or as 64K, 10M, 2G"},
                                                                {"--history", "0 to 4294967295"},
                                                                {"--port", "0 to 65535"}};
  for (const auto& [option, range] : ranges) {
    for (const std::string wrong : {"x", "", "-1", "1.5", "99999999999999999999"}) {
      const Outcome outcome = run_to_end(command("tcp_chat", {"server", option, wrong}));
      CHECK(outcome.exit == used_wrongly);
      CHECK(outcome.errors.starts_with("tcp_chat server: " + option + " needs a number from " + range + ", not \"" +
                                       wrong + "\" ("));
    }
    const bool takes_none = range.starts_with('1');
    CHECK((run_to_end(command("tcp_chat", {"server", option, "0", "--what"})).errors.find("needs") !=
           std::string::npos) == takes_none);
  }
}

TEST_CASE("tcp_chat --compat refuses options that would have no effect, and takes those that have") {
  const auto run = [](std::vector<std::string> words) { return run_to_end(command("tcp_chat", words)); };
  for (const std::string option :
       {"--history", "--threads", "--max-line", "--name-timeout", "--idle-timeout", "--link-timeout",
        "--resume-timeout", "--stats-every", "--unix", "--motd", "--operator-password-file"}) {
    const Outcome outcome = run({"server", "--compat", "welcome", option, "1"});
    CHECK(outcome.exit == used_wrongly);
    CHECK(outcome.errors ==
          "tcp_chat server: --compat welcome has no use for " + option + " (tcp_chat server --help tells more)\n");
  }
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{{"hello", "--rate", "1"},
                                                                                       {"echo-chat", "--max-lag=70000"},
                                                                                       {"hii", "--slow", "skip"},
                                                                                       {"hii", "--log", "json"},
                                                                                       {"hii", "--log-messages"}}) {
    std::vector<std::string> words{"server", "--compat"};
    words.insert(words.end(), options.begin(), options.end());
    CHECK(run(words).exit == used_wrongly);
  }
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
           {"hii", "--name", "Ann", "--room", "den"}, {"welcome", "--name", "Ann"}, {"echo-chat", "--json"}}) {
    std::vector<std::string> words{"client", "--compat"};
    words.insert(words.end(), options.begin(), options.end());
    const Outcome outcome = run(words);
    CHECK(outcome.exit == used_wrongly);
    CHECK(lines_of(outcome.errors).size() == 1);
  }
  // What has an effect gets as far as listening.
  const RawSocket other = RawSocket::listen();
  const Outcome outcome =
      run({"server", "--compat", "hii", "--host", "127.0.0.1", "--port", std::to_string(other.port()), "--max-clients",
           "5", "--rate", "5", "--max-lag", "100000", "--name-timeout", "5", "--quiet"});
  CHECK(outcome.exit == failed);
  CHECK(outcome.errors.starts_with("cannot listen on "));
}

TEST_CASE("tcp_chat says that a port is in use") {
  const RawSocket other = RawSocket::listen();
  const std::string port = std::to_string(other.port());
  for (const std::string compat : {"", "hello"}) {
    std::vector<std::string> words{"server", "--port", port};
    if (!compat.empty()) words.insert(words.end(), {"--compat", compat});
    const Outcome outcome = run_to_end(command("tcp_chat", words));
    CHECK(outcome.exit == failed);
    CHECK(outcome.output.empty());
    CHECK(outcome.errors == "cannot listen on 127.0.0.1:" + port + ": Address already in use\n");
  }
}

TEST_CASE("tcp_chat ends at SIGTERM and Ctrl-C: everybody is told, and has got what was said before") {
  for (const int signal : {SIGTERM, SIGINT}) {
    Den den;
    Guest nameless = den.server.connect();
    CHECK(nameless.hear() == greeting);
    std::string expected;
    for (int i = 0; i < 10; ++i) {
      den.ben->say("last words " + std::to_string(i));
      expected += "<Ben> last words " + std::to_string(i) + "\n";
    }
    den.ben->hear_so_far();
    den.server.send_signal(signal);
    CHECK(ending_after(den.server, signal) == well);
    CHECK(den.ann->socket.receive_to_end() == expected + "* the server is stopping\n");
    CHECK(den.ben->socket.receive_to_end() == "* the server is stopping\n");
    CHECK(den.eve->socket.receive_to_end() == "* the server is stopping\n");
    CHECK(nameless.socket.receive_to_end() == "* the server is stopping\n");
    CHECK(den.server.errors().empty());
  }
}

TEST_CASE("tcp_chat does not wait forever for who does not read, and not at all at a second signal") {
  ChatServer server({"--max-lag", "100000000", "--rate", "0"});
  Guest ann = server.join("Ann");
  Guest ben = server.join("Ben");
  Guest slow = server.join("Slow", 4096);
  std::string batch;
  for (int i = 0; i < 500; ++i) batch += std::string(2000, 'x') + "\n";
  for (int i = 0; i < 20; ++i) {  // far more than the socket buffers hold
    ann.socket.send(batch + "mark\n");
    REQUIRE(ben.hear_until("<Ann> mark").size() > batch.size());
  }
  server.send_signal(SIGTERM);
  SECTION("the deadline") {
    CHECK(ben.hear() == "* the server is stopping");
    CHECK(ending(server) == well);
  }
  SECTION("a second signal") {
    CHECK(ben.hear() == "* the server is stopping");
    CHECK_FALSE(server.wait(milliseconds(20)));  // signals as close as that count as one
    server.send_signal(SIGTERM);
    CHECK(ending(server) == "signal 15");
  }
}

TEST_CASE("tcp_chat ends at SIGTERM while people talk") {
  ChatServer server({"--rate", "0"});
  Guest ann = server.join("Ann");
  Guest ben = server.join("Ben");
  server.send_signal(SIGTERM);
  const std::string text = std::string(1000, 'x') + '\n';
  while (ann.socket.try_send(text) && !ben.socket.receive_until("\n", milliseconds(100)).empty()) {
  }
  CHECK(ending(server) == well);
  CHECK(server.errors().empty());
}

TEST_CASE("tcp_chat lives on when nobody reads its output any more, and ignores its input") {
  const std::string script = "{ \"$0\" \"$@\" </dev/null & echo pid $! >&2; wait $!; echo status $? >&2; } | head -n 1";
  Process shell(in_shell(script, command("tcp_chat", {"server", "--port", "0"})));
  const std::uint16_t port = port_of(shell);
  REQUIRE(shell.wait_for_error("pid "));
  REQUIRE(shell.wait_for_error("\n"));
  const int id = std::stoi(shell.errors().substr(shell.errors().find("pid ") + 4));
  for (const std::string name : {"Ann", "Ben"}) {
    Guest guest(RawSocket::connect(port));
    guest.say(name + "\n/quit");
    CHECK(lines_of(guest.socket.receive_to_end()).size() >= 2);
  }
  ::kill(id, SIGTERM);
  if (signals_may_stall && !shell.wait_for_error("status ", std::chrono::seconds(2))) ::kill(id, SIGTERM);
  CHECK(ending(shell) == well);
  CHECK(shell.errors().ends_with("\nstatus 0\n"));
}

TEST_CASE("tcp_chat: a storm of connections leaves nothing behind") {
  ChatServer server;
  Guest ann = server.join("Ann");
  const auto descriptors = [&] {
    const auto folder = std::filesystem::directory_iterator("/proc/" + std::to_string(server.id()) + "/fd");
    return std::distance(begin(folder), end(folder));
  };
  const auto before = descriptors();
  for (int i = 0; i < 1000; ++i) RawSocket::connect(server.port).reset();
  Guest last = server.join("Last");  // connections are accepted in order
  CHECK(ann.hear() == "* Last joined");
  // With several loops, the one that has a connection closes it a moment later.
  CHECK(comes_true([&] { return descriptors() <= before + 3; }));
}

// The undefined behaviour sanitizer opens a pipe for its checks of virtual calls, and takes its failure for a fault.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("tcp_chat lives with few descriptors") {
  // As many as there are descriptors for; others are told, and not left waiting.
  ChatServer server(ChatServer::InShell{}, "ulimit -n 40; exec \"$0\" \"$@\"", {"--max-clients", "1000"});
  std::vector<Guest> guests;
  for (int i = 0; i < 60; ++i) guests.push_back(server.connect());
  for (std::size_t i = 0; i < 20; ++i) CHECK(guests[i].hear() == greeting);
  for (std::size_t i = 20; i < 60; ++i) CHECK(guests[i].socket.receive_to_end() == "! the server is full\n");
  guests[0].say("Ann");
  CHECK(guests[0].hear() == "* you are in lobby, with 0 others");
  guests.erase(guests.begin() + 1, guests.end());
  for (;;) {  // a moment later there is a place
    Guest ben = server.connect();
    ben.say("Ben");
    if (ben.hear() == "! the server is full") continue;
    CHECK(ben.hear() == "* you are in lobby, with 1 other");
    break;
  }
}

TEST_CASE("tcp_chat waits for descriptors without turning round and round") {
  ChatServer server(ChatServer::InShell{}, "ulimit -n 16; exec \"$0\" \"$@\"", {"--compat", "echo-chat"});
  std::vector<RawSocket> guests;
  for (int i = 0; i < 40; ++i) guests.push_back(RawSocket::connect(server.port));
  guests[0].send("x");
  CHECK(guests[0].receive_until("x") == "Server received your message: x");
  guests.back().send("z");
  const long before = processor_time(server.id());
  CHECK(guests.back().receive_until("z", milliseconds(500)).empty());  // nobody has accepted it
  CHECK(processor_time(server.id()) - before < 25);
  for (std::size_t i = 1; i < 39; ++i) guests[i].close();
  CHECK(guests.back().receive_until("z") == "Server received your message: z");
}
#endif
