// SPDX-License-Identifier: BSL-1.0
// What a reliable channel over UDP makes of a path that loses packets: how late messages come, in order, and how many
// bytes go over the wire for each. The path is simulated under a virtual clock, so that nothing but the protocol counts
// and every run says the same: 30 +- 5 ms one way, independent loss both ways, messages of 200 bytes.
//
//   bench_reliable_udp [--seeds 100]
//   bench_reliable_udp --bulk [--rounds 5]      64 MB in one stream instead, over loopback beside TCP, a thread for each end;
//                                               and over a simulated path with 1 % loss and a round trip of 20 ms
//
// Bytes are those of both directions, acknowledgements and repetitions included; "wire" has 28 bytes of IP and UDP for
// each datagram with it.

#include "support/arguments.hpp"
#include "support/statistics.hpp"

#include "../tests/support/simulated_network.hpp"

#include <parley/core/event_loop.hpp>
#include <parley/net/reliable_udp.hpp>
#include <parley/net/tcp_listener.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace simulated;

struct Case {
  const char* what;
  double loss;
  Duration interval;
  int messages;
  unsigned redundancy;
  double target_p99_ms;  // 0: none
  double target_bytes;
};

constexpr Case cases[]{
    {"no loss, every 20 ms", 0, 20ms, 500, 0, 0, 0},
    {"5 %, every 20 ms", 0.05, 20ms, 500, 0, 120, 330},
    {"5 %, every 20 ms, redundancy 1", 0.05, 20ms, 500, 1, 120, 0},
    {"20 %, every 20 ms", 0.2, 20ms, 500, 0, 280, 0},
    {"20 %, every 20 ms, redundancy 1", 0.2, 20ms, 500, 1, 280, 0},
    {"20 %, one a second", 0.2, 1s, 100, 0, 130, 0},
    {"39 %, every 20 ms", 0.39, 20ms, 500, 0, 0, 0},
};

struct Outcome {
  std::vector<double> latencies_ms;
  double bytes = 0;
  double wire = 0;
  int messages = 0;
  int disconnected = 0;
};

void run_once(const Case& one, std::uint64_t seed, Outcome& outcome) {
  World world(seed, {.loss = one.loss});
  Pair pair(world, {.redundancy = one.redundancy});
  if (pair.far == nullptr || pair.near->connection == nullptr) {
    ++outcome.disconnected;
    return;
  }
  std::vector<TimePoint> sent;
  std::size_t received = 0;
  pair.server.on_change = [&] {
    while (pair.far->connection->has_message()) {
      pair.far->connection->pop();
      outcome.latencies_ms.push_back(std::chrono::duration<double, std::milli>(world.now() - sent[received++]).count());
    }
  };
  const std::string text(200, 'm');
  const auto bytes_before = world.bytes;
  const auto datagrams_before = world.datagrams;
  for (int i = 0; i < one.messages; ++i) {
    world.after(i * one.interval, [&] {
      sent.push_back(world.now());
      pair.client.send(*pair.near, text);
    });
  }
  world.run_for(one.messages * one.interval);
  world.run_while_not(
      [&] { return pair.near->connection->drained() || pair.near->connection->lost() || pair.far->connection->lost(); },
      60s);
  outcome.messages += one.messages;
  outcome.disconnected += pair.near->connection->lost() || pair.far->connection->lost() ? 1 : 0;
  outcome.bytes += static_cast<double>(world.bytes - bytes_before);
  outcome.wire += static_cast<double>(world.bytes - bytes_before + 28 * (world.datagrams - datagrams_before));
}

void report(const char* who, const Case& one, const Outcome& outcome, bool targets) {
  const double n = std::max(outcome.messages, 1);
  const auto latency = [&](double fraction) { return bench::percentile(outcome.latencies_ms, fraction); };
  const double p99 = latency(0.99);
  std::printf("%-9s %-32s %7.1f %7.1f %7.1f %7.1f %8.0f %8.0f %5d", who, one.what, latency(0.5), p99, latency(0.999),
              latency(1), outcome.bytes / n, outcome.wire / n, outcome.disconnected);
  if (targets && one.target_p99_ms != 0) {
    std::printf("   p99 %s %.0f ms", p99 <= one.target_p99_ms ? "within" : "OVER", one.target_p99_ms);
  }
  if (targets && one.target_bytes != 0) {
    std::printf(", wire %s %.0f bytes", outcome.wire / n <= one.target_bytes ? "within" : "OVER", one.target_bytes);
  }
  std::printf("\n");
}

// ---- Bulk

constexpr std::size_t bulk_bytes = std::size_t{64} << 20;
constexpr std::size_t bulk_message = std::size_t{32} << 10;
const ReliableOptions bulk_options{.window = std::size_t{8} << 20, .send_buffer = std::size_t{8} << 20};

Task<Result<>> take_reliable(ReliableListener& listener) {
  auto peer = co_await listener.accept();
  if (!peer) co_return peer.error();
  std::string buffer(bulk_message, '\0');
  for (std::size_t got = 0; got < bulk_bytes;) {
    const auto message = co_await peer->recv(buffer);
    if (!message) co_return message.error();
    got += message->bytes;
  }
  co_return co_await peer->close().within(10s);
}
Task<Result<>> give_reliable(const Address& to) {
  auto peer = co_await ReliableUdp::connect(to, bulk_options);
  if (!peer) co_return peer.error();
  const std::string text(bulk_message, 'b');
  for (std::size_t sent = 0; sent < bulk_bytes; sent += bulk_message) {
    const auto outcome = co_await peer->send(text);
    if (!outcome) co_return outcome.error();
  }
  co_return co_await peer->close().within(10s);
}
Task<Result<>> take_tcp(TcpListener& listener) {
  auto peer = co_await listener.accept();
  if (!peer) co_return peer.error();
  std::string buffer(bulk_message, '\0');
  for (std::size_t got = 0; got < bulk_bytes;) {
    const auto count = co_await peer->recv(buffer);
    if (!count || *count == 0) co_return count.error();
    got += *count;
  }
  const auto told = co_await peer->send_all("k");
  co_return told.error();
}
Task<Result<>> give_tcp(const Address& to) {
  auto peer = Socket::open(family::ipv4, type::stream).value();
  const auto connected = co_await peer.connect(to);
  if (!connected) co_return connected.error();
  const std::string text(bulk_message, 'b');
  for (std::size_t sent = 0; sent < bulk_bytes; sent += bulk_message) {
    const auto outcome = co_await peer.send_all(text);
    if (outcome.error()) co_return outcome.error();
  }
  char end[1];
  const auto count = co_await peer.recv(end);
  co_return count.error();
}

// Bytes a second until the other end has all of it.
template <class Listener, class Take, class Give>
double bulk_over_loopback(Listener listener, Take take, Give give) {
  const Address address = listener.local_address().value();
  std::error_code failed;
  std::thread taker([&] {
    EventLoop loop;
    failed = loop.run(take(listener)).error();
    listener = Listener();
  });
  EventLoop loop;
  const auto start = Clock::now();
  const auto given = loop.run(give(address));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  taker.join();
  if (failed || !given) std::printf("failed: %s\n", (failed ? failed : given.error()).message().c_str());
  return static_cast<double>(bulk_bytes) / seconds;
}

double bulk_over_lossy_path(std::uint64_t seed) {
  World world(seed, {.delay = 10ms, .jitter = 1ms, .loss = 0.01});
  Pair pair(world, bulk_options);
  std::size_t sent = 0;
  std::size_t received = 0;
  const std::string text(bulk_message, 'b');
  const auto offer = [&] {
    for (; sent < bulk_bytes && pair.near->connection->has_room(text.size()); sent += text.size()) {
      pair.client.send(*pair.near, text);
    }
  };
  pair.client.on_change = offer;
  pair.server.on_change = [&] {
    while (pair.far->connection->has_message()) received += pair.far->connection->pop().bytes.size();
  };
  const TimePoint start = world.now();
  offer();
  world.run_while_not([&] { return received == bulk_bytes; }, 3600s);
  return static_cast<double>(received) / std::chrono::duration<double>(world.now() - start).count();
}

int bulk(std::uint64_t rounds) {
  std::vector<double> reliable;
  std::vector<double> tcp;
  std::vector<double> lossy;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    reliable.push_back(bulk_over_loopback(ReliableListener::bind(Address::loopback_v4(0), bulk_options).value(),
                                          take_reliable, give_reliable));
    tcp.push_back(bulk_over_loopback(TcpListener::bind(Address::loopback_v4(0)).value(), take_tcp, give_tcp));
    lossy.push_back(bulk_over_lossy_path(i + 1));
  }
  std::printf("64 MB in one stream, MB/s, median of %llu rounds\n", static_cast<unsigned long long>(rounds));
  std::printf("  loopback:             ReliableUdp %7.1f   TCP %7.1f\n", bench::median(reliable) / 1e6,
              bench::median(tcp) / 1e6);
  // Mathis, Semke, Mahdavi and Ott, 1997: what Reno's congestion avoidance comes to.
  const double reno = 1448 / 0.020 * std::sqrt(1.5 / 0.01);
  std::printf("  1 %% loss, RTT 20 ms:  ReliableUdp %7.1f   TCP Reno %7.1f (by the formula of Mathis et al.)\n",
              bench::median(lossy) / 1e6, reno / 1e6);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments(argc, argv);
  const auto seeds = arguments.take_number("seeds", 100, 1, 100000);
  const auto rounds = arguments.take_number("rounds", 5, 1, 1000);
  const bool is_bulk = arguments.take_flag("bulk");
  arguments.initialize_benchmark();
  if (is_bulk) return bulk(rounds);
  std::printf("latency in ms, bytes for each message of 200; %llu seeds\n", static_cast<unsigned long long>(seeds));
  std::printf("%-9s %-32s %7s %7s %7s %7s %8s %8s %5s\n", "", "loss", "p50", "p99", "p99.9", "most", "bytes", "wire",
              "ended");
  for (const Case& one : cases) {
    Outcome outcome;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) run_once(one, seed, outcome);
    report("parley", one, outcome, true);
  }
  return 0;
}
