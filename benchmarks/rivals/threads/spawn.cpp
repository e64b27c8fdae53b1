// SPDX-License-Identifier: BSL-1.0
// What a program without coroutines spawns and joins: threads, a hundred at a time.

#include "support/spawn_scenario.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kAtATime = 100;

std::size_t spawn_and_join(std::size_t count) {
  std::atomic<std::size_t> ran{0};
  std::vector<std::thread> threads;
  for (std::size_t spawned = 0; spawned < count; spawned += threads.size()) {
    threads.clear();
    for (std::size_t i = 0; i < std::min(kAtATime, count - spawned); ++i) threads.emplace_back([&ran] { ++ran; });
    for (std::thread& thread : threads) thread.join();
  }
  return ran;
}

const bench::SpawnRival registered{"threads", spawn_and_join, 0.01};

}  // namespace
