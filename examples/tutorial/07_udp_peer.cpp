// SPDX-License-Identifier: BSL-1.0
// A chat between two equal peers over UDP: each sends what is typed to the other's address, a datagram a line, and shows
// what comes meanwhile. Nobody is a server, nothing is connected, and nobody tells when a datagram is lost.
//
//   udp_peer                                    listens on 127.0.0.1:1234, sends to port 1235
//   udp_peer --port 1235 --peer-port 1234       in a second terminal; Ctrl-D or Ctrl-C ends each

#include <parley/core/run.hpp>
#include <parley/core/scope.hpp>
#include <parley/io/keyboard.hpp>
#include <parley/net/udp_socket.hpp>

#include "arguments.hpp"
#include "listening.hpp"

using namespace parley;

// The second thread of other programs is a second task here, on the same loop.
Task<> show_what_comes(UdpSocket& socket) {
  char buffer[1024];
  for (;;) {
    const auto received = co_await socket.recv_from(buffer);  // from whomever: the source is not looked at
    if (received.error() == Error::cancelled) break;
    if (!received) co_return common::print_error("cannot receive: " + received.error().message());
    common::print_line(make_printable(std::string_view(buffer, received->bytes)));
  }
}

Task<int> chat(std::string host, std::uint16_t port, std::string peer_host, std::uint16_t peer_port) {
  const auto peer = Address::ip(peer_host, peer_port);
  if (!peer) co_return common::give_up("cannot send to " + common::endpoint(peer_host, peer_port), peer.error());
  auto socket = UdpSocket::bind(host, port);
  if (!socket) co_return common::give_up("cannot listen on " + common::endpoint(host, port), socket.error());
  const Address here = socket->local_address().value();
  common::print_line("listening on " + here.to_string() + "\nsending to " + peer->to_string());

  Scope receiving;  // ends with this block, and with it what it runs
  receiving.spawn(show_what_comes(*socket));
  Keyboard keyboard;
  Result<std::string_view> line;
  while ((line = co_await keyboard.line())) {
    const auto sent = co_await socket->send_to(*line, *peer);  // always there, wherever the last one came from
    if (!sent) common::print_error("cannot send to " + peer->to_string() + ": " + sent.error().message());
  }
  co_return line.error() == Error::end_of_stream ? 0 : common::give_up("cannot read a line", line.error());
}

int main(int argc, char** argv) {
  std::string host = "127.0.0.1", peer_host = "127.0.0.1";
  std::uint16_t port = 1234, peer_port = 1235;
  common::Arguments arguments("udp_peer", "A chat between two equal peers over UDP: nothing is encrypted.");
  arguments.option("--host", "IP", host, "where to listen");
  arguments.option("--port", "PORT", port, "0 takes a free one");
  arguments.option("--peer-host", "IP", peer_host, "whom to send to");
  arguments.option("--peer-port", "PORT", peer_port, "and the port");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return run(chat(host, port, peer_host, peer_port));
}
