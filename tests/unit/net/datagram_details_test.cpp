// SPDX-License-Identifier: BSL-1.0
#include <parley/net/datagram_details.hpp>

#include <parley/net/udp_socket.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"

#include <string>
#include <type_traits>

using namespace parley;
using namespace std::chrono_literals;
using support::run;

// So that a temporary of one may stand in an expression with co_await.
static_assert(std::is_trivially_destructible_v<DatagramDetails>);

namespace {

Interface loopback() { return Interface::with_address(Address::loopback_v4(0)).value(); }

}  // namespace

TEST_CASE("nothing is told that was not asked for") {
  auto to = UdpSocket::bind("127.0.0.1", 0).value();
  auto from = UdpSocket::open().value();
  from.send_to("x", to.local_address().value()).wait().value();
  DatagramDetails details;
  details.hops = 5;  // of an earlier datagram
  char buffer[10];
  CHECK(to.recv_from(buffer, details).wait().value().bytes == 1);
  CHECK(details.destination.family() == Address::Family::unspecified);
  CHECK(details.over == Interface());
  CHECK_FALSE(details.hops);
  CHECK_FALSE(details.traffic_class);
}

TEST_CASE("a datagram's destination, interface, hops and traffic class are told, in both families and both styles") {
  for (const bool ipv6 : {false, true}) {
    auto bound = UdpSocket::bind(ipv6 ? Address::any_v6(0) : Address::any_v4(0));
    if (!bound) continue;  // no IPv6 on this machine
    UdpSocket& to = *bound;
    to.set(ReportDestination{}).value();
    to.set(ReportHops{}).value();
    to.set(ReportTrafficClass{}).value();
    const Address there = (ipv6 ? Address::loopback_v6(0) : Address::ip("127.0.0.2", 0).value())
                              .with_port(to.local_address().value().port());
    auto from = UdpSocket::open(ipv6 ? family::ipv6 : family::ipv4).value();
    from.set(Ttl{42}).value();
    from.set(TrafficClass{46, Ecn::congested}).value();
    DatagramDetails details;
    char buffer[4];
    const auto check = [&](const Result<ReceivedFrom>& got) {
      CHECK(got.value().bytes == 4);
      CHECK(got.value().truncated);
      CHECK(details.destination == there.with_port(0));
      CHECK(details.over == loopback());
      CHECK(details.hops == 42);
      CHECK(details.traffic_class.value().dscp == 46);
      CHECK(details.traffic_class.value().ecn == Ecn::congested);
    };
    from.send_to("fiver", there).wait().value();
    check(to.recv_from(buffer, details).wait());
    details = {};
    from.send_to("fiver", there).wait().value();
    const auto awaited = [&]() -> Task<> {
      const auto got = co_await to.recv_from(buffer, details).within(10s);
      check(got);
    };
    run(awaited());
    CHECK(to.recv_from(buffer, details).within(0ms).wait().error() == Error::timed_out);
    to.set(ReportHops{false}).value();
    from.send_to("fiver", there).wait().value();
    CHECK(to.recv_from(buffer, details).wait());
    CHECK_FALSE(details.hops);
    CHECK(details.traffic_class);
  }
}

TEST_CASE("a dual-stack socket tells of IPv4 datagrams what it tells of IPv6 ones") {
  auto opened = UdpSocket::open(family::ipv6);
  if (!opened) return;  // no IPv6 on this machine
  opened->set(V6Only{false}).value();
  opened->socket().bind(Address::any_v6(0)).value();
  opened->set(ReportDestination{}).value();
  opened->set(ReportHops{}).value();
  opened->set(ReportTrafficClass{}).value();
  const std::uint16_t port = opened->local_address().value().port();
  auto from = UdpSocket::bind("127.0.0.1", 0).value();
  from.set(Ttl{7}).value();
  from.send_to("?", Address::ip("127.0.0.2", port).value()).wait().value();
  DatagramDetails details;
  char buffer[10];
  const auto got = opened->recv_from(buffer, details).wait().value();
  CHECK(details.destination.unmapped() == Address::ip("127.0.0.2", 0).value());
  CHECK(details.hops == 7);
  CHECK(details.traffic_class);
  // And the answer comes from there.
  opened->send_to("!", got.from, details.destination).wait().value();
  CHECK(from.recv_from(buffer).wait().value().from == Address::ip("127.0.0.2", port).value());
}

TEST_CASE("an answer comes from the address that was asked") {
  auto server = UdpSocket::bind("", 0).value();
  server.set(ReportDestination{}).value();
  const Address asked = Address::ip("127.0.0.2", server.local_address().value().port()).value();
  auto client = UdpSocket::bind("127.0.0.1", 0).value();
  client.connect(asked).value();  // so that it hears no other
  client.send("ping").wait().value();
  DatagramDetails details;
  char buffer[10];
  const auto from = server.recv_from(buffer, details).wait().value().from;
  server.send_to("from the wrong address", from).wait().value();
  server.send_to("pong", from, details.destination).wait().value();
  CHECK(client.recv(buffer).wait().value() == 4);
  CHECK(std::string(buffer, 4) == "pong");
}

TEST_CASE("a source that is not this machine's, or of another family, is refused") {
  auto socket = UdpSocket::bind("", 0).value();
  const Address there = socket.local_address().value().with_port(9);
  CHECK_FALSE(socket.send_to("x", there, Address::ip("203.0.113.99", 0).value()).wait());
  CHECK(socket.send_to("x", there, Address::loopback_v6(0)).wait().error() == std::errc::invalid_argument);
  UdpSocket closed;
  DatagramDetails details;
  char buffer[1];
  CHECK(closed.send_to("x", there, there).wait().error() == Error::closed);
  CHECK(closed.recv_from(buffer, details).wait().error() == Error::closed);
  auto local = Socket::open(family::unix_domain, type::datagram).value();
  CHECK(local.set(ReportDestination{}).error() == std::errc::operation_not_supported);
  CHECK(local.set(ReportHops{}).error() == std::errc::operation_not_supported);
}

TEST_CASE("a source of no family lets the system choose") {
  auto to = UdpSocket::bind("127.0.0.1", 0).value();
  auto from = UdpSocket::open().value();
  CHECK(from.send_to("x", to.local_address().value(), Address()).wait().value() == 1);
  CHECK(from.send_to("x", to.local_address().value(), Address::any_v4(0)).wait().value() == 1);
}
