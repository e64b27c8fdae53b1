// SPDX-License-Identifier: BSL-1.0
#pragma once
// Tasks spawned and joined, each of which ends at once: processor time of one.
//
//   bench_spawn                    rounds of all rivals in turn, then a table of medians and ratios
//
// Own options: --tasks=1000000 --rounds=9 --samples=FILE. All others are Google Benchmark's.
//
// A rival registers a function that spawns `count` tasks, waits until all have ended, and returns how many have run:
//
//   const bench::SpawnRival registered{"asio", spawn_and_join};
//
// Every round is a process of its own, which runs the function once to warm up, and again to be measured.

#include <cstddef>

namespace bench {

struct SpawnRival {
  using Run = std::size_t (*)(std::size_t count);
  /// `share` is the part of the tasks that is enough to measure a slow one.
  SpawnRival(const char* rival_name, Run spawn_and_join, double share = 1);

  const char* name;
  Run run;
  double share;
};

/// The whole of main() of the scenario. Ratios are to `reference`.
int spawn_main(int argc, char** argv, const char* reference);

}  // namespace bench
