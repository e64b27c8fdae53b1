// SPDX-License-Identifier: BSL-1.0
// Hello over UDP: the client sends one datagram and waits for one in return. A datagram arrives whole or not at all,
// and nobody sends it again when it is lost: so a client has to say how long it waits.
//
//   hello_udp server        listens on 127.0.0.1:20001; Ctrl-C ends it
//   hello_udp client        in a second terminal
//
// Python's sendto and recvfrom are send_to and recv_from.

#include <parley/net/resolve.hpp>
#include <parley/net/udp_socket.hpp>

#include <chrono>
#include <string>
#include <string_view>

#include "arguments.hpp"
#include "listening.hpp"
#include "output.hpp"
#include "stop_on_signal.hpp"
#include "text.hpp"

using namespace parley;
using namespace std::chrono_literals;

namespace {

Result<Address> find(const std::string& host, std::uint16_t port, const StopToken& stop) {
  if (host == "*") return Address::any_v4(port);
  const auto addresses = resolve(host, port).within(10s).stop(stop).wait();
  if (!addresses) return addresses.error();
  return addresses->front();  // the one to be preferred
}

int serve(const std::string& program, const std::string& host, std::uint16_t port, const StopToken& stop) {
  const std::string where = common::endpoint(host, port);
  const auto address = find(host, port, stop);
  if (!address) return common::give_up("cannot listen on " + where, address.error());
  auto socket = UdpSocket::bind(*address);
  if (!socket) return common::give_up("cannot listen on " + where, socket.error());
  const Address here = socket->local_address().value();
  common::announce(here, {program + " client " + common::client_options(here)});

  for (;;) {
    char buffer[1024];
    const auto received = socket->recv_from(buffer).stop(stop).wait();
    if (!received) return common::give_up("cannot receive on " + here.to_string(), received.error());

    const std::string_view message(buffer, received->bytes);
    const std::string_view cut = received->truncated ? " (and more, which did not fit)" : "";
    common::print_line(received->from.to_string() + ": " + parley::make_printable(message) + std::string(cut));
    // Each datagram says where it came from, and that is where the answer goes.
    const auto sent = socket->send_to("Hello UDP Client", received->from).stop(stop).wait();
    if (!sent) common::print_line("cannot answer " + received->from.to_string() + ": " + sent.error().message());
  }
}

int ask(const std::string& host, std::uint16_t port, const StopToken& stop) {
  const std::string where = common::endpoint(host, port);
  const auto server = find(host, port, stop);
  if (!server) return common::give_up("cannot find " + where, server.error());
  auto socket = UdpSocket::open(server->native_family());
  if (!socket) return common::give_up("cannot open a socket", socket.error());
  // connect() sends nothing. It has the system refuse datagrams of others, and tell when nobody listens there.
  if (const auto set = socket->connect(*server); !set) return common::give_up("cannot reach " + where, set.error());

  const auto sent = socket->send("Hello UDP Server").within(5s).stop(stop).wait();
  if (!sent) return common::give_up("cannot send to " + where, sent.error());
  char buffer[1024];
  const auto size = socket->recv(buffer).within(5s).stop(stop).wait();
  if (size.error() == Error::timed_out) return common::give_up("no answer from " + where + " within 5 s", size.error());
  if (!size) return common::give_up("no answer from " + where, size.error());
  const std::string_view answer(buffer, *size);
  return common::print_line(parley::make_printable(answer)) ? 0 : common::give_up_printing(errno);
}

}  // namespace

int main(int argc, char** argv) {
  std::string host = "127.0.0.1";
  std::uint16_t port = 20001;
  common::Arguments arguments("hello_udp", "A server that answers datagrams, and a client that sends one.");
  arguments.add_command("server", "answers each datagram, and prints it");
  arguments.add_command("client", "sends one and prints the answer");
  arguments.option("--host", "HOST", host, "where to listen; whom to send to");
  arguments.option("--port", "PORT", port, "0 has the server take a free one");
  if (const auto status = arguments.parse(argc, argv)) return *status;

  const common::StopOnSignal ctrl_c;
  if (arguments.command() == "client") return ask(host, port, ctrl_c.token());
  return serve(argv[0], host, port, ctrl_c.token());
}
