// SPDX-License-Identifier: BSL-1.0
#include "support/spawn_scenario.hpp"

#include "support/arguments.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/in_child.hpp"
#include "support/results.hpp"
#include "support/servers.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace bench {
namespace {

std::vector<SpawnRival>& registry() {
  static std::vector<SpawnRival> all;
  return all;
}

// Seconds of one task.
double measure(const SpawnRival& rival, std::size_t tasks) {
  const std::size_t count =
      std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(tasks) * rival.share));
  return in_child([&] {
    if (rival.run(count) != count) die("not every task has run");
    const double began_s = cpu_s();
    if (rival.run(count) != count) die("not every task has run");
    return (cpu_s() - began_s) / static_cast<double>(count);
  });
}

}  // namespace

SpawnRival::SpawnRival(const char* rival_name, Run spawn_and_join, double share_of_tasks)
    : name{rival_name}, run{spawn_and_join}, share{share_of_tasks} {
  registry().push_back(*this);
}

int spawn_main(int argc, char** argv, const char* reference) {
  Arguments arguments{argc, argv};
  const std::size_t tasks = arguments.take_number("tasks", 1'000'000, 1, 100'000'000);
  const std::size_t rounds = arguments.take_number("rounds", 9, 1, 100'000);
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  tell_absent_rivals();
  cpu_count();
  std::vector<SpawnRival>& rivals = registry();
  std::sort(rivals.begin(), rivals.end(),
            [](const SpawnRival& a, const SpawnRival& b) { return std::strcmp(a.name, b.name) < 0; });
  Results results{"spawn", {reference}};
  interleave(rounds, rivals.size(), [&](std::size_t rival, std::size_t) {
    results.add(rivals[rival].name, "cpu_s", measure(rivals[rival], tasks));
  });
  results.report();
  results.write(samples);
  results.print("cpu_s", "a task spawned and joined", "ns of processor time", 1e9);
  return 0;
}

}  // namespace bench
