// SPDX-License-Identifier: BSL-1.0
// Groups: what UdpSocket does with the options of net/datagram_options.hpp.
#include <parley/net/udp_socket.hpp>

#include <parley/net/datagram_details.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"
#include "support/own_network.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

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

/// Has the loopback interface take IPv6 multicast, which few machines route there.
struct LoopbackNetwork : support::OwnNetwork {
  LoopbackNetwork() {
    if (!why_not().empty()) WARN(why_not() << ": tested in the one that there is");
  }
};

/// What has come in: texts with a space after each.
std::string heard(UdpSocket& socket) {
  std::string all;
  char buffer[100];
  while (auto count = socket.recv(buffer).within(0ms).wait()) all.append(buffer, *count) += ' ';
  return all;
}

}  // namespace

TEST_CASE("all members of a group on one machine get what is sent to it, until they leave") {
  const LoopbackNetwork network;
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
  const LoopbackNetwork network;
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
  const LoopbackNetwork network;
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

namespace {

bool have(const support::OwnNetwork& network) {
  if (!network.why_not().empty()) WARN(network.why_not() << ": not tested");
  return network.why_not().empty();
}

/// On the cable of an OwnNetwork, by one version of IP: a member of a group at both ends, and a sender at the left.
struct Cable {
  explicit Cable(bool ipv6)
      : family(ipv6 ? family::ipv6 : family::ipv4),
        any(ipv6 ? Address::any_v6(7777) : Address::any_v4(7777)),
        group(Address::ip(ipv6 ? "ff02::7:77" : "239.255.77.77", 7777).value()) {
    member.join_group(group, left).value();
    member.join_group(group, right).value();
    member.set(ReportDestination{}).value();
    member.set(ReportHops{}).value();
    sender.set(MulticastInterface{left}).value();
  }
  void send(std::string_view text) { sender.send_to(text, group).wait().value(); }

  /// What comes next, and where: "text at right ".
  std::string next() {
    char buffer[100];
    const auto got = member.recv_from(buffer, details).within(5s).wait();
    if (!got) return got.error().message();
    const std::string where = details.over == left ? "left" : details.over == right ? "right" : "nowhere";
    return std::string(buffer, got->bytes) + " at " + where + ' ';
  }
  /// The next two, which come by different ways, and so in any order.
  std::string next_two() {
    const std::string a = next(), b = next();
    return std::min(a, b) + std::max(a, b);
  }

  int family;
  Address any, group;
  Interface left = Interface::named("left").value();
  Interface right = Interface::named("right").value();
  UdpSocket member = UdpSocket::bind_shared(any).value();
  UdpSocket sender = UdpSocket::open(family).value();
  DatagramDetails details;
};

}  // namespace

TEST_CASE("multicast leaves by the interface that was set, and tells where it was sent") {
  const support::OwnNetwork network;
  if (!have(network)) return;
  for (const bool ipv6 : {false, true}) {
    INFO("IPv6: " << ipv6);
    Cable cable(ipv6);
    cable.sender.set(MulticastLoop{false}).value();
    cable.send("1");
    CHECK(cable.next() == "1 at right ");
    CHECK(cable.details.destination == cable.group.with_port(0));
    cable.sender.set(MulticastInterface{cable.right}).value();
    cable.send("2");
    CHECK(cable.next() == "2 at left ");
  }
}

TEST_CASE("without the loop only others hear, with no hops only this machine does") {
  const support::OwnNetwork network;
  if (!have(network)) return;
  for (const bool ipv6 : {false, true}) {
    INFO("IPv6: " << ipv6);
    Cable cable(ipv6);
    cable.send("all");
    CHECK(cable.next_two() == "all at left all at right ");
    CHECK(cable.details.hops == 1);
    cable.sender.set(MulticastTtl{0}).value();
    cable.send("here");
    CHECK(cable.next() == "here at left ");
    cable.sender.set(MulticastTtl{9}).value();
    cable.sender.set(MulticastLoop{false}).value();
    cable.send("there");
    CHECK(cable.next() == "there at right ");
    CHECK(cable.details.hops == 9);
    CHECK(cable.sender.get<MulticastTtl>().value().hops == 9);
    CHECK_FALSE(cable.sender.get<MulticastLoop>().value().enabled);
  }
}

TEST_CASE("a membership is of one interface, and ends there alone") {
  const support::OwnNetwork network;
  if (!have(network)) return;
  for (const bool ipv6 : {false, true}) {
    INFO("IPv6: " << ipv6);
    Cable cable(ipv6);
    cable.member.leave_group(cable.group, cable.right).value();
    CHECK(cable.member.leave_group(cable.group, cable.right).error() == std::errc::address_not_available);
    cable.send("1");
    CHECK(cable.next() == "1 at left ");
    cable.member.leave_group(cable.group, cable.left).value();
    cable.send("2");
    cable.member.join_group(cable.group, cable.right).value();
    cable.send("3");
    CHECK(cable.next() == "3 at right ");
  }
}

TEST_CASE("an IPv6 group's scope names the interface that it is joined on and sent by") {
  const support::OwnNetwork network;
  if (!have(network)) return;
  Cable cable(true);
  cable.sender.set(MulticastInterface{}).value();
  const Address by_left = Address::ip("ff02::7:78%left", 7777).value();
  const Address by_right = Address::ip("ff02::7:78%right", 7777).value();
  cable.member.join_group(by_right).value();
  cable.sender.set(MulticastLoop{false}).value();
  cable.sender.send_to("1", by_right).wait().value();
  cable.sender.send_to("2", by_left).wait().value();
  CHECK(cable.next() == "2 at right ");
  cable.sender.set(MulticastLoop{true}).value();
  cable.sender.send_to("3", by_right).wait().value();
  CHECK(cable.next() == "3 at right ");
  cable.member.leave_group(by_right).value();
  CHECK(cable.member.leave_group(by_right).error() == std::errc::address_not_available);
}

TEST_CASE("of several IPv6 senders only the one that was asked for is heard") {
  const support::OwnNetwork network;
  if (!have(network)) return;
  Cable cable(true);
  cable.member.leave_group(cable.group, cable.left).value();
  cable.member.leave_group(cable.group, cable.right).value();
  const Address first = Address::ip("fe80::1%left", 0).value();
  const Address second = Address::ip("fd77::1", 0).value();
  auto a = UdpSocket::bind(first).value();
  auto b = UdpSocket::bind(second).value();
  for (UdpSocket* sender : {&a, &b}) sender->set(MulticastInterface{cable.left}).value();
  const auto both_send = [&] {
    a.send_to("a", cable.group).wait().value();
    b.send_to("b", cable.group).wait().value();
  };
  cable.member.join_source(cable.group, second, cable.right).value();
  both_send();
  CHECK(cable.next() == "b at right ");
  cable.member.join_source(cable.group, first, cable.right).value();
  both_send();
  CHECK(cable.next() == "a at right ");
  CHECK(cable.next() == "b at right ");
  cable.member.leave_source(cable.group, second, cable.right).value();
  both_send();
  CHECK(cable.next() == "a at right ");
  cable.member.leave_source(cable.group, first, cable.right).value();
  both_send();
  cable.member.join_group(cable.group, cable.left).value();
  a.send_to("last", cable.group).wait().value();
  CHECK(cable.next() == "last at left ");
}

TEST_CASE("a dual-stack socket joins groups of both versions") {
  const LoopbackNetwork network;
  auto with = segment(false);
  auto opened = UdpSocket::open(family::ipv6);
  if (!with || !opened) return;
  opened->set(V6Only{false}).value();
  opened->set(SharedPort{}).value();
  opened->socket().bind(Address::any_v6(with->any.port())).value();
  opened->join_group(with->group, with->interface_address).value();
  with->sender.send_to("by IPv4", with->group).wait().value();
  CHECK(heard(*opened) == "by IPv4 ");
  auto by_ipv6 = segment(true);
  if (!by_ipv6) return;
  opened->join_group(by_ipv6->group, by_ipv6->interface_address).value();
  by_ipv6->sender.send_to("by IPv6", by_ipv6->group.with_port(with->any.port())).wait().value();
  CHECK(heard(*opened) == "by IPv6 ");
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
