// SPDX-License-Identifier: BSL-1.0
#include <parley/core/time_source.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("a manual clock stands still until it is advanced", "[time_source]") {
  ManualClock clock;
  const TimePoint start = clock.now();
  CHECK_FALSE(clock.skip_to(start + 1h));
  CHECK(clock.now() == start);
  clock.advance(3s);
  CHECK(clock.now() == start + 3s);
}

TEST_CASE("a skipping clock jumps forward, never back", "[time_source]") {
  ManualClock clock(ManualClock::Idle::skip);
  const TimePoint start = clock.now();
  CHECK(clock.skip_to(start + 1h));
  CHECK(clock.now() == start + 1h);
  CHECK(clock.skip_to(start));
  CHECK(clock.now() == start + 1h);
}

namespace {
Task<> note_after(Duration duration, bool& noted) {
  static_cast<void>(co_await sleep(duration));
  noted = true;
}
}  // namespace

TEST_CASE("a loop with a manual clock fires timers only as the clock is advanced", "[time_source]") {
  ManualClock clock;
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  bool noted = false;
  REQUIRE(loop.post([&] { loop.detached().spawn(note_after(10s, noted)); }));
  for (int i = 0; i < 3; ++i) REQUIRE(loop.turn());
  CHECK_FALSE(noted);
  clock.advance(10s - 1ns);
  REQUIRE(loop.turn());
  CHECK_FALSE(noted);
  clock.advance(1ns);
  REQUIRE(loop.turn());
  CHECK(noted);
}

TEST_CASE("a loop with a skipping clock lets a year pass at once", "[time_source]") {
  ManualClock clock(ManualClock::Idle::skip);
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  const TimePoint start = clock.now();
  bool noted = false;
  REQUIRE(loop.run(note_after(24h * 365, noted)));
  CHECK(noted);
  CHECK(clock.now() == start + 24h * 365);
}
