// SPDX-License-Identifier: BSL-1.0
#include <parley/core/sleep.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/scope.hpp>

#include "support/catch.hpp"

#include <random>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {
struct Fixture {
  Fixture() { options.time = &clock; }
  ManualClock clock{ManualClock::Idle::skip};
  LoopOptions options;
};

Task<Result<>> sleep_for(Duration duration) { co_return co_await sleep(duration); }
Task<Result<>> sleep_within(Duration duration, Duration timeout) { co_return co_await sleep(duration).within(timeout); }
Task<Result<>> sleep_until_time(TimePoint time) { co_return co_await sleep_until(time); }
}  // namespace

TEST_CASE("a sleep lasts exactly its time", "[sleep]") {
  Fixture f;
  EventLoop loop(f.options);
  const TimePoint start = f.clock.now();
  CHECK(loop.run(sleep_for(90min)));
  CHECK(f.clock.now() == start + 90min);
  CHECK(loop.run(sleep_until_time(start + 2h)));
  CHECK(f.clock.now() == start + 2h);
}

TEST_CASE("a sleep of nothing, or until a time that has passed, ends at once", "[sleep]") {
  Fixture f;
  EventLoop loop(f.options);
  const TimePoint start = f.clock.now();
  CHECK(loop.run(sleep_for(0s)));
  CHECK(loop.run(sleep_for(-1h)));
  CHECK(loop.run(sleep_for(Duration::min())));
  CHECK(loop.run(sleep_until_time(start)));
  CHECK(loop.run(sleep_until_time(TimePoint::min())));
  CHECK(f.clock.now() == start);
}

TEST_CASE("a timeout that is shorter than the sleep ends it, a longer or equal one does not", "[sleep]") {
  Fixture f;
  EventLoop loop(f.options);
  const TimePoint start = f.clock.now();
  CHECK(loop.run(sleep_within(1h, 1min)).error() == Error::timed_out);
  CHECK(f.clock.now() == start + 1min);
  CHECK(loop.run(sleep_within(1min, 1h)));
  CHECK(loop.run(sleep_within(1min, 1min)));
  CHECK(loop.run(sleep_within(1h, 0s)).error() == Error::timed_out);
  CHECK(loop.run(sleep_within(0s, 0s)));
  CHECK(loop.run(sleep_within(1h, -5s)).error() == Error::timed_out);
}

TEST_CASE("a stop ends a sleep, also one without end", "[sleep]") {
  EventLoop loop;
  REQUIRE(loop.post([&] { loop.stop(); }));
  CHECK(loop.run(sleep_for(Duration::max())).error() == Error::cancelled);
  CHECK(loop.run(sleep_for(1h)).error() == Error::cancelled);  // it was requested before
}

TEST_CASE("a time that has come wins over a stop", "[sleep]") {
  Fixture f;
  EventLoop loop(f.options);
  StopSource source;
  std::vector<bool> slept(2);
  const auto sleeper = [&](std::size_t index, Duration duration) -> Task<> {
    slept[index] = (co_await sleep(duration).stop(source.token())).has_value();
  };
  const auto program = [&]() -> Task<> {
    Scope scope;
    scope.spawn(sleeper(0, 1min));
    scope.spawn(sleeper(1, 1min + 1ns));
    f.clock.advance(1min);
    source.request_stop();
    static_cast<void>(co_await scope.join());
  };
  REQUIRE(loop.run(program()));
  CHECK(slept[0]);
  CHECK_FALSE(slept[1]);
}

TEST_CASE("a duration in any unit is understood, and never shortened", "[sleep]") {
  Fixture f;
  EventLoop loop(f.options);
  const TimePoint start = f.clock.now();
  const auto fractional = [](double ms) -> Task<Result<>> {
    co_return co_await sleep(std::chrono::duration<double, std::milli>(ms));
  };
  CHECK(loop.run(fractional(0.0000015)));
  CHECK(f.clock.now() - start == 2ns);
  const auto huge = []() -> Task<Result<>> {
    co_return co_await sleep(std::chrono::duration<double>(1e300)).within(1s);
  };
  CHECK(loop.run(huge()).error() == Error::timed_out);
}

TEST_CASE("a plain thread can sleep", "[sleep]") {
  const TimePoint start = Clock::now();
  CHECK(sleep(2ms).wait());
  CHECK(Clock::now() - start >= 2ms);
  CHECK(sleep(1h).within(1ms).wait().error() == Error::timed_out);
  CHECK(sleep(0s).wait());
  StopSource source;
  source.request_stop();
  CHECK(sleep(1h).stop(source.token()).wait().error() == Error::cancelled);
}

TEST_CASE("sleepers wake in the order of their times", "[sleep]") {
  Fixture f;
  EventLoop loop(f.options);
  std::vector<int> order;
  const auto sleeper = [](int ms, std::vector<int>& woken) -> Task<> {
    static_cast<void>(co_await sleep(std::chrono::milliseconds(ms)));
    woken.push_back(ms);
  };
  const auto all = [&]() -> Task<> {
    Scope scope;
    std::mt19937 random(1);
    for (int i = 0; i < 1000; ++i) scope.spawn(sleeper(static_cast<int>(random() % 500), order));
    static_cast<void>(co_await scope.join());
  };
  REQUIRE(loop.run(all()));
  CHECK(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}
