// SPDX-License-Identifier: BSL-1.0
// What a reliable channel over UDP makes of a path that loses packets: how late messages come, in order, and how many
// bytes go over the wire for each: 30 +- 5 ms one way, independent loss both ways, messages of 200 bytes. The path is
// simulated under a virtual clock, so that nothing but the protocol counts and every run says the same. In real time,
// on request, it is a relay between sockets on loopback, where other libraries can be had beside ours.
//
//   bench_reliable_udp [--seeds 100] [--real-time N]   N runs of each case in real time, all at once: 4 minutes
//   bench_reliable_udp --bulk [--rounds 5]      64 MB in one stream instead, over loopback beside TCP, a thread for each end;
//                                               and over a simulated path with 1 % loss and a round trip of 20 ms
//
// Measured on such a path elsewhere, for comparison, p99 at 5 %, 20 % and 20 % with a message a second: ENet 226 ms,
// disconnected; KCP at its best settings 122, 292 and 255 ms.
//
// Bytes are those of both directions, acknowledgements and repetitions included; "wire" has 28 bytes of IP and UDP for
// each datagram with it.

#include "support/arguments.hpp"
#include "support/real_path.hpp"
#include "support/servers.hpp"
#include "support/statistics.hpp"

#include "../tests/support/simulated_network.hpp"

#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/when_all.hpp>
#include <parley/net/reliable_udp.hpp>
#include <parley/net/tcp_listener.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <deque>
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
  std::printf("%-17s %-32s %7.1f %7.1f %7.1f %7.1f %8.0f %8.0f %5d", who, one.what, latency(0.5), p99, latency(0.999),
              latency(1), outcome.bytes / n, outcome.wire / n, outcome.disconnected);
  if (targets && one.target_p99_ms != 0) {
    std::printf("   p99 %s %.0f ms", p99 <= one.target_p99_ms ? "within" : "OVER", one.target_p99_ms);
  }
  if (targets && one.target_bytes != 0) {
    std::printf(", wire %s %.0f bytes", outcome.wire / n <= one.target_bytes ? "within" : "OVER", one.target_bytes);
  }
  std::printf("\n");
}

// ---- In real time

Task<Result<>> take_messages(ReliableListener& listener, bench::RealPathRun& run) {
  auto peer = co_await listener.accept();
  if (!peer) co_return peer.error();
  std::string buffer(bench::RealPathJob::message_bytes, '\0');
  while (!run.all_received()) {
    const auto message = co_await peer->recv(buffer);
    if (!message) co_return message.error();
    run.received();
  }
  co_return co_await peer->close().within(10s);
}
Task<Result<>> give_messages(const Address& to, const ReliableOptions& options, bench::RealPathRun& run) {
  auto peer = co_await ReliableUdp::connect(to, options);
  if (!peer) co_return peer.error();
  const std::string text(bench::RealPathJob::message_bytes, 'm');
  for (run.begin(); !run.all_sent();) {
    static_cast<void>(co_await sleep_until(run.next()));
    run.sending();
    const auto sent = co_await peer->send(text);
    if (!sent) co_return sent.error();
  }
  co_return co_await peer->close().within(bench::RealPathJob::patience);
}
Task<> give_and_take(ReliableListener& listener, const Address& to, const ReliableOptions& options,
                     bench::RealPathRun& run) {
  static_cast<void>(co_await when_all(take_messages(listener, run), give_messages(to, options, run)));
}
template <unsigned Redundancy>
void run_parley(const bench::RealPathJob&, bench::RealPathRun& run) {
  EventLoop loop;
  auto listener = ReliableListener::bind(Address::loopback_v4(0)).value();
  const Address to = Address::loopback_v4(run.open(listener.local_address().value().port()));
  static_cast<void>(loop.run(give_and_take(listener, to, {.redundancy = Redundancy}, run)));
}

const bench::RealPathRival plain{"parley", run_parley<0>};
const bench::RealPathRival redundant{"parley, redundant", run_parley<1>};

// All at once: they wait most of the time.
Outcome run_in_real_time(const bench::RealPathRival& rival, const Case& one, std::uint64_t runs) {
  const auto interval = std::chrono::duration_cast<std::chrono::milliseconds>(one.interval);
  const int messages = std::min<int>(one.messages, static_cast<int>(20s / interval));
  std::deque<bench::RealPathRun> results;  // which do not move
  std::vector<bench::RealPathJob> jobs;
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    jobs.push_back({static_cast<unsigned>(std::lround(100 * one.loss)), interval, messages, 1000 * seed});
  }
  for (const bench::RealPathJob& job : jobs) results.emplace_back(job);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < jobs.size(); ++i) threads.emplace_back([&, i] { rival.run(jobs[i], results[i]); });
  for (std::thread& thread : threads) thread.join();
  Outcome outcome;
  for (const bench::RealPathRun& result : results) {
    outcome.latencies_ms.insert(outcome.latencies_ms.end(), result.latencies_ms().begin(), result.latencies_ms().end());
    const auto used = result.used();
    outcome.bytes += static_cast<double>(used.bytes);
    outcome.wire += static_cast<double>(used.bytes + 28 * used.taken);
    outcome.messages += static_cast<int>(result.latencies_ms().size());
    outcome.disconnected += result.all_received() ? 0 : 1;
  }
  return outcome;
}

void real_time(std::uint64_t runs) {
  if (runs == 0) {
    std::printf("nothing in real time, for which there is --real-time N\n");
    return;
  }
  std::printf("in real time, over a relay on loopback, %llu runs each, of at most 20 s\n",
              static_cast<unsigned long long>(runs));
  bench::tell_absent_rivals();
  for (const Case& one : cases) {
    if (one.redundancy != 0) continue;  // of one library only
    for (const bench::RealPathRival& rival : bench::real_path_rivals()) {
      report(rival.name, one, run_in_real_time(rival, one, runs), false);
    }
  }
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

struct Bulk {
  std::vector<double> rates;  // bytes a second, until the other end has all of it
  std::vector<double> costs;  // processor time of both ends, ns for each byte
};

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

template <class Listener, class Take, class Give>
void bulk_over_loopback(Bulk& bulk, Listener listener, Take take, Give give) {
  const Address address = listener.local_address().value();
  std::error_code failed;
  std::thread taker([&] {
    EventLoop loop;
    failed = loop.run(take(listener)).error();
    listener = Listener();
  });
  EventLoop loop;
  const double cpu_before = processor_seconds();
  const auto start = Clock::now();
  const auto given = loop.run(give(address));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  taker.join();
  if (failed || !given) std::printf("failed: %s\n", (failed ? failed : given.error()).message().c_str());
  bulk.rates.push_back(static_cast<double>(bulk_bytes) / seconds);
  bulk.costs.push_back(1e9 * (processor_seconds() - cpu_before) / static_cast<double>(bulk_bytes));
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
  Bulk reliable;
  Bulk tcp;
  std::vector<double> lossy;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    bulk_over_loopback(reliable, ReliableListener::bind(Address::loopback_v4(0), bulk_options).value(), take_reliable,
                       give_reliable);
    bulk_over_loopback(tcp, TcpListener::bind(Address::loopback_v4(0)).value(), take_tcp, give_tcp);
    lossy.push_back(bulk_over_lossy_path(i + 1));
  }
  std::printf("64 MB in one stream, MB/s, median of %llu rounds\n", static_cast<unsigned long long>(rounds));
  std::printf("  loopback:             ReliableUdp %7.1f   TCP %7.1f\n", bench::median(reliable.rates) / 1e6,
              bench::median(tcp.rates) / 1e6);
  std::printf("    processor, ns/byte: ReliableUdp %7.2f   TCP %7.2f\n", bench::median(reliable.costs),
              bench::median(tcp.costs));
  // Mathis, Semke, Mahdavi and Ott, 1997: what Reno's congestion avoidance comes to. Linux 6.18's own, measured in
  // real time over a relay of packets between two network namespaces, came to 0.87 there, its BBR (which takes loss for
  // no sign of a full path) to 38, and ReliableUdp to 3.3.
  const double reno = 1448 / 0.020 * std::sqrt(1.5 / 0.01);
  std::printf("  1 %% loss, RTT 20 ms:  ReliableUdp %7.1f   TCP Reno %7.1f (by the formula of Mathis et al.)\n",
              bench::median(lossy) / 1e6, reno / 1e6);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments(argc, argv);
  const auto seeds = arguments.take_number("seeds", 100, 1, 100000);
  const auto real_runs = arguments.take_number("real-time", 0, 0, 100);
  const auto rounds = arguments.take_number("rounds", 5, 1, 1000);
  const bool is_bulk = arguments.take_flag("bulk");
  arguments.initialize_benchmark();
  if (is_bulk) return bulk(rounds);
  std::printf("latency in ms, bytes for each message of 200\n");
  std::printf("%-17s %-32s %7s %7s %7s %7s %8s %8s %5s\n", "", "loss", "p50", "p99", "p99.9", "most", "bytes", "wire",
              "ended");
  std::printf("simulated, %llu seeds\n", static_cast<unsigned long long>(seeds));
  for (const Case& one : cases) {
    Outcome outcome;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) run_once(one, seed, outcome);
    report("parley", one, outcome, true);
  }
  real_time(real_runs);
  return 0;
}
