// SPDX-License-Identifier: BSL-1.0
// Reliable connections over UDP, in numbers.

#include "support/catch.hpp"
#include "support/simulated_network.hpp"

#include <string>

using namespace simulated;

namespace {

struct Silent final : reliable::EndpointEvents {
  void changed(reliable::Peer&) noexcept override {}
  void incoming() noexcept override {}
};

}  // namespace

TEST_CASE("a million spoofed first packets leave no state, and are not answered with more than they bring") {
  Silent events;
  reliable::Endpoint server({}, {1, 2}, true, events);
  reliable::Handshake open;
  open.kind = reliable::Packet::open;
  char datagram[reliable::max_datagram];
  const std::size_t size = open.write(datagram);
  char reply[reliable::Endpoint::max_reply];
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    std::memcpy(datagram + 2, &i, sizeof(i));  // the tag
    const Address from = Address::loopback_v4(static_cast<std::uint16_t>(i));
    bytes_in += size;
    bytes_out += server.receive(ConstBytes(datagram, size), from, TimePoint(1h) + i * 1us, reply);
  }
  CHECK(bytes_out != 0);
  CHECK(bytes_out < bytes_in);
  CHECK(server.size() == 0);
  CHECK(server.due() == TimePoint::max());
}

TEST_CASE("hellos with forged cookies make nothing, however many") {
  Silent events;
  reliable::Endpoint server({}, {1, 2}, true, events);
  Random random(1);
  char datagram[reliable::max_datagram];
  char reply[reliable::Endpoint::max_reply];
  for (int i = 0; i < 200'000; ++i) {
    reliable::Handshake hello;
    hello.kind = reliable::Packet::hello;
    hello.tag = static_cast<std::uint32_t>(random());
    hello.cookie = {static_cast<std::uint32_t>(3'600'000 + i / 100), random()};
    const std::size_t size = hello.write(datagram);
    const TimePoint now = TimePoint(1h) + i * 10us;
    REQUIRE(server.receive(ConstBytes(datagram, size), Address::loopback_v4(7), now, reply) == 0);
  }
  CHECK(server.size() == 0);
}
