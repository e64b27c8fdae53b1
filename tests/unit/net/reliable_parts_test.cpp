// SPDX-License-Identifier: BSL-1.0
// The parts that reliable connections are made of.

#include <parley/net/detail/reliable/endpoint.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace parley;
using namespace parley::detail::reliable;
using namespace std::chrono_literals;

namespace {

const TimePoint start{std::chrono::hours(1)};

std::set<std::uint64_t> acknowledged_by(ReceivedPackets& received, std::uint64_t expected, TimePoint now) {
  char buffer[max_datagram];
  Writer into(MutableBytes{buffer});
  received.write(into, now, ReceivedPackets::max_blocks);
  std::set<std::uint64_t> found;
  if (into.size() == 0) return found;
  Reader frame(ConstBytes(buffer, into.size()));
  frame.get<Frame>();
  const std::uint64_t largest = complete(frame.get<std::uint32_t>(), expected);
  frame.get<std::uint16_t>();
  for_each_acknowledged(frame, largest, expected, [&](std::uint64_t number) { found.insert(number); });
  CHECK(frame.ok());
  CHECK(frame.done());
  return found;
}

}  // namespace

TEST_CASE("SipHash-2-4 gives what its paper gives") {
  char key_bytes[16];
  char input[15];
  for (int i = 0; i < 16; ++i) key_bytes[i] = static_cast<char>(i);
  for (int i = 0; i < 15; ++i) input[i] = static_cast<char>(i);
  SipKey key;
  std::memcpy(&key.first, key_bytes, 8);
  std::memcpy(&key.second, key_bytes + 8, 8);
  SipHash hash(key);
  hash.add(ConstBytes(input, 15));
  CHECK(hash.finish() == 0xa129ca6149be45e5u);
}

TEST_CASE("numbers are completed to the nearest, on either side of a wrap") {
  CHECK(complete<std::uint16_t>(5, 0x1fffe) == 0x20005);
  CHECK(complete<std::uint16_t>(0xfffe, 0x20001) == 0x1fffe);
  CHECK(complete<std::uint32_t>(0, 0x1ffffffffu) == 0x200000000u);
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t expected = (std::uint64_t{1} << 33) + random() % (std::uint64_t{1} << 40);
    const std::uint64_t number = expected - 32767 + random() % 65535;
    CHECK(complete(static_cast<std::uint16_t>(number), expected) == number);
    CHECK(complete(static_cast<std::uint32_t>(number), expected) == number);
  }
}

TEST_CASE("acknowledgements name what has come and nothing else, whatever the order") {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t first = number_base * 2 - random() % 3000;
    ReceivedPackets received(first);
    const std::uint64_t reordering = round % 3 == 0 ? 1 : round % 3 == 1 ? 50 : 1500;
    std::set<std::uint64_t> came;
    std::set<std::uint64_t> told;
    TimePoint now = start;
    std::uint64_t front = first;
    for (int i = 0; i < 2000; ++i) {
      front += random() % 3;
      const std::uint64_t number = front - std::min(random() % reordering, front - first);
      CHECK(received.is_new(number) == !came.contains(number));
      if (!received.is_new(number)) continue;
      received.add(number, now, true);
      came.insert(number);
      now += 100us;
      while (received.due() <= now) {
        const auto these = acknowledged_by(received, front, now);
        told.insert(these.begin(), these.end());
      }
    }
    now += 10ms;
    while (received.has_news()) {
      const auto these = acknowledged_by(received, front, now);
      told.insert(these.begin(), these.end());
    }
    CHECK(told == came);
  }
}

TEST_CASE("an acknowledgement is sent at once after a pause or a gap, and soon in any case") {
  ReceivedPackets received(1);
  received.add(1, start, true);
  CHECK(received.due() == start);
  CHECK(acknowledged_by(received, 1, start) == std::set<std::uint64_t>{1});
  received.add(2, start + 100us, true);
  CHECK(received.due() == start + 100us + ReceivedPackets::longest_delay);
  received.add(4, start + 200us, true);
  CHECK(received.due() == start + 200us);
  CHECK(acknowledged_by(received, 1, start + 200us) == std::set<std::uint64_t>{1, 2, 4});
  received.add(5, start + 300us, false);
  CHECK(!received.has_news());
}

TEST_CASE("a packet too far back to be told from an old one is not new") {
  ReceivedPackets received(1);
  received.add(1, start, true);
  received.add(100000, start, true);
  CHECK(!received.is_new(1));
  CHECK(!received.is_new(2));
  CHECK(received.is_new(99999));
}

TEST_CASE("round-trip times follow RFC 6298") {
  RttEstimator rtt;
  CHECK(!rtt.known());
  rtt.sample(100ms, 0ms);
  CHECK(rtt.smoothed() == 100ms);
  CHECK(rtt.variation() == 50ms);
  CHECK(rtt.probe_timeout() == 300ms);
  rtt.sample(108ms, 0ms);
  CHECK(rtt.smoothed() == 101ms);
  CHECK(rtt.variation() == 39500us);
  rtt.sample(150ms, 49ms);  // 101 ms without the time that the peer has waited
  CHECK(rtt.smoothed() == 101ms);
  rtt.sample(100ms, 50ms);  // a delay that cannot be
  CHECK(rtt.smallest() == 100ms);
}

TEST_CASE("a cookie is good once, for whom it was made, and not for long") {
  const Address there = Address::loopback_v4(1000);
  // Near the wrap of its 32 bits of milliseconds, too.
  for (const TimePoint now : {start, TimePoint(std::chrono::milliseconds((std::int64_t{1} << 32) - 5000))}) {
    CookieMaker maker({1, 2}, 10s, 100);
    const Cookie cookie = maker.make(there, 7, now);
    Duration age{};
    using Verdict = CookieMaker::Verdict;
    CHECK(maker.check(cookie, Address::loopback_v4(1001), 7, now + 1s, age) == Verdict::bad);
    CHECK(maker.check(cookie, there, 8, now + 1s, age) == Verdict::bad);
    CHECK(maker.check({cookie.time, cookie.seal + 1}, there, 7, now + 1s, age) == Verdict::bad);
    CHECK(maker.check({cookie.time + 1, cookie.seal}, there, 7, now + 1s, age) == Verdict::bad);
    CHECK(maker.check(cookie, there, 7, now + 10001ms, age) == Verdict::bad);
    CHECK(maker.check(cookie, there, 7, now + std::chrono::milliseconds(std::int64_t{1} << 32), age) == Verdict::bad);
    CHECK(CookieMaker({1, 3}, 10s, 100).check(cookie, there, 7, now, age) == Verdict::bad);
    CHECK(maker.check(cookie, there, 7, now + 9s, age) == Verdict::good);
    CHECK(age == 9s);
    maker.use(cookie, now + 9s);
    CHECK(maker.check(cookie, there, 7, now + 9s, age) == Verdict::bad);
  }
}

TEST_CASE("a server that has taken too many cookies takes none until they are too old to come again") {
  CookieMaker maker({1, 2}, 10s, 10);
  Duration age{};
  for (std::uint32_t i = 0; i < 10; ++i) maker.use(maker.make(Address::loopback_v4(1), i, start), start);
  const Cookie cookie = maker.make(Address::loopback_v4(1), 99, start + 9s);
  CHECK(maker.check(cookie, Address::loopback_v4(1), 99, start + 9s, age) == CookieMaker::Verdict::no_room);
  CHECK(maker.check(cookie, Address::loopback_v4(1), 99, start + 11s, age) == CookieMaker::Verdict::good);
}

TEST_CASE("the heap of times is in order while they change") {
  std::mt19937 random(3);
  DueHeap heap;
  std::vector<DueHeap::Member> members(100);
  std::vector<TimePoint> model(members.size(), TimePoint::max());
  std::vector<bool> in(members.size());
  for (int i = 0; i < 10000; ++i) {
    const std::size_t n = random() % members.size();
    if (random() % 4 == 0) {
      heap.remove(members[n]);
      in[n] = false;
    } else {
      model[n] = start + std::chrono::milliseconds(random() % 1000);
      heap.set(members[n], model[n]);
      in[n] = true;
    }
    TimePoint earliest = TimePoint::max();
    for (std::size_t j = 0; j < members.size(); ++j) {
      if (in[j]) earliest = std::min(earliest, model[j]);
    }
    REQUIRE(heap.earliest() == earliest);
  }
}

TEST_CASE("the window halves on a loss once in a round trip, and comes back where there was none") {
  Congestion congestion;
  const std::size_t before = congestion.window();
  congestion.lost(10, 20);
  const std::size_t after = congestion.window();
  CHECK(after == before / 2);
  congestion.lost(12, 21);
  CHECK(congestion.window() == after);
  congestion.not_lost(10);
  CHECK(congestion.window() == after);
  congestion.not_lost(12);
  CHECK(congestion.window() == before);
  congestion.lost(30, 40);
  congestion.collapse();
  CHECK(congestion.window() == Congestion::smallest_window);
}

TEST_CASE("packets leave at the pace of the window, after a burst") {
  Congestion congestion;
  TimePoint now = start;
  std::size_t sent = 0;
  for (; now < start + 1s; now += 1ms) {
    while (congestion.next_departure() <= now) {
      congestion.departed(max_datagram, now, 100ms);
      sent += max_datagram;
    }
  }
  const auto most =
      static_cast<double>(10 * 2 * congestion.window());  // ten round trips, at twice the window in slow start
  CHECK(static_cast<double>(sent) <= most * 1.15);
  CHECK(static_cast<double>(sent) >= most * 0.9);
}
