// SPDX-License-Identifier: BSL-1.0
// What a reliable channel over UDP makes of a path that loses packets: how late messages come, in order, and how many
// bytes go over the wire for each. The path is simulated under a virtual clock, so that nothing but the protocol counts
// and every run says the same: 30 +- 5 ms one way, independent loss both ways, messages of 200 bytes.
//
//   bench_reliable_udp [--seeds 100]
//
// Bytes are those of both directions, acknowledgements and repetitions included; "wire" has 28 bytes of IP and UDP for
// each datagram with it. A rival whose library is not found says so.

#include "support/arguments.hpp"
#include "support/statistics.hpp"

#include "../tests/support/simulated_network.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
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

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments(argc, argv);
  const auto seeds = arguments.take_number("seeds", 100, 1, 100000);
  arguments.initialize_benchmark();
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
