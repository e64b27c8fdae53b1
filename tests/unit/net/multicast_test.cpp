// SPDX-License-Identifier: BSL-1.0
// Groups: what UdpSocket does with the options of net/datagram_options.hpp.
#include <parley/net/udp_socket.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"

#include <optional>
#include <string>

using namespace parley;
using namespace std::chrono_literals;

namespace {

/// A group on the loopback interface, a port for it that is free, and a sender.
struct Segment {
  Address any;
  Address group;
  Address other_group;
  Address interface_address;
  UdpSocket sender;

  UdpSocket member() const { return UdpSocket::bind_shared(any).value(); }
};

/// Nothing, and a message, where the loopback interface takes no multicast of this family.
std::optional<Segment> segment(bool ipv6) {
  const Address any = ipv6 ? Address::any_v6(0) : Address::any_v4(0);
  auto first = UdpSocket::bind_shared(any);
  if (!first) return {};
  const std::uint16_t port = first->local_address().value().port();
  Segment made{any.with_port(port), Address::ip(ipv6 ? "ff12::7:77" : "239.255.77.77", port).value(),
               Address::ip(ipv6 ? "ff12::7:78" : "239.255.77.78", port).value(),
               ipv6 ? Address::loopback_v6(0) : Address::loopback_v4(0),
               UdpSocket::open(ipv6 ? family::ipv6 : family::ipv4).value()};
  made.sender.set(MulticastInterface{Interface::with_address(made.interface_address).value()}).value();
  const auto joined = first->join_group(made.group, made.interface_address);
  const auto sent = made.sender.send_to("?", made.group).wait();
  char buffer[10];
  if (joined && sent && first->recv(buffer).within(5s).wait()) return made;
  WARN("no multicast on the loopback interface" << (ipv6 ? " by IPv6" : " by IPv4") << ": not tested");
  return {};
}

/// What has come in: texts with a space after each.
std::string heard(UdpSocket& socket) {
  std::string all;
  char buffer[100];
  while (auto count = socket.recv(buffer).within(0ms).wait()) all.append(buffer, *count) += ' ';
  return all;
}

}  // namespace

TEST_CASE("all members of a group on one machine get what is sent to it, until they leave") {
  for (const bool ipv6 : {false, true}) {
    auto with = segment(ipv6);
    if (!with) continue;
    auto a = with->member();
    auto b = with->member();
    auto outsider = with->member();
    a.join_group(with->group, with->interface_address).value();
    b.join_group(with->group, with->interface_address).value();
    outsider.join_group(with->other_group, with->interface_address).value();
    with->sender.send_to("one", with->group).wait().value();
    CHECK(heard(a) == "one ");
    CHECK(heard(b) == "one ");
    CHECK(heard(outsider).empty());
    b.leave_group(with->group, with->interface_address).value();
    with->sender.send_to("two", with->group).wait().value();
    CHECK(heard(a) == "two ");
    CHECK(heard(b).empty());
    b.join_group(with->group, with->interface_address).value();
    a.close();
    with->sender.send_to("three", with->group).wait().value();
    CHECK(heard(b) == "three ");
  }
}

TEST_CASE("a sender that is a member hears itself, unless it switches the loop off") {
  for (const bool ipv6 : {false, true}) {
    auto with = segment(ipv6);
    if (!with) continue;
    auto member = with->member();
    member.join_group(with->group, with->interface_address).value();
    member.set(MulticastInterface{Interface::with_address(with->interface_address).value()}).value();
    member.set(MulticastTtl{0}).value();
    member.send_to("echo", with->group).wait().value();
    CHECK(heard(member) == "echo ");
  }
}

TEST_CASE("of several senders only the one that was asked for is heard") {
  auto with = segment(false);
  if (!with) return;
  auto member = with->member();
  const auto loopback = Interface::with_address(with->interface_address).value();
  const Address first = Address::ip("127.0.0.1", 0).value();
  const Address second = Address::ip("127.0.0.2", 0).value();
  auto a = UdpSocket::bind(first).value();
  auto b = UdpSocket::bind(second).value();
  a.set(MulticastInterface{loopback}).value();
  b.set(MulticastInterface{loopback}).value();
  const auto both_send = [&] {
    a.send_to("a", with->group).wait().value();
    b.send_to("b", with->group).wait().value();
  };
  member.join_source(with->group, second, loopback).value();
  both_send();
  CHECK(heard(member) == "b ");
  member.join_source(with->group, first, loopback).value();
  both_send();
  CHECK(heard(member) == "a b ");
  member.leave_source(with->group, second, loopback).value();
  both_send();
  CHECK(heard(member) == "a ");
}

TEST_CASE("a dual-stack socket joins groups of both versions") {
  auto with = segment(false);
  auto opened = UdpSocket::open(family::ipv6);
  if (!with || !opened) return;
  opened->set(V6Only{false}).value();
  opened->set(SharedPort{}).value();
  opened->socket().bind(Address::any_v6(with->any.port())).value();
  opened->join_group(with->group, with->interface_address).value();
  with->sender.send_to("by IPv4", with->group).wait().value();
  CHECK(heard(*opened) == "by IPv4 ");
}

TEST_CASE("what is no group, no interface or no membership is told") {
  auto socket = UdpSocket::bind("127.0.0.1", 0).value();
  const Address group = Address::ip("239.255.77.79", 7).value();
  const Address here = Address::loopback_v4(0);
  CHECK(socket.join_group(Address::loopback_v4(7), here).error() == std::errc::invalid_argument);
  CHECK(socket.join_group(Address(), here).error() == std::errc::invalid_argument);
  CHECK(socket.join_group(group, Interface(1'000'000)).error() == std::errc::no_such_device);
  CHECK(socket.join_group(group, Address::ip("203.0.113.99", 0).value()).error() == Error::not_found);
  CHECK(socket.leave_group(group, here).error() == std::errc::address_not_available);
  socket.join_group(group, here).value();
  CHECK(socket.join_group(group, here).error() == std::errc::address_in_use);
  socket.leave_group(group, here).value();
  CHECK(UdpSocket().join_group(group, here).error() == Error::closed);
  CHECK(UdpSocket().leave_group(group).error() == Error::closed);
  CHECK(UdpSocket().join_source(group, here).error() == Error::closed);
  CHECK_FALSE(UdpSocket::bind_shared(Address()));
}

TEST_CASE("a shared port can be bound again and again, another one not") {
  auto first = UdpSocket::bind_shared(Address::loopback_v4(0)).value();
  const Address here = first.local_address().value();
  CHECK(UdpSocket::bind_shared(here));
  CHECK(UdpSocket::bind(here).error() == std::errc::address_in_use);
}
