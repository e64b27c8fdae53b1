// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/clock.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <ratio>

using namespace parley;

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
