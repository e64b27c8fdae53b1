// SPDX-License-Identifier: BSL-1.0
#include <parley/net/datagram_options.hpp>

#include <parley/net/udp_socket.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"

#include <string>
#include <type_traits>
#include <vector>

using namespace parley;

namespace {

// So that a temporary of one may stand in an expression with co_await.
template <class... Options>
constexpr bool all_trivial =
    (... && (std::is_trivially_copyable_v<Options> && std::is_trivially_destructible_v<Options>));
static_assert(
    all_trivial<MulticastInterface, MulticastTtl, MulticastLoop, SharedPort, TrafficClass, DontFragment, PathMtu>);

/// An IPv4 and an IPv6 socket, without the latter where the machine has none.
std::vector<UdpSocket> of_both_families() {
  std::vector<UdpSocket> sockets;
  for (const int number : {family::ipv4, family::ipv6}) {
    auto opened = UdpSocket::open(number);
    if (opened) sockets.push_back(std::move(*opened));
  }
  return sockets;
}

}  // namespace

TEST_CASE("multicast options are set and read back in both families") {
  for (UdpSocket& socket : of_both_families()) {
    INFO(socket.local_address().value().to_string());
    CHECK(socket.get<MulticastTtl>().value().hops == 1);
    for (const int hops : {0, 255, 3}) {
      socket.set(MulticastTtl{hops}).value();
      CHECK(socket.get<MulticastTtl>().value().hops == hops);
    }
    CHECK(socket.get<MulticastLoop>().value().enabled);
    socket.set(MulticastLoop{false}).value();
    CHECK_FALSE(socket.get<MulticastLoop>().value().enabled);
    const auto loopback = Interface::with_address(Address::loopback_v4(0)).value();
    socket.set(MulticastInterface{loopback}).value();
    socket.set(MulticastInterface{}).value();
    CHECK_FALSE(socket.set(MulticastInterface{Interface(1'000'000)}));
  }
}

TEST_CASE("the traffic class holds class of service and congestion mark, and leaves the hops alone") {
  for (UdpSocket& socket : of_both_families()) {
    socket.set(Ttl{9}).value();
    CHECK(socket.get<TrafficClass>().value().dscp == 0);
    socket.set(TrafficClass{46, Ecn::capable_0}).value();
    const auto read = socket.get<TrafficClass>().value();
    CHECK(read.dscp == 46);
    CHECK(read.ecn == Ecn::capable_0);
    CHECK(socket.get<Ttl>().value().hops == 9);
  }
}

TEST_CASE("values that do not fit are refused") {
  auto socket = UdpSocket::open().value();
  const auto refused = [&](const auto& option) { return socket.set(option).error() == std::errc::invalid_argument; };
  CHECK(refused(MulticastTtl{-1}));
  CHECK(refused(MulticastTtl{256}));
  CHECK(refused(TrafficClass{64}));
  CHECK(refused(TrafficClass{-1}));
}

TEST_CASE("the path's limit is known of a connected socket, and holds where nothing may be cut") {
  for (UdpSocket& socket : of_both_families()) {
    const bool ipv6 = socket.local_address().value().family() == Address::Family::ipv6;
    INFO((ipv6 ? "IPv6" : "IPv4"));
    auto peer = UdpSocket::bind(ipv6 ? Address::loopback_v6(0) : Address::loopback_v4(0)).value();
    CHECK(socket.get<PathMtu>().error() == std::errc::not_connected);
    CHECK_FALSE(socket.get<DontFragment>().value().enabled);
    socket.connect(peer.local_address().value()).value();
    const auto mtu = socket.get<PathMtu>().value();
    CHECK(mtu.datagram_bytes + (ipv6 ? 48 : 28) == mtu.packet_bytes);
    const std::string longest = support::pattern(mtu.datagram_bytes);
    for (const bool probing : {false, true}) {
      socket.set(DontFragment{true, probing}).value();
      CHECK(socket.get<DontFragment>().value().enabled);
      CHECK(socket.get<DontFragment>().value().probing == probing);
      CHECK(socket.send(longest).wait().value() == longest.size());
      CHECK(socket.send(longest + "x").wait().error() == std::errc::message_size);
    }
    socket.set(DontFragment{false}).value();
    CHECK_FALSE(socket.get<DontFragment>().value().enabled);
    // What has no fragments for it either: a datagram's own limit.
    if (ipv6) CHECK(socket.send(longest + "x").wait().value() == longest.size() + 1);
  }
}

TEST_CASE("a socket that is not IP has none of them") {
  auto local = Socket::open(family::unix_domain, type::datagram).value();
  CHECK(local.set(MulticastTtl{1}).error() == std::errc::operation_not_supported);
  CHECK(local.set(MulticastLoop{}).error() == std::errc::operation_not_supported);
  CHECK(local.set(MulticastInterface{}).error() == std::errc::operation_not_supported);
  CHECK(local.set(TrafficClass{}).error() == std::errc::operation_not_supported);
  CHECK(local.get<DontFragment>().error() == std::errc::operation_not_supported);
  CHECK(local.get<PathMtu>().error() == std::errc::operation_not_supported);
  CHECK(UdpSocket().set(MulticastTtl{1}).error() == Error::closed);
  CHECK(UdpSocket().get<TrafficClass>().error() == Error::closed);
}
