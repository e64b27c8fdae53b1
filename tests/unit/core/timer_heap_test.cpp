// SPDX-License-Identifier: BSL-1.0
#include <parley/core/detail/timer_heap.hpp>

#include <parley/core/detail/descriptor.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>

using namespace parley;
using detail::Operation;

namespace {
detail::Step nothing(Operation&, detail::Drive) { return detail::Step::done; }

struct Timer : Operation {
  Timer() : Operation(&nothing, platform::Direction::read) {}
};
}  // namespace

TEST_CASE("timers leave the heap in the order of their times", "[timer_heap]") {
  detail::TimerHeap heap;
  std::deque<Timer> timers(100);
  CHECK(heap.earliest() == INT64_MAX);
  for (std::size_t i = 0; i < timers.size(); ++i) REQUIRE(heap.set(timers[i], static_cast<std::int64_t>(i * 37 % 100)));
  CHECK(heap.earliest() == 0);
  for (std::int64_t time = 0; time < 100; ++time) {
    CHECK(heap.pop_due(time - 1) == nullptr);
    CHECK(heap.pop_due(time) != nullptr);
  }
  CHECK(heap.empty());
  CHECK(heap.pop_due(INT64_MAX) == nullptr);
}

TEST_CASE("removing a timer that is not in the heap does nothing", "[timer_heap]") {
  detail::TimerHeap heap;
  Timer inside;
  Timer outside;
  REQUIRE(heap.set(inside, 5));
  heap.remove(outside);
  CHECK(heap.size() == 1);
  heap.remove(inside);
  heap.remove(inside);
  CHECK(heap.empty());
}

TEST_CASE("random sets, changes and removals agree with a model", "[timer_heap]") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    detail::TimerHeap heap;
    std::deque<Timer> timers(64);
    std::map<Operation*, std::int64_t> model;
    for (int round = 0; round < 5000; ++round) {
      Operation& timer = timers[random() % timers.size()];
      switch (random() % 4) {
        case 0:
        case 1: {
          const auto time = static_cast<std::int64_t>(random() % 1000);
          REQUIRE(heap.set(timer, time));
          model[&timer] = time;
          break;
        }
        case 2:
          heap.remove(timer);
          model.erase(&timer);
          break;
        default: {
          const auto now = static_cast<std::int64_t>(random() % 1000);
          std::int64_t earliest = INT64_MAX;
          for (const auto& [key, time] : model) earliest = std::min(earliest, time);
          Operation* due = heap.pop_due(now);
          REQUIRE((due != nullptr) == (earliest <= now));
          if (due != nullptr) {
            REQUIRE(model.at(due) == earliest);
            model.erase(due);
          }
        }
      }
      REQUIRE(heap.size() == model.size());
    }
    for (auto& timer : timers) heap.remove(timer);
    CHECK(heap.empty());
  }
}

TEST_CASE("a heap that cannot grow says so and stays as it is", "[timer_heap]") {
  if (!support::allocations_are_counted()) return;
  detail::TimerHeap heap;
  std::deque<Timer> timers(1000);
  std::size_t fit = 0;
  REQUIRE(heap.set(timers[0], 1000));
  {
    const support::OutOfMemory none;
    for (fit = 1; fit < timers.size(); ++fit) {
      if (!heap.set(timers[fit], static_cast<std::int64_t>(1000 - fit))) break;
    }
  }
  REQUIRE(fit < timers.size());
  CHECK(heap.size() == fit);
  CHECK(heap.set(timers[fit], 0));
  CHECK(heap.pop_due(0) == &timers[fit]);
  CHECK(heap.size() == fit);
}
