// SPDX-License-Identifier: BSL-1.0

#include <csignal>
#include <string>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"

using namespace programs;

namespace {

struct EchoServer : Process {
  EchoServer() : Process(command("echo_server", {"--port", "0"})), port(port_of(*this)) {}
  std::uint16_t port;
};

}  // namespace

TEST_CASE("echo_server sends back every byte, to many at once") {
  EchoServer server;
  std::vector<RawSocket> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(RawSocket::connect(server.port));
  const std::string bytes("\0\xff\r\n\x1b[m.", 8);
  for (RawSocket& client : clients) client.send(bytes);
  for (RawSocket& client : clients) CHECK(client.receive_until(".") == bytes);
  for (RawSocket& client : clients) {
    client.send("end");
    client.half_close();
    CHECK(client.receive_to_end() == "end");
  }
}

TEST_CASE("echo_server serves on beside clients that do not read, reset, or say nothing") {
  EchoServer server;
  RawSocket greedy = RawSocket::connect(server.port, 4096);
  // It takes what the socket buffers hold, and then no more.
  CHECK_FALSE(greedy.try_send(std::string(64 << 20, 'x'), std::chrono::milliseconds(300)));
  const RawSocket silent = RawSocket::connect(server.port);
  for (int i = 0; i < 100; ++i) RawSocket::connect(server.port).reset();
  RawSocket client = RawSocket::connect(server.port);
  client.send("hello.");
  CHECK(client.receive_until(".") == "hello.");
  server.send_signal(SIGTERM);
  CHECK(ending_after(server, SIGTERM) == well);
  CHECK(server.errors().empty());
  CHECK(client.ends());
}
