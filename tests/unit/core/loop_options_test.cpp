// SPDX-License-Identifier: BSL-1.0
#include <parley/core/loop_options.hpp>

#include <parley/core/channel.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/when_all.hpp>

#include "support/catch.hpp"

using namespace parley;

namespace {

// Operations that finish at once, for as long as the other has not had its turn.
Task<int> count_until(const bool& other_ran) {
  int finished_at_once = 0;
  while (!other_ran && finished_at_once < 100000) {
    (void)co_await sleep(Duration::zero());
    ++finished_at_once;
  }
  co_return finished_at_once;
}

Task<> mark(bool& ran) {
  ran = true;
  co_return;
}

}  // namespace

TEST_CASE("max_inline bounds what one coroutine does before others get their turn") {
  LoopOptions options;
  options.max_inline = 8;
  EventLoop loop(options);
  bool other_ran = false;
  REQUIRE(loop.post([&] { loop.detached().spawn(mark(other_ran)); }));
  const auto finished_at_once = loop.run(count_until(other_ran));
  REQUIRE(finished_at_once);
  CHECK(*finished_at_once <= 2 * options.max_inline);
}

TEST_CASE("max_posted bounds the functions that wait") {
  LoopOptions options;
  options.max_posted = 2;
  EventLoop loop(options);
  CHECK(loop.post([] {}));
  CHECK(loop.post([] {}));
  CHECK(loop.post([] {}).error() == Error::queue_full);
  REQUIRE(loop.turn());
  CHECK(loop.post([] {}));
}

TEST_CASE("max_resumptions leaves the rest to the next turn") {
  LoopOptions options;
  options.max_resumptions = 1;
  ManualClock clock;
  options.time = &clock;
  EventLoop loop(options);
  int woken = 0;
  const auto sleeper = [](int& count) -> Task<> {
    (void)co_await sleep(std::chrono::seconds(1));
    ++count;
  };
  REQUIRE(loop.post([&] {
    for (int i = 0; i < 3; ++i) loop.detached().spawn(sleeper(woken));
  }));
  REQUIRE(loop.turn());
  clock.advance(std::chrono::seconds(2));
  for (int turns = 1; turns <= 3; ++turns) {
    REQUIRE(loop.turn());
    CHECK(woken == turns);
  }
}

TEST_CASE("the clock given is the loop's") {
  LoopOptions options;
  ManualClock clock;
  options.time = &clock;
  EventLoop loop(options);
  const TimePoint before = loop.now();
  clock.advance(std::chrono::hours(1));
  CHECK(loop.now() - before == std::chrono::hours(1));
}

TEST_CASE("a coroutine that never waits leaves a turn to what it has woken") {
  // Far more than one coroutine may do in a row; the receiver empties a queue much shorter than that.
  constexpr int items = 20000;
  EventLoop loop;
  Channel<int> queue(256);
  int received = 0;
  int refused = 0;
  const auto receiver = [&]() -> Task<> {
    while (const auto item = co_await queue.receive()) ++received;
  };
  const auto sender = [&]() -> Task<> {
    for (int i = 0; i < items; ++i) {
      if (!queue.try_send(i)) ++refused;
      (void)co_await sleep(Duration::zero());
    }
    queue.close();
  };
  const auto both = [&]() -> Task<> { (void)co_await when_all(receiver(), sender()); };
  REQUIRE(loop.run(both()));
  CHECK(refused == 0);
  CHECK(received == items);
}
