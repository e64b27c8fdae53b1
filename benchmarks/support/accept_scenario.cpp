// SPDX-License-Identifier: BSL-1.0
#include "support/accept_scenario.hpp"

#include "support/accept_load.hpp"
#include "support/arguments.hpp"
#include "support/clock.hpp"
#include "support/cpus.hpp"
#include "support/results.hpp"
#include "support/server_process.hpp"
#include "support/servers.hpp"
#include "support/sockets.hpp"
#include "support/statistics.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bench {
namespace {

struct Settings {
  std::uint64_t connections;
  std::size_t in_flight;
};

void measure(const std::string& name, const Settings& settings, Results& results) {
  const ServerProcess server{name};
  AcceptLoad load{server.port(), settings.in_flight};
  load.run(settings.connections / 10 + 1, nullptr);
  server.settle();
  std::vector<double> latencies_s;
  latencies_s.reserve(settings.connections);
  const double used_before_s = server.cpu().total_s;
  const double began_s = now_s();
  load.run(settings.connections, &latencies_s);
  const double lasted_s = now_s() - began_s;
  server.settle();
  const double used_s = server.cpu().total_s - used_before_s;
  const auto connections = static_cast<double>(settings.connections);
  results.add(name, "cpu_s", used_s / connections);
  results.add(name, "per_connection_s", lasted_s / connections);
  results.add(name, "connections_per_s", connections / lasted_s);
  results.add(name, "server_busy", used_s / lasted_s);
  results.add(name, "p50_s", percentile(latencies_s, 0.5));
  results.add(name, "p99_s", percentile(latencies_s, 0.99));
}

}  // namespace

int accept_main(int argc, char** argv) {
  serve_if_asked(argc, argv);
  Arguments arguments{argc, argv};
  Settings settings{};
  settings.connections = arguments.take_number("connections", 20'000, 1, 100'000'000);
  settings.in_flight = arguments.take_number("in_flight", 64, 1, 1000);
  const std::uint64_t rounds = arguments.take_number("rounds", 9, 1, 100'000);
  const std::vector<Server> rivals = servers(arguments.take_text("servers"));
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  tell_absent_rivals();
  raise_descriptor_limit(2 * settings.in_flight + 64);
  cpu_count();
  pin_to_load_cpu();
  Results results{"accept", {"epoll"}};
  interleave(rounds, rivals.size(),
             [&](std::size_t rival, std::size_t) { measure(rivals[rival].name, settings, results); });
  results.report();
  results.write(samples);
  results.print("cpu_s", "processor time of the server, user and system", "us per connection", 1e6);
  results.print("connections_per_s", "connections accepted, greeted and closed", "thousands per second", 1e-3);
  return 0;
}

}  // namespace bench
