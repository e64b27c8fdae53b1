// SPDX-License-Identifier: BSL-1.0
#include <parley/core/thread_pool.hpp>

#include <parley/core/offload.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("finish() does what is queued, ends the threads, and refuses more", "[thread_pool]") {
  std::atomic<int> done = 0;
  ThreadPool pool({2, 100});
  CHECK(offload(pool, [&] { ++done; }).wait());
  pool.finish();
  CHECK(done == 1);
  CHECK(offload(pool, [&] { ++done; }).wait().error() == Error::closed);
  pool.finish();
  CHECK(done == 1);
}

TEST_CASE("a pool that nothing was given to starts no thread and ends at once", "[thread_pool]") {
  ThreadPool pool;
  pool.finish();
  ThreadPool other;
}

TEST_CASE("a pool runs as much at once as it has threads, at least one", "[thread_pool]") {
  ThreadPool pool({3, 100});
  std::atomic<int> inside = 0;
  // Each waits until all three are inside: with fewer threads this would not end.
  const auto meet = [&] {
    ++inside;
    while (inside < 3) std::this_thread::yield();
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] { static_cast<void>(offload(pool, meet).wait()); });
  }
  for (auto& caller : callers) caller.join();
  CHECK(inside == 3);
  ThreadPool none({0, 100});
  CHECK(*offload(none, [] { return 5; }).wait() == 5);
}

TEST_CASE("there is one shared pool", "[thread_pool]") { CHECK(&ThreadPool::shared() == &ThreadPool::shared()); }
