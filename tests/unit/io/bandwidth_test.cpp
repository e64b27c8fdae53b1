// SPDX-License-Identifier: BSL-1.0
#include <parley/io/bandwidth.hpp>

#include <parley/core/time_source.hpp>

#include "support/catch.hpp"

#include <chrono>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("what was moved is paid for before the next piece is due") {
  ManualClock clock;
  Bandwidth limit(1000);
  CHECK(limit.at_most(5000) == 100);
  CHECK(limit.at_most(7) == 7);
  CHECK(limit.due() <= clock.now());
  limit.took(100, clock.now());
  CHECK(limit.due() == clock.now() + 100ms);
  limit.took(50, clock.now());
  CHECK(limit.due() == clock.now() + 150ms);
  clock.advance(1h);  // nothing is saved up
  limit.took(100, clock.now());
  CHECK(limit.due() == clock.now() + 100ms);
}

TEST_CASE("a byte a second is still one at a time, and no limit is none") {
  ManualClock clock;
  Bandwidth slow(1);
  CHECK(slow.at_most(5000) == 1);
  Bandwidth any(0);
  CHECK(any.at_most(5000) == 5000);
  any.took(1'000'000, clock.now());
  CHECK(any.due() == TimePoint::min());
}
