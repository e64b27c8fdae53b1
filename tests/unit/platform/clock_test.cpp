// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/clock.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <ratio>

using namespace parley;
using namespace std::chrono_literals;

static_assert(Clock::is_steady);
static_assert(std::is_same_v<Duration::period, std::nano>);
static_assert(sizeof(Duration::rep) == sizeof(std::int64_t));

TEST_CASE("the clock does not go back") {
  TimePoint last = Clock::now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = Clock::now();
    REQUIRE(now >= last);
    last = now;
  }
}

TEST_CASE("any unit of time becomes a Duration, and no more than that can count") {
  using namespace std::chrono;
  CHECK(to_duration(2s) == Duration(2'000'000'000));
  CHECK(to_duration(duration<double>(1.5e-9)) == Duration(2));
  CHECK(to_duration(hours(24 * 365 * 292)) == hours(24 * 365 * 292));
  CHECK(to_duration(hours(24 * 365 * 300)) == Duration::max());
  CHECK(to_duration(hours::max()) == Duration::max());
  CHECK(to_duration(hours::min()) == Duration::min());
  CHECK(to_duration(Duration::max()) == Duration::max());
  CHECK(to_duration(Duration(-1)) == Duration(-1));
}
