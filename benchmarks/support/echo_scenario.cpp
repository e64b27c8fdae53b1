// SPDX-License-Identifier: BSL-1.0
#include "support/echo_scenario.hpp"

#include "support/arguments.hpp"
#include "support/clock.hpp"
#include "support/cpus.hpp"
#include "support/echo_load.hpp"
#include "support/instructions.hpp"
#include "support/results.hpp"
#include "support/server_process.hpp"
#include "support/servers.hpp"
#include "support/sockets.hpp"
#include "support/statistics.hpp"

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

struct Settings {
  EchoLoad::Options load;
  std::uint64_t rounds;
  std::uint64_t round_trips;
  std::uint64_t rounds_per_process;
};

// A server with its load, kept for several rounds, so that rounds can be short. It is made anew from time to time,
// because where its memory lies is a matter of luck.
class Contestant {
 public:
  Contestant(std::string name, const Settings& settings) : name_{std::move(name)}, settings_{settings} {}

  void play_round(std::size_t round, Results& results) {
    if (round % settings_.rounds_per_process == 0) start();
    load_->run(settings_.load.connections, nullptr);  // others have had the caches meanwhile
    server_->settle();
    measure(results);
  }

 private:
  void start() {
    load_.reset();
    server_ = std::make_unique<ServerProcess>(name_);
    load_ = std::make_unique<EchoLoad>(server_->port(), settings_.load);
    load_->run(2 * settings_.load.connections, nullptr);  // allocators reach their steady state
  }

  void measure(Results& results) {
    const auto round_trips = static_cast<double>(settings_.round_trips);
    std::vector<double> latencies_s;
    latencies_s.reserve(settings_.round_trips);
    const CpuUse before = server_->cpu();
    const std::uint64_t allocations_before = server_->counters().allocations;
    const double began_s = now_s();
    load_->run(settings_.round_trips, &latencies_s);
    const double lasted_s = now_s() - began_s;
    server_->settle();
    const double used_s = server_->cpu().total_s - before.total_s;
    results.add(name_, "cpu_s", used_s / round_trips);
    if (server_->counters().counting)
      results.add(name_, "allocations",
                  static_cast<double>(server_->counters().allocations - allocations_before) / round_trips);
    results.add(name_, "server_busy", used_s / lasted_s);
    results.add(name_, "round_trips_per_s", round_trips / lasted_s);
    results.add(name_, "p50_s", percentile(latencies_s, 0.5));
    results.add(name_, "p99_s", percentile(latencies_s, 0.99));
    results.add(name_, "p99.9_s", percentile(latencies_s, 0.999));
    results.add(name_, "max_s", percentile(latencies_s, 1));
  }

  std::string name_;
  Settings settings_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<EchoLoad> load_;
};

void count_instructions(const std::vector<Server>& rivals, const Settings& settings) {
  Results results{"echo", {"epoll"}};
  for (const Server& server : rivals) {
    if (std::strstr(server.name, "io_uring") != nullptr) {
      std::fprintf(stderr, "%s is left out: valgrind's programs do not see what io_uring does\n", server.name);
      continue;
    }
    results.add(server.name, "instructions",
                instructions_per_round_trip(server.name, settings.load, settings.round_trips));
  }
  results.print("instructions", "instructions of the server in user space", "per round trip", 1);
}

void measure_time(const std::vector<Server>& rivals, const Settings& settings, const std::string& samples) {
  raise_descriptor_limit(settings.load.connections * rivals.size() + 64);
  std::vector<Contestant> contestants;
  for (const Server& server : rivals) contestants.emplace_back(server.name, settings);
  Results results{"echo", {"epoll"}};
  interleave(settings.rounds, contestants.size(),
             [&](std::size_t rival, std::size_t round) { contestants[rival].play_round(round, results); });
  results.report();
  results.write(samples);
  results.print("cpu_s", "processor time of the server, user and system", "ns per round trip", 1e9);
  results.print("allocations", "heap allocations of the server in the steady state", "per round trip", 1);
}

}  // namespace

int echo_main(int argc, char** argv) {
  serve_if_asked(argc, argv);
  Arguments arguments{argc, argv};
  const bool instructions = arguments.take_flag("instructions");
  Settings settings{};
  settings.load.connections = arguments.take_number("connections", 1000, 1, 15'000);
  settings.load.in_flight = arguments.take_number("in_flight", settings.load.connections, 1, settings.load.connections);
  settings.load.message_bytes = arguments.take_number("message_bytes", 64, 8, kEchoBufferBytes);
  settings.rounds = arguments.take_number("rounds", 100, 1, 100'000);
  settings.round_trips = arguments.take_number("round_trips", instructions ? 20'000 : 5'000, 1, 100'000'000);
  settings.rounds_per_process = arguments.take_number("rounds_per_process", 10, 1, 100'000);
  const std::vector<Server> rivals = servers(arguments.take_text("servers"));
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  tell_absent_rivals();
  cpu_count();
  pin_to_load_cpu();
  if (!instructions) {
    measure_time(rivals, settings, samples);
  } else if (has_valgrind()) {
    raise_descriptor_limit(settings.load.connections + 64);
    count_instructions(rivals, settings);
  } else {
    std::fprintf(stderr, "benchmark: --instructions needs valgrind, which cannot be run\n");
    return 1;
  }
  return 0;
}

}  // namespace bench
