// SPDX-License-Identifier: BSL-1.0
// What holds for each of the programs.

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"

using namespace programs;

namespace {

using Words = std::vector<std::string>;

struct Server {
  std::string program;
  Words arguments;  // what goes before the options
  bool tcp = true;
};
const std::vector<Server> servers{{"hello_tcp", {"server"}},
                                  {"hello_udp", {"server"}, false},
                                  {"threaded_chat", {}},
                                  {"echo_server", {}},
                                  {"coroutine_chat", {"server"}}};
const std::vector<std::string> clients{"hello_tcp", "hello_udp", "coroutine_chat"};
const std::vector<std::string> all{"hello_tcp",      "hello_udp", "threaded_chat", "echo_server", "timeout",
                                   "coroutine_chat", "udp_peer",  "chat_demo",     "file_copy"};

bool has_endpoint(const std::string& program) { return program != "timeout" && program != "chat_demo"; }

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}
Words start(const Server& server, const Words& options = {"--host", "127.0.0.1", "--port", "0"}) {
  return command(server.program, with(server.arguments, options));
}

std::size_t count_lines(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += c == '\n';
  return count;
}

}  // namespace

TEST_CASE("every program explains itself") {
  for (const std::string& program : all) {
    INFO(program);
    const Outcome outcome = run_to_end(command(program, {"--help"}));
    CHECK(outcome.exit == well);
    CHECK(outcome.output.starts_with("usage: " + program));
    CHECK(outcome.errors.empty());
    CHECK(outcome.output.ends_with("  --help            this text\n"));
    for (const std::string option : {"--host", "--port"})
      CHECK((outcome.output.find(option) != std::string::npos) == has_endpoint(program));
  }
  const std::string help = run_to_end(command("threaded_chat", {"--port", "70000", "-h"})).output;
  CHECK(help.find("(127.0.0.1)\n") != std::string::npos);
  CHECK(help.find("(8000)\n") != std::string::npos);
}

TEST_CASE("each program tells its version") {
  for (const std::string& program : all) {
    if (program == "chat_demo") continue;  // which only shows another
    const Outcome outcome = run_to_end(command(program, {"--version"}));
    CHECK(outcome.exit == well);
    CHECK(outcome.output.starts_with(program + " (parley) "));
    CHECK(count_lines(outcome.output) == 1);
  }
}

TEST_CASE("numbers of bytes may have a unit") {
  for (const std::string value : {"1M", "1024K", "1048576"}) {
    Process server(command("tcp_chat", {"server", "--port", "0", "--max-lag", value}));
    CHECK(port_of(server) != 0);
  }
  for (const std::string value : {"M", "1MB", "1m", "-1K", "1 M", "1.5M", "17179869184G", "99999999999999999999K"}) {
    const Outcome outcome = run_to_end(command("tcp_chat", {"server", "--max-lag", value}));
    CHECK(outcome.exit == used_wrongly);
    CHECK(outcome.errors.find("or as 64K, 10M, 2G, not \"" + value) != std::string::npos);
  }
}

TEST_CASE("wrong usage is told in one line, with status 2") {
  for (const std::string& program : all) {
    INFO(program);
    const bool has_commands = program.starts_with("hello") || program == "coroutine_chat" || program == "file_copy";
    const Words good = program == "file_copy"   ? Words{"receive", "a_file"}
                       : has_commands           ? Words{"server"}
                       : program == "chat_demo" ? Words{path_of("coroutine_chat")}
                                                : Words{};
    std::vector<Words> wrong{with(good, {"--what"}), with(good, {"what"}), with(good, {"--what\x1b[2J", "x"})};
    if (has_commands) wrong.insert(wrong.end(), {Words{}, Words{"both"}, Words{"server", "client"}});
    if (program == "chat_demo") wrong.push_back({});
    if (has_endpoint(program))
      for (const std::string value : {"", "x", "-1", "65536", "80 ", "0x50", "123456789012345678901234567890"})
        wrong.push_back(with(good, {"--port", value}));
    if (has_endpoint(program)) wrong.push_back(with(good, {"--port"}));
    for (const Words& words : wrong) {
      const Outcome outcome = run_to_end(command(program, words));
      INFO(outcome.errors);
      CHECK(outcome.exit == used_wrongly);
      CHECK(outcome.output.empty());
      CHECK(outcome.errors.starts_with(program + ": "));
      CHECK(count_lines(outcome.errors) == 1);
      CHECK(outcome.errors.find('\x1b') == std::string::npos);
    }
  }
}

TEST_CASE("a port in use is told, with status 1") {
  for (const Server& server : servers) {
    const RawSocket other = server.tcp ? RawSocket::listen() : RawSocket::udp();
    const std::string port = std::to_string(other.port());
    const Outcome outcome = run_to_end(start(server, {"--host=127.0.0.1", "--port=" + port}));
    CHECK(outcome.exit == failed);
    CHECK(outcome.output.empty());
    CHECK(outcome.errors == "cannot listen on 127.0.0.1:" + port + ": Address already in use\n");
  }
}

TEST_CASE("a name that does not resolve, an address that is not here") {
  for (const Server& server : servers) {
    INFO(server.program);
    const Outcome name = run_to_end(start(server, {"--host", "no-such-host.invalid"}));
    CHECK(name.exit == failed);
    CHECK(name.errors.starts_with("cannot listen on no-such-host.invalid:"));
    CHECK(count_lines(name.errors) == 1);
    const Outcome address = run_to_end(start(server, {"--host", "192.0.2.1", "--port", "0"}));
    CHECK(address.exit == failed);
    CHECK(address.errors == "cannot listen on 192.0.2.1:0: Cannot assign requested address\n");
  }
  for (const std::string& client : clients) {
    INFO(client);
    const Outcome outcome = run_to_end(command(client, {"client", "--host", "no-such-host.invalid"}));
    CHECK(outcome.exit == failed);
    CHECK(outcome.output.empty());
    CHECK(outcome.errors.starts_with("cannot "));
    CHECK(outcome.errors.find("no-such-host.invalid:") != std::string::npos);
    CHECK(count_lines(outcome.errors) == 1);
  }
}

TEST_CASE("a client says that nobody listens") {
  for (const std::string& client : clients) {
    std::string port;
    {
      const RawSocket gone = client == "hello_udp" ? RawSocket::udp() : RawSocket::listen();
      port = std::to_string(gone.port());
    }
    const Outcome outcome = run_to_end(command(client, {"client", "--port", port}));
    CHECK(outcome.exit == failed);
    CHECK(outcome.output.empty());
    const std::string attempt = client == "hello_udp" ? "no answer from" : "cannot connect to";
    CHECK(outcome.errors == attempt + " 127.0.0.1:" + port + ": Connection refused\n");
  }
}

TEST_CASE("a server says who can reach it and how to join, and ends at Ctrl-C and SIGTERM") {
  for (const Server& server : servers) {
    for (const int signal : {SIGINT, SIGTERM}) {
      INFO(server.program);
      Process process(start(server));
      const auto port = std::to_string(port_of(process));
      CHECK(process.wait_for_line("only this machine can reach it; --host 0.0.0.0 "));
      const auto way = process.wait_for_line("join it with ");
      REQUIRE(way);
      CHECK(way->find(port) != std::string::npos);
      process.send_signal(signal);
      CHECK(ending_after(process, signal) == well);
      CHECK(process.output().starts_with("listening on 127.0.0.1:" + port + "\n"));
      CHECK(process.errors().empty());
    }
  }
}

TEST_CASE("a server that others can reach says so") {
  for (const Server& server : servers) {
    INFO(server.program);
    for (const std::string host : {"0.0.0.0", "*"}) {
      Process process(start(server, {"--host", host, "--port", "0"}));
      CHECK(port_of(process) != 0);
      CHECK(process.wait_for_line("other machines can reach it; --host 127.0.0.1 "));
    }
  }
}

TEST_CASE("Ctrl-C on a terminal leaves nothing behind") {
  for (const Server& server : servers) {
    INFO(server.program);
    Process process(start(server), Process::Input::terminal);
    REQUIRE(port_of(process) != 0);
    REQUIRE(process.wait_for_line("join it with "));
    process.write("\x03");
    CHECK(ending_after(process, SIGINT) == well);
    std::string shown = process.output();
    const std::size_t echo = shown.find("^C");  // which the terminal shows itself
    REQUIRE(echo != std::string::npos);
    shown.erase(echo, 2);
    REQUIRE(shown.ends_with("\r\n\r\n"));  // the prompt that follows begins on a line of its own
    const std::string last = shown.substr(shown.rfind('\n', shown.size() - 4) + 1);
    CHECK((last.starts_with("join it with ") || last.starts_with("or with ")));
  }
}

TEST_CASE("a client ends well at Ctrl-C") {
  for (const std::string& client : clients) {
    INFO(client);
    RawSocket silent = client == "hello_udp" ? RawSocket::udp() : RawSocket::listen();
    Process process(command(client, {"client", "--port", std::to_string(silent.port())}));
    if (client == "hello_udp") {
      silent.receive_from();
      process.send_signal(SIGINT);
      CHECK(ending_after(process, SIGINT) == well);
    } else {
      const RawSocket peer = silent.accept();
      process.send_signal(SIGINT);
      CHECK(ending_after(process, SIGINT) == well);
    }
    CHECK(process.output().empty());
    CHECK(process.errors().empty());
  }
}

TEST_CASE("a server lives on when nobody reads its output any more") {
  // `server | head -n 1`; the shell tells the process id, and in the end the status.
  const std::string script = "{ \"$0\" \"$@\" & echo pid $! >&2; wait $!; echo status $? >&2; } | head -n 1";
  for (const Server& server : servers) {
    INFO(server.program);
    Process shell(in_shell(script, start(server)));
    const std::uint16_t port = port_of(shell);
    REQUIRE(shell.wait_for_error("pid "));
    REQUIRE(shell.wait_for_error("\n"));
    RawSocket client = server.tcp ? RawSocket::connect(port) : RawSocket::udp();
    if (server.program == "hello_udp") {
      for (int i = 0; i < 3; ++i) {  // it prints each
        client.send_to(port, "still there?");
        CHECK(client.receive_from().first == "Hello UDP Client");
      }
    } else if (server.program == "hello_tcp") {
      CHECK(client.receive_to_end() == "Thank you for connecting");
      CHECK(RawSocket::connect(port).receive_to_end() == "Thank you for connecting");
    } else if (server.program == "echo_server") {
      client.send("still there?");
      CHECK(client.receive_until("?") == "still there?");
    } else if (server.program == "coroutine_chat") {
      CHECK(client.receive_until("\n") == "* welcome! Your first line is your name.\n");
    } else {
      RawSocket other = RawSocket::connect(port);
      other.send("still there?");
      CHECK(client.receive_until("?") == "still there?");
    }
    const std::size_t number = shell.errors().find("pid ") + 4;
    const int id = std::stoi(shell.errors().substr(number));
    ::kill(id, SIGTERM);
    if (signals_may_stall && !shell.wait_for_error("status ", std::chrono::seconds(2))) ::kill(id, SIGTERM);
    CHECK(ending(shell) == well);
    CHECK(shell.errors().ends_with("\nstatus 0\n"));
  }
}

TEST_CASE("closed standard streams are not mistaken for sockets") {
  for (const Server& server : servers) {
    INFO(server.program);
    // Its output is closed: the port has to be known beforehand.
    std::uint16_t port = 0;
    {
      const RawSocket probe = server.tcp ? RawSocket::listen() : RawSocket::udp();
      port = probe.port();
    }
    Process process(in_shell("exec \"$0\" \"$@\" <&- >&- 2>&-", start(server, {"--port", std::to_string(port)})));
    if (server.tcp) {
      for (;;) {  // until it listens; each try that is refused ends at once
        try {
          RawSocket client = RawSocket::connect(port);
          if (server.program == "hello_tcp") {
            CHECK(client.receive_to_end() == "Thank you for connecting");
          } else if (server.program == "coroutine_chat") {
            CHECK(client.receive_until("\n") == "* welcome! Your first line is your name.\n");
          } else {
            CHECK(client.receive_until("listening", std::chrono::milliseconds(50)).empty());
          }
          break;
        } catch (const std::system_error& error) {
          REQUIRE(error.code() == std::errc::connection_refused);
          REQUIRE_FALSE(process.wait(std::chrono::milliseconds(1)));
        }
      }
      for (const std::string number : {"0", "1", "2"})
        CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(process.id()) + "/fd/" + number) == "/dev/null");
      process.send_signal(SIGTERM);
      CHECK(ending_after(process, SIGTERM) == well);
    }
  }
  const Outcome help = run_to_end(in_shell("exec \"$0\" \"$@\" >/dev/full", command("timeout", {"--help"})));
  CHECK(help.exit == failed);
  CHECK(help.errors == "cannot write to standard output: No space left on device\n");
}

TEST_CASE("timeout tells timeouts and stop requests apart, and loses no bytes") {
  const Outcome outcome = run_to_end(command("timeout", {}));
  CHECK(outcome.exit == well);
  CHECK(outcome.errors.empty());
  for (const std::string line : {"nobody sends, within 50 ms:                           Timed out\n",
                                 "nobody sends, within 10 s, but stopped after 50 ms:   Cancelled\n",
                                 "10 bytes, of which 5 were sent:                       Timed out, after 5 bytes\n",
                                 "the other 5:                                          together \"helloworld\"\n",
                                 "a line, half of which was sent:                       Timed out\n",
                                 "the other half:                                       \"half a line\"\n",
                                 "64 MiB to a peer that does not read:                  Timed out, after "}) {
    INFO(line);
    CHECK(outcome.output.find(line) != std::string::npos);
  }
  const Outcome unread = run_to_end(in_shell("exec \"$0\" \"$@\" >/dev/full", command("timeout", {})));
  CHECK(unread.exit == failed);
  CHECK(unread.errors == "cannot write to standard output: No space left on device\n");
}
