// SPDX-License-Identifier: BSL-1.0
// Reliable connections: whatever arrives, memory stays within its limits, and nobody is sent more than he sends before
// his address is proven.
//
// Input: a byte that says whom to play. Even: strangers, who send datagrams to a server. Odd: the peer of a connection,
// who sends packets with the right tag and the next number. Then, for each datagram, two bytes with its length
// (big-endian) and its bytes; a length beyond the input is all that is left. Of a peer's packet only the frames are given.

#include <parley/net/detail/reliable/endpoint.hpp>

#include "fuzz/fuzz.hpp"

#include <algorithm>

using namespace parley;
using namespace parley::detail::reliable;
using fuzz::expect;

namespace {

struct Silent final : EndpointEvents {
  void changed(Peer&) noexcept override {}
  void incoming() noexcept override {}
};

const ReliableOptions options{.max_message = 20000, .window = 50000, .send_buffer = 50000};
const TimePoint start{std::chrono::hours(1)};

template <class Datagram>
void for_each_datagram(fuzz::Input& input, Datagram datagram) {
  std::string_view rest = input.rest();
  for (int i = 0; i < 2000 && rest.size() >= 2; ++i) {
    const std::size_t size =
        static_cast<std::size_t>(static_cast<unsigned char>(rest[0])) << 8 | static_cast<unsigned char>(rest[1]);
    rest.remove_prefix(2);
    datagram(rest.substr(0, size));
    rest.remove_prefix(std::min(size, rest.size()));
  }
}

void strangers(fuzz::Input& input) {
  Silent events;
  Endpoint server(options, {1, 2}, true, events);
  TimePoint now = start;
  std::uint16_t port = 1;
  for_each_datagram(input, [&](std::string_view datagram) {
    char reply[Endpoint::max_reply];
    const std::size_t size = server.receive(ConstBytes(datagram), Address::loopback_v4(port++), now, reply);
    expect(size <= datagram.size(), "no answer is longer than its question");
    expect(server.size() == 0, "a stranger costs nothing");
    Address to;
    char room[max_datagram];
    expect(server.write(room, to, now) == 0, "a stranger is sent nothing but the answer");
    now += std::chrono::milliseconds(1);
  });
}

void peer(fuzz::Input& input) {
  const Terms own{1, 0xfffffff0u, 50000, 20000};
  const Terms other{2, 0xfffffff0u, 50000, 20000};
  Connection connection(within_limits(options), own, other, start);
  TimePoint now = start;
  std::uint32_t number = other.first;
  for (int i = 0; i < 20; ++i) {
    expect(static_cast<bool>(connection.send(channel_byte(static_cast<Kind>(i % 3), 0),
                                             std::string(static_cast<std::size_t>(i) * 100, 'x'))),
           "room to send");
  }
  char room[max_datagram];
  for_each_datagram(input, [&](std::string_view frames) {
    char packet[max_datagram];
    Writer into(MutableBytes{packet});
    const bool report = !frames.empty() && frames.front() == static_cast<char>(Frame::ack);
    into.put(report ? Packet::report : Packet::packet);
    into.put(own.tag);
    if (!report) into.put(number++);
    into.put(ConstBytes(frames.substr(0, into.room())));
    connection.receive(ConstBytes(packet, into.size()), now);
    expect(connection.incoming_held() <= 2 * options.window, "memory within the window");
    expect(connection.status().in_flight <= 60000, "what is in flight is what was sent");
    int sent = 0;
    while (connection.write(room, now) != 0) expect(++sent < 100, "it does not send for ever");
    expect(connection.over() || connection.due() > now, "it does not ask to be called at once for ever");
    if (connection.has_message()) connection.pop();
    now += std::chrono::milliseconds(3);
  });
  for (int i = 0; i < 100 && connection.due() != TimePoint::max(); ++i) {
    now = std::max(now, connection.due());
    int sent = 0;
    while (connection.write(room, now) != 0) expect(++sent < 100, "it does not send for ever");
    expect(connection.over() || connection.due() > now, "it does not ask to be called at once for ever");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  if (input.byte() % 2 == 0) {
    strangers(input);
  } else {
    peer(input);
  }
  return 0;
}
