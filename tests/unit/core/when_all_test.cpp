// SPDX-License-Identifier: BSL-1.0
#include <parley/core/when_all.hpp>

#include <parley/core/channel.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/net.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {

struct SkippingLoop {
  SkippingLoop() : loop(LoopOptions{.time = &clock}) {}
  template <class T>
  auto run(Task<T> task) {
    return loop.run(std::move(task));
  }
  ManualClock clock{ManualClock::Idle::skip};
  EventLoop loop;
};

Task<int> after(Duration duration, int value) {
  const auto slept = co_await sleep(duration);
  co_return slept ? value : -value;
}
Task<int> fails_after(Duration duration, const char* why) {
  static_cast<void>(co_await sleep(duration));
  throw std::runtime_error(why);
}
Task<std::unique_ptr<int>> owning(int value) { co_return std::make_unique<int>(value); }
Task<> nothing() { co_return; }

template <class... Ts>
concept CanJoin = requires(Ts&&... ts) { when_all(std::forward<Ts>(ts)...); };
static_assert(CanJoin<Task<int>, Task<>>);
static_assert(CanJoin<std::vector<Task<int>>>);
static_assert(!CanJoin<Task<int>&>);
static_assert(!CanJoin<>);

}  // namespace

TEST_CASE("all results are there, in order, when the last has finished") {
  SkippingLoop skipping;
  const TimePoint start = skipping.clock.now();
  const auto go = []() -> Task<> {
    auto [slept, late, none, owned] = co_await when_all(sleep(1ms), after(1h, 2), nothing(), owning(3));
    CHECK(slept);
    CHECK(late == 2);
    static_assert(std::is_same_v<decltype(none), std::monostate>);
    CHECK(*owned == 3);
  };
  skipping.run(go()).value();
  CHECK(skipping.clock.now() - start == 1h);
}

TEST_CASE("a failure stops nobody, and is told at the end") {
  SkippingLoop skipping;
  const TimePoint start = skipping.clock.now();
  const auto go = []() -> Task<std::string> {
    const auto results = co_await when_all(sleep(1h).within(1ms), sleep(10ms));
    CHECK(std::get<0>(results).error() == Error::timed_out);
    CHECK(std::get<1>(results));
    try {
      static_cast<void>(co_await when_all(after(1h, 1), fails_after(2ms, "second"), fails_after(1ms, "third")));
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing";
  };
  CHECK(skipping.run(go()).value() == "second");
  CHECK(skipping.clock.now() - start == 1h + 10ms);
}

TEST_CASE("any number of tasks of one type gives a vector") {
  SkippingLoop skipping;
  const auto go = []() -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 1000; ++i) tasks.push_back(after((i * 7 % 10) * 1ms, i));
    const auto results = co_await when_all(std::move(tasks));
    REQUIRE(results.size() == 1000);
    for (int i = 0; i < 1000; ++i) REQUIRE(results[static_cast<std::size_t>(i)] == i);
    std::vector<Task<>> voids;
    voids.push_back(nothing());
    const auto monostates = co_await when_all(std::move(voids));
    CHECK(monostates.size() == 1);
    std::vector<Task<int>> none;
    const auto empty = co_await when_all(std::move(none));
    CHECK(empty.empty());
  };
  skipping.run(go()).value();
}

TEST_CASE("a stop of the caller reaches all, in a vector and in nested groups too") {
  SkippingLoop skipping;
  StopSource source;
  const TimePoint start = skipping.clock.now();
  const auto go = [&]() -> Task<> {
    EventLoop::current()->post([&] { source.request_stop(); }).value();
    std::vector<Task<int>> tasks;
    for (int i = 1; i <= 3; ++i) tasks.push_back(after(1h, i));
    auto group = when_all(std::move(tasks));
    const auto results = co_await when_all(std::move(group), when_all(sleep(1h), after(1h, 5)), sleep(1h));
    CHECK(std::get<0>(results) == std::vector<int>{-1, -2, -3});
    CHECK(std::get<0>(std::get<1>(results)).error() == Error::cancelled);
    CHECK(std::get<1>(std::get<1>(results)) == -5);
    CHECK(std::get<2>(results).error() == Error::cancelled);
  };
  skipping.run(go().with_stop(source.token())).value();
  CHECK(skipping.clock.now() == start);
}

TEST_CASE("a task keeps a token of its own") {
  SkippingLoop skipping;
  StopSource mine;
  StopSource callers;
  callers.request_stop();
  const auto go = [&]() -> Task<> {
    const auto results = co_await when_all(after(1ms, 1).with_stop(mine.token()), after(1ms, 2));
    CHECK(std::get<0>(results) == 1);
    CHECK(std::get<1>(results) == -2);
  };
  skipping.run(go().with_stop(callers.token())).value();
}

TEST_CASE("waiting for all operations allocates nothing") {
  if (!support::allocations_are_counted()) return;
  std::size_t made = 0;
  const auto go = [&]() -> Task<> {
    Channel<int> channel(1);
    std::size_t before = 0;
    for (int i = 0; i < 50; ++i) {
      if (i == 5) before = support::allocations();
      static_cast<void>(co_await when_all(channel.receive(), channel.send(1), sleep(Duration(1))));
    }
    made = support::allocations() - before;
  };
  support::run(go());
  CHECK(made == 0);
}
