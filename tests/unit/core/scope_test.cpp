// SPDX-License-Identifier: BSL-1.0
#include <parley/core/scope.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/loop_thread.hpp>
#include <parley/core/resume_on.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <stdexcept>

using namespace parley;
using namespace std::chrono_literals;

namespace {

Task<Result<>> end_with(Duration after, std::error_code error) {
  static_cast<void>(co_await sleep(after));
  co_return error;
}

Task<> sleep_until_stopped(int& stopped) {
  const auto slept = co_await sleep(Duration::max());
  if (slept.error() == Error::cancelled) ++stopped;
}

}  // namespace

TEST_CASE("a scope starts its tasks at once and joins them", "[scope]") {
  EventLoop loop;
  int stopped = 0;
  const auto program = [&]() -> Task<> {
    Scope scope;
    const auto nothing = co_await scope.join();
    CHECK(nothing);
    scope.spawn(end_with(0ms, {}));
    CHECK(scope.size() == 0);
    scope.spawn(end_with(1ms, {}));
    scope.spawn(sleep_until_stopped(stopped));
    CHECK(scope.size() == 2);
    {
      const auto got = co_await scope.join().within(5ms);
      CHECK(got.error() == Error::timed_out);
    }
    CHECK(scope.size() == 1);
    CHECK(stopped == 0);
    {
      const auto got = co_await scope.cancel_and_join();
      CHECK(got);
    }
    CHECK(scope.size() == 0);
  };
  REQUIRE(loop.run(program()));
  CHECK(stopped == 1);
}

TEST_CASE("an isolating scope lets the others go on, and reports the first failure", "[scope]") {
  EventLoop loop;
  const auto program = [&]() -> Task<> {
    Scope scope;
    bool late_one_done = false;
    const auto late = [&]() -> Task<> {
      const auto slept = co_await sleep(4ms);
      late_one_done = slept.has_value();
    };
    scope.spawn(end_with(2ms, Error::malformed));
    scope.spawn(end_with(1ms, Error::truncated));
    scope.spawn(end_with(1ms, Error::cancelled));  // no failure
    scope.spawn(late());
    const auto joined = co_await scope.join();
    CHECK(joined.error() == Error::truncated);
    CHECK(scope.failures() == 2);
    CHECK(late_one_done);
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("fail_together stops all at the first failure, later ones too", "[scope]") {
  EventLoop loop;
  int stopped = 0;
  const auto program = [&]() -> Task<> {
    Scope scope(fail_together);
    for (int i = 0; i < 5; ++i) scope.spawn(sleep_until_stopped(stopped));
    scope.spawn(end_with(1ms, Error::malformed));
    {
      const auto got = co_await scope.join();
      CHECK(got.error() == Error::malformed);
    }
    CHECK(stopped == 5);
    scope.spawn(sleep_until_stopped(stopped));
    CHECK(stopped == 6);
  };
  REQUIRE(loop.run(program()));
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("an exception of a task is thrown by the join", "[scope]") {
  EventLoop loop;
  const auto thrower = [](Duration after) -> Task<> {
    if (after != 0s) static_cast<void>(co_await sleep(after));
    throw std::runtime_error("a task's");
  };
  int stopped = 0;
  const auto program = [&](Duration after) -> Task<> {
    Scope scope(fail_together);
    scope.spawn(sleep_until_stopped(stopped));
    scope.spawn(thrower(after));
    CHECK(scope.failures() == (after == 0s ? 1U : 0U));
    static_cast<void>(co_await scope.join());
  };
  CHECK_THROWS_AS(loop.run(program(0s)), std::runtime_error);
  CHECK_THROWS_AS(loop.run(program(1ms)), std::runtime_error);
  CHECK(stopped == 2);
}
#endif

TEST_CASE("a join passes the stop on to the tasks and goes on until they have ended", "[scope]") {
  EventLoop loop;
  int stopped = 0;
  bool cleaned_up = false;
  const auto slow_to_end = [&]() -> Task<> {
    static_cast<void>(co_await sleep(Duration::max()));
    static_cast<void>(co_await sleep(2ms).stop({}));
    cleaned_up = true;
  };
  const auto program = [&]() -> Task<Result<>> {
    Scope scope;
    scope.spawn(sleep_until_stopped(stopped));
    scope.spawn(slow_to_end());
    const auto joined = co_await scope.join();
    CHECK(scope.size() == 0);
    co_return joined;
  };
  REQUIRE(loop.post([&] { loop.stop(); }));
  CHECK(loop.run(program()));
  CHECK(stopped == 1);
  CHECK(cleaned_up);
  // The stop was requested before the join.
  cleaned_up = false;
  CHECK(loop.run(program()));
  CHECK(stopped == 2);
  CHECK(cleaned_up);
}

TEST_CASE("a second join at the same time is refused", "[scope]") {
  EventLoop loop;
  Scope shared;
  int stopped = 0;
  Result<> second;
  const auto join_too = [&]() -> Task<> { second = co_await shared.join(); };
  const auto program = [&]() -> Task<> {
    shared.spawn(sleep_until_stopped(stopped));
    Scope joiners;
    const auto join_first = [&]() -> Task<> {
      const auto got = co_await shared.join();
      CHECK(got);
    };
    joiners.spawn(join_first());
    joiners.spawn(join_too());
    CHECK(second.error() == Error::busy);
    shared.cancel();
    static_cast<void>(co_await joiners.join());
    {
      const auto got = co_await shared.join();
      CHECK(got);
    }
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("a scope that is destroyed destroys what still runs in it", "[scope]") {
  EventLoop loop;
  int alive = 0;
  struct Guard {
    explicit Guard(int& counter) noexcept : count(counter) { ++count; }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { --count; }
    int& count;
  };
  const auto sleeper = [&]() -> Task<> {
    const Guard guard(alive);
    static_cast<void>(co_await sleep(1h));
  };
  const auto nested = [&]() -> Task<> {
    const Guard guard(alive);
    Scope inner;
    inner.spawn(sleeper());
    inner.spawn(sleeper());
    static_cast<void>(co_await inner.join());
  };
  const auto program = [&]() -> Task<> {
    {
      Scope scope;
      scope.spawn(sleeper());
      scope.spawn(nested());
      CHECK(alive == 4);
      static_cast<void>(co_await sleep(1ms));
    }
    CHECK(alive == 0);
    static_cast<void>(co_await sleep(1ms));
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("a task may spawn others in its own scope", "[scope]") {
  EventLoop loop;
  int count = 0;
  Scope scope;
  struct Spawner {
    static Task<> spawn(Scope& scope, int& count, int depth) {
      ++count;
      static_cast<void>(co_await sleep(10us));
      if (depth > 0) {
        scope.spawn(spawn(scope, count, depth - 1));
        scope.spawn(spawn(scope, count, depth - 1));
      }
    }
  };
  const auto program = [&]() -> Task<> {
    scope.spawn(Spawner::spawn(scope, count, 6));
    {
      const auto got = co_await scope.join();
      CHECK(got);
    }
  };
  REQUIRE(loop.run(program()));
  CHECK(count == 127);
}

TEST_CASE("tasks may finish on another loop's thread", "[scope]") {
  LoopThread other;
  EventLoop loop;
  std::atomic<int> finished = 0;
  const auto visitor = [&](int i) -> Task<Result<>> {
    if (const auto moved = co_await resume_on(other.loop()); !moved) co_return moved;
    ++finished;
    if (i % 2 == 0) static_cast<void>(co_await sleep(1us));
    co_return i == 77 ? Result<>(Error::malformed) : Result<>();
  };
  const auto program = [&]() -> Task<Result<>> {
    Scope scope;
    for (int i = 0; i < 500; ++i) scope.spawn(visitor(i));
    co_return co_await scope.join();
  };
  CHECK(loop.run(program()).error() == Error::malformed);
  CHECK(finished == 500);
}
