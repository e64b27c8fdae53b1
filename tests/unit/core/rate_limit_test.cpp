// SPDX-License-Identifier: BSL-1.0
#include <parley/core/rate_limit.hpp>

#include <parley/core/time_source.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>

using namespace parley;
using namespace std::chrono_literals;

namespace {

static_assert(sizeof(RateLimit::Use) == 8);

/// How many of that amount may be taken at once now.
int taken_now(const RateLimit& limit, RateLimit::Use& use, const ManualClock& clock, std::uint64_t amount = 1) {
  int taken = 0;
  while (taken < 1000 && limit.try_take(use, clock.now(), amount)) ++taken;
  return taken;
}

}  // namespace

TEST_CASE("a burst is taken at once, then so many a second") {
  ManualClock clock;
  const RateLimit limit(10, 5);
  RateLimit::Use use;
  CHECK(taken_now(limit, use, clock) == 5);
  CHECK(limit.due(use) == clock.now() + 100ms);
  clock.advance(99ms);
  CHECK(taken_now(limit, use, clock) == 0);
  clock.advance(1ms);
  CHECK(taken_now(limit, use, clock) == 1);
  clock.advance(1s);  // no more is saved up than a burst
  CHECK(taken_now(limit, use, clock) == 5);
  clock.advance(1h);
  CHECK(taken_now(limit, use, clock) == 5);
}

TEST_CASE("over a long time the rate is kept, however it is asked for") {
  ManualClock clock;
  const RateLimit limit(7, 3);
  RateLimit::Use use;
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) {
    clock.advance(1ms);
    taken += taken_now(limit, use, clock);
  }
  CHECK(taken >= 700);
  CHECK(taken <= 703);
}

TEST_CASE("amounts count, and one over the burst goes when all before it is paid for") {
  ManualClock clock;
  const RateLimit limit(1'000'000, 64'000);  // bytes
  RateLimit::Use use;
  CHECK(taken_now(limit, use, clock, 16'000) == 4);
  clock.advance(15ms);
  CHECK_FALSE(limit.try_take(use, clock.now(), 16'000));
  clock.advance(1ms);
  CHECK(limit.try_take(use, clock.now(), 16'000));
  CHECK(limit.due(use, 1'000'000) == clock.now() + 64ms);
  clock.advance(64ms);
  CHECK(limit.try_take(use, clock.now(), 1'000'000));
  CHECK(limit.due(use, 64'000) == clock.now() + 1s);
}

TEST_CASE("what has happened already counts, too") {
  ManualClock clock;
  const RateLimit limit(10, 2);
  RateLimit::Use use;
  limit.take(use, clock.now(), 20);
  CHECK(use.paid_until() == clock.now() + 2s);
  CHECK(limit.due(use) == clock.now() + 1900ms);
}

TEST_CASE("each has a use of their own, and no limit is none") {
  ManualClock clock;
  const RateLimit limit(1, 1);
  RateLimit::Use one;
  RateLimit::Use other;
  CHECK(taken_now(limit, one, clock) == 1);
  CHECK(taken_now(limit, other, clock) == 1);
  CHECK(taken_now(RateLimit(0, 0), one, clock) == 1000);
  CHECK(RateLimit(0, 1).due(one) == TimePoint::min());
}

TEST_CASE("the largest figures do not overflow") {
  ManualClock clock;
  for (const std::uint64_t rate : {std::uint64_t{1}, std::uint64_t{1} << 33, UINT64_MAX}) {
    const RateLimit limit(rate, UINT64_MAX);
    RateLimit::Use use;
    for (int i = 0; i < 200'000; ++i) limit.take(use, clock.now(), UINT64_MAX);
    CHECK(use.paid_until() > clock.now());
    CHECK(limit.due(use) <= use.paid_until());
    CHECK(limit.due(use, UINT64_MAX) == use.paid_until());
  }
}
