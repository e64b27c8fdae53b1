// SPDX-License-Identifier: BSL-1.0
// hello_tcp and hello_udp against the originals that they replace, byte for byte: played with plain system calls and,
// where python3 is there, by the Python programs themselves.

#include <csignal>
#include <string>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"

using namespace programs;

namespace {

constexpr const char* greeting = "Thank you for connecting";

struct HelloServer : Process {
  explicit HelloServer(const std::string& program)
      : Process(command(program, {"server", "--host", "127.0.0.1", "--port", "0"})), port(port_of(*this)) {}
  std::uint16_t port;
};

std::vector<std::string> client(const std::string& program, std::uint16_t port) {
  return command(program, {"client", "--port", std::to_string(port)});
}

}  // namespace

TEST_CASE("hello_tcp server greets and closes") {
  HelloServer server("hello_tcp");
  for (int i = 0; i < 3; ++i) {
    RawSocket original = RawSocket::connect(server.port);
    const std::string from = "127.0.0.1:" + std::to_string(original.port());
    CHECK(original.receive_to_end() == greeting);
    CHECK(server.wait_for_line("greeted " + from) == "greeted " + from);
  }
}

TEST_CASE("hello_tcp server serves on whatever a client does") {
  HelloServer server("hello_tcp");
  RawSocket::connect(server.port).reset();
  RawSocket::connect(server.port).close();
  {
    RawSocket talks = RawSocket::connect(server.port);
    talks.try_send("nobody asked");
  }
  const RawSocket silent = RawSocket::connect(server.port);
  CHECK(RawSocket::connect(server.port).receive_to_end() == greeting);
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  CHECK(server.errors().empty());
}

TEST_CASE("hello_tcp server listens on all interfaces unless told otherwise") {
  Process server(command("hello_tcp", {"server", "--port", "0"}));
  const std::uint16_t port = port_of(server);
  CHECK(server.wait_for_line("other machines can reach it"));
  RawSocket v4 = RawSocket::connect(port);
  CHECK(v4.receive_to_end() == greeting);
  // Not as an IPv4 address mapped into IPv6
  CHECK(server.wait_for_line("greeted 127.0.0.1:" + std::to_string(v4.port())));
}

TEST_CASE("hello_tcp client prints what it receives at once, and closes") {
  RawSocket original = RawSocket::listen();
  Process process(client("hello_tcp", original.port()));
  RawSocket peer = original.accept();
  SECTION("the greeting") {
    peer.send(greeting);
    CHECK(ending(process) == well);  // without waiting for the end of the stream
    CHECK(process.output() == std::string(greeting) + "\n");
    CHECK(peer.receive_to_end().empty());  // it has sent nothing
  }
  SECTION("what does not belong on a terminal") {
    peer.send("\x1b[2Jh\xc3\xa9llo\x07\xff\n");
    CHECK(ending(process) == well);
    CHECK(process.output() == "[2Jh\xc3\xa9llo\xef\xbf\xbd\n");
  }
  SECTION("at most 1024 bytes") {
    peer.send(std::string(5000, 'x'));
    CHECK(ending(process) == well);
    CHECK(process.output() == std::string(1024, 'x') + "\n");
  }
  SECTION("nothing") {
    peer.close();
    CHECK(ending(process) == failed);
    CHECK(process.output().empty());
    CHECK(process.errors() == "cannot receive from 127.0.0.1:" + std::to_string(original.port()) + ": End of stream\n");
  }
  SECTION("a reset") {
    peer.reset();
    CHECK(ending(process) == failed);
    CHECK(process.errors().find(": Connection reset by peer\n") != std::string::npos);
  }
}

TEST_CASE("hello_udp server answers each datagram to where it came from") {
  HelloServer server("hello_udp");
  RawSocket one = RawSocket::udp(), other = RawSocket::udp();
  one.send_to(server.port, "Hello UDP Server");
  other.send_to(server.port, "");
  const std::pair<std::string, std::uint16_t> answer("Hello UDP Client", server.port);
  CHECK(one.receive_from() == answer);
  CHECK(other.receive_from() == answer);
  const std::string from = "127.0.0.1:" + std::to_string(one.port()) + ": ";
  CHECK(server.wait_for_line(from) == from + "Hello UDP Server");
  CHECK(server.wait_for_line("127.0.0.1:" + std::to_string(other.port()) + ": "));

  one.send_to(server.port, std::string(1024, 'a'));
  CHECK(server.wait_for_line(from) == from + std::string(1024, 'a'));
  one.send_to(server.port, std::string(1025, 'b'));
  CHECK(server.wait_for_line(from) == from + std::string(1024, 'b') + " (and more, which did not fit)");
  one.send_to(server.port, "\x1b]0;title\x07\xc3\xa9\nforged");
  CHECK(server.wait_for_line(from) == from + "]0;title\xc3\xa9" + "forged");
  for (int i = 0; i < 3; ++i) CHECK(one.receive_from() == answer);
}

TEST_CASE("hello_udp server does not mind a client that has gone") {
  HelloServer server("hello_udp");
  for (int i = 0; i < 20; ++i) RawSocket::udp().send_to(server.port, "bye");
  RawSocket client = RawSocket::udp();
  client.send_to(server.port, "still there?");
  CHECK(client.receive_from().first == "Hello UDP Client");
  server.send_signal(SIGINT);
  CHECK(ending_after(server, SIGINT) == well);
}

TEST_CASE("hello_udp client sends one datagram and prints the answer") {
  RawSocket original = RawSocket::udp();
  Process process(client("hello_udp", original.port()));
  const auto [message, from] = original.receive_from();
  CHECK(message == "Hello UDP Server");
  RawSocket stranger = RawSocket::udp();
  stranger.send_to(from, "not from the one that was asked");
  original.send_to(from, "Hello UDP Client");
  CHECK(ending(process) == well);
  CHECK(process.output() == "Hello UDP Client\n");
}

TEST_CASE("hello_udp client gives up after 5 seconds") {
  const RawSocket silent = RawSocket::udp();
  const std::string port = std::to_string(silent.port());
  const Outcome outcome = run_to_end(command("hello_udp", {"client", "--port", port}));
  CHECK(outcome.exit == failed);
  CHECK(outcome.errors == "no answer from 127.0.0.1:" + port + " within 5 s: Timed out\n");
}

TEST_CASE("both ends of hello_tcp and hello_udp") {
  for (const std::string program : {"hello_tcp", "hello_udp"}) {
    HelloServer server(program);
    const Outcome outcome = run_to_end(client(program, server.port));
    CHECK(outcome.exit == well);
    CHECK(outcome.output == (program == "hello_tcp" ? std::string(greeting) : "Hello UDP Client") + "\n");
  }
}

TEST_CASE("hello_tcp and hello_udp with the Python originals") {
  if (!have_python()) {
    WARN("skipped: there is no python3");
    return;
  }
  SECTION("their TCP client") {
    HelloServer server("hello_tcp");
    const std::string port = std::to_string(server.port);
    const Outcome outcome = run_to_end(python("import socket\ns = socket.socket()\ns.connect(('127.0.0.1', " + port +
                                              "))\nprint(s.recv(1024))\ns.close()"));
    CHECK(outcome.output == "b'Thank you for connecting'\n");
  }
  SECTION("their TCP server") {
    Process server(
        python("import socket\ns = socket.socket()\ns.bind(('', 0))\ns.listen(5)\n"
               "print('listening on :%d' % s.getsockname()[1])\nwhile True:\n  c, addr = s.accept()\n  c.send(b'Thank "
               "you for connecting')\n  c.close()"));
    CHECK(run_to_end(client("hello_tcp", port_of(server))).output == std::string(greeting) + "\n");
  }
  SECTION("their UDP client") {
    HelloServer server("hello_udp");
    const Outcome outcome =
        run_to_end(python("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                          "s.sendto(b'Hello UDP Server', ('127.0.0.1', " +
                          std::to_string(server.port) + "))\nprint(s.recvfrom(1024)[0])"));
    CHECK(outcome.output == "b'Hello UDP Client'\n");
  }
  SECTION("their UDP server") {
    Process server(
        python("import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('127.0.0.1', 0))\n"
               "print('listening on :%d' % s.getsockname()[1])\nwhile True:\n  message, address = s.recvfrom(1024)\n"
               "  print(message)\n  s.sendto(b'Hello UDP Client', address)"));
    CHECK(run_to_end(client("hello_udp", port_of(server))).output == "Hello UDP Client\n");
    CHECK(server.wait_for_line("b'Hello UDP Server'"));
  }
}
