// SPDX-License-Identifier: BSL-1.0
// How reliable connections are made, and what strangers can do about it.

#include "support/catch.hpp"
#include "support/simulated_network.hpp"

#include <algorithm>
#include <string>

using namespace simulated;
using reliable::Opening;

namespace {

struct Silent final : reliable::EndpointEvents {
  void changed(reliable::Peer&) noexcept override {}
  void incoming() noexcept override {}
};

std::string open_packet(std::uint32_t tag, std::uint8_t version = reliable::wire_version) {
  reliable::Handshake packet;
  packet.kind = reliable::Packet::open;
  packet.version = version;
  packet.tag = tag;
  char buffer[reliable::max_datagram];
  return std::string(buffer, packet.write(buffer));
}

const TimePoint start{1h};

}  // namespace

TEST_CASE("a connection is made, both ends know each other, and the round trip is measured") {
  World world(1);
  Pair pair(world);
  REQUIRE(pair.far != nullptr);
  CHECK(pair.far->address == pair.client.address);
  CHECK(pair.near->connection->status().rtt < 75ms);
  CHECK(pair.far->connection->status().rtt < 75ms);
  CHECK(pair.client.send(*pair.near, "hello"));
  CHECK(world.run_while_not([&] { return pair.far->connection->has_message(); }, 1s));
  CHECK(take_text(*pair.far) == "hello");
}

TEST_CASE("connections are made through heavy loss, and each is accepted once") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    World world(seed, {.loss = 0.4, .duplicate = 0.1, .reorder = 0.1});
    Pair pair(world);
    INFO(seed);
    REQUIRE(pair.far != nullptr);
    REQUIRE(pair.near->connection != nullptr);
    CHECK(pair.near->connection->own_terms().tag == pair.far->connection->peer_terms().tag);
    CHECK(pair.near->connection->peer_terms().tag == pair.far->connection->own_terms().tag);
    world.run_for(30s);
    CHECK(pair.server.endpoint.accept() == nullptr);
    CHECK(pair.server.endpoint.size() == 1);  // what was made besides is forgotten
  }
}

TEST_CASE("before its address is proven a client costs nothing, and is sent less than it sends") {
  Silent events;
  reliable::Endpoint server({}, {1, 2}, true, events);
  char reply[reliable::Endpoint::max_reply];
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const std::string open = open_packet(i);
    const std::size_t size =
        server.receive(ConstBytes(open), Address::loopback_v4(static_cast<std::uint16_t>(i)), start, reply);
    REQUIRE(size != 0);
    REQUIRE(size < open.size());
  }
  CHECK(server.size() == 0);
  CHECK(server.due() == TimePoint::max());
  Address to;
  char room[reliable::max_datagram];
  CHECK(server.write(room, to, start + 1h) == 0);
}

TEST_CASE("a first packet that is not padded has no answer") {
  Silent events;
  reliable::Endpoint server({}, {1, 2}, true, events);
  char reply[reliable::Endpoint::max_reply];
  const std::string open = open_packet(1);
  for (std::size_t size = 0; size < open.size(); ++size) {
    CHECK(server.receive(ConstBytes(open).first(size), Address::loopback_v4(1), start, reply) == 0);
  }
}

TEST_CASE("an endpoint that only connects does not answer strangers") {
  Silent events;
  reliable::Endpoint client({}, {1, 2}, false, events);
  char reply[reliable::Endpoint::max_reply];
  CHECK(client.receive(ConstBytes(open_packet(1)), Address::loopback_v4(1), start, reply) == 0);
}

TEST_CASE("another version is refused in so many words") {
  Silent events;
  reliable::Endpoint server({}, {1, 2}, true, events);
  char reply[reliable::Endpoint::max_reply];
  const std::size_t size = server.receive(ConstBytes(open_packet(5, 2)), Address::loopback_v4(1), start, reply);
  reliable::Handshake answer;
  REQUIRE(answer.read(first(MutableBytes(reply), size)));
  CHECK(answer.kind == reliable::Packet::refuse);
  CHECK(answer.version == reliable::wire_version);

  World world(1);
  Host client(world, 7001, false);
  Host other(world, 7000, false);
  reliable::Peer* const peer = client.connect(other);
  client.flush(peer);
  answer.tag = peer->tag();
  char buffer[64];
  world.inject(other.address, client.address, std::string(buffer, answer.write(buffer)));
  world.run_for(1s);
  CHECK(peer->opening->state() == Opening::State::unsupported);
}

TEST_CASE("a cookie that was used, that is old, or that somebody else brings makes no connection") {
  World world(3, {.jitter = 0ms});
  std::string hello;
  world.filter = [&](const Host& from, const Address&, const std::string& bytes) {
    if (from.address.port() == 7001 && bytes[0] == 0x52) hello = bytes;
    return true;
  };
  Pair pair(world);
  REQUIRE(pair.far != nullptr);
  REQUIRE(!hello.empty());
  world.filter = nullptr;
  world.run_for(1s);

  // While the connection stands, the same hello has the same answer.
  const auto replies = pair.server.bytes_out;
  world.inject(pair.client.address, pair.server.address, hello);
  world.run_for(100ms);
  CHECK(pair.server.bytes_out == replies + 23);
  CHECK(pair.server.endpoint.size() == 1);

  // From another address it has none.
  world.inject(Address::loopback_v4(7002), pair.server.address, hello);
  world.run_for(100ms);
  CHECK(pair.server.endpoint.size() == 1);

  // And none when the connection is over.
  pair.near->connection->end();
  pair.client.flush(pair.near);
  world.run_for(1s);
  pair.server.endpoint.release(*pair.far);
  pair.server.flush();
  REQUIRE(pair.server.endpoint.size() == 0);
  for (const Duration pause : {0ms, 5000ms, 10000ms, 100000ms}) {
    world.run_for(pause);
    const auto before = pair.server.bytes_out;
    world.inject(pair.client.address, pair.server.address, hello);
    world.run_for(100ms);
    CHECK(pair.server.endpoint.size() == 0);
    CHECK(pair.server.bytes_out == before);
  }
}

TEST_CASE("a server that has no room refuses, and keeps nothing") {
  World world(4);
  Host server(world, 7000, true, {.max_connections = 2, .backlog = 2});
  std::vector<std::unique_ptr<Host>> clients;
  std::vector<reliable::Peer*> peers;
  for (std::uint16_t i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<Host>(world, static_cast<std::uint16_t>(7001 + i), false));
    peers.push_back(clients.back()->connect(server));
    clients.back()->flush(peers.back());
    world.run_for(1s);
  }
  CHECK(server.endpoint.size() == 2);
  CHECK(peers[1]->connection != nullptr);
  for (std::size_t i = 2; i < 5; ++i) CHECK(peers[i]->opening->state() == Opening::State::refused);
  // One that has gone makes room for another, which has to ask anew.
  reliable::Peer* const first_one = server.endpoint.accept();
  REQUIRE(first_one != nullptr);
  server.endpoint.release(*first_one);
  server.flush();
  world.run_for(1s);
  CHECK(server.endpoint.size() == 1);
}

TEST_CASE("a client that never speaks after its hello is forgotten") {
  World world(5);
  world.filter = [](const Host& from, const Address&, const std::string& bytes) {
    return from.address.port() != 7001 || bytes[0] < 0x55;
  };
  Pair pair(world);
  CHECK(pair.far == nullptr);
  CHECK(pair.near->connection != nullptr);
  world.run_for(20s);
  CHECK(pair.server.endpoint.size() == 0);
  CHECK(pair.server.endpoint.waiting() == 0);
}

TEST_CASE("what looks like packets of a connection, from elsewhere or with a wrong tag, does nothing") {
  World world(6);
  Pair pair(world);
  REQUIRE(pair.far != nullptr);
  world.run_for(1s);
  std::string packet;
  world.filter = [&](const Host&, const Address&, const std::string& bytes) {
    packet = bytes;
    return false;
  };
  pair.client.send(*pair.near, "hello");
  REQUIRE(!packet.empty());
  world.inject(Address::loopback_v4(7009), pair.server.address, packet);
  std::string forged = packet;
  forged[4] = static_cast<char>(forged[4] ^ 1);
  world.inject(pair.client.address, pair.server.address, forged);
  const auto received = pair.far->connection->counters().datagrams_received;
  world.run_for(50ms);
  CHECK(pair.far->connection->counters().datagrams_received == received);
  world.inject(pair.client.address, pair.server.address, packet);
  world.inject(pair.client.address, pair.server.address, packet);
  world.run_for(50ms);
  CHECK(pair.far->connection->counters().datagrams_received == received + 1);
  CHECK(pair.far->connection->counters().duplicates == 1);
}
