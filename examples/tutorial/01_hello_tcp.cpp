// SPDX-License-Identifier: BSL-1.0
// Hello over TCP: the server greets whoever connects and closes, the client prints what it is told. Blocking calls, on
// one thread: `.wait()` carries an operation out and returns when it is done.
//
//   hello_tcp server        listens on port 12345 of all interfaces; Ctrl-C ends it
//   hello_tcp client        in a second terminal
//
// Python's socket(), bind() and listen() are TcpListener::bind() here; accept, connect, sendall, recv and close keep
// their names. A socket closes at the end of its scope.

#include <parley/net/connect.hpp>
#include <parley/net/tcp_listener.hpp>

#include <chrono>
#include <string>

#include "arguments.hpp"
#include "listening.hpp"
#include "output.hpp"
#include "stop_on_signal.hpp"
#include "text.hpp"

using namespace parley;
using namespace std::chrono_literals;

namespace {

int serve(const std::string& program, const std::string& host, std::uint16_t port, const StopToken& stop) {
  auto listener = TcpListener::bind(host, port, {.backlog = 5});  // up to 5 wait while another one is served
  if (!listener) return common::give_up("cannot listen on " + common::endpoint(host, port), listener.error());
  const Address here = listener->local_address().value();
  common::announce(here, {program + " client " + common::client_options(here)});

  for (;;) {
    Address from;
    auto peer = listener->accept(from).stop(stop).wait();
    if (!peer) return common::give_up("cannot accept connections on " + here.to_string(), peer.error());

    // A time limit, because nobody else is served meanwhile. A client that fails is its own problem, not the server's.
    const auto sent = peer->send_all("Thank you for connecting").within(5s).stop(stop).wait();
    const std::string who = from.unmapped().to_string();
    common::print_line(sent ? "greeted " + who : "could not greet " + who + ": " + sent.error().message());
  }
}

int ask(const std::string& host, std::uint16_t port, const StopToken& stop) {
  const std::string where = common::endpoint(host, port);
  auto server = Socket::connect(host, port).within(10s).stop(stop).wait();
  if (!server) return common::give_up("cannot connect to " + where, server.error());

  // TCP is a stream of bytes: recv returns what has arrived, which may be a part. So short a greeting comes at once.
  const auto greeting = server->recv_text(1024).within(10s).stop(stop).wait();
  if (!greeting) return common::give_up("cannot receive from " + where, greeting.error());
  if (greeting->empty()) return common::give_up("cannot receive from " + where, Error::end_of_stream);
  return common::print_line(parley::make_printable(*greeting)) ? 0 : common::give_up_printing(errno);
}

}  // namespace

int main(int argc, char** argv) {
  std::string host;
  std::uint16_t port = 12345;
  common::Arguments arguments("hello_tcp", "A server that greets, and a client that prints the greeting, over TCP.");
  arguments.add_command("server", "greets each client that connects");
  arguments.add_command("client", "prints what the server says");
  arguments.option("--host", "HOST", host, "where to listen (* is all interfaces); whom to connect to (127.0.0.1)");
  arguments.option("--port", "PORT", port, "0 has the server take a free one");
  if (const auto status = arguments.parse(argc, argv)) return *status;

  const common::StopOnSignal ctrl_c;
  if (arguments.command() == "client") return ask(host.empty() ? "127.0.0.1" : host, port, ctrl_c.token());
  return serve(argv[0], host.empty() ? "*" : host, port, ctrl_c.token());
}
