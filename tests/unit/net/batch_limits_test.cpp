// SPDX-License-Identifier: BSL-1.0
#include <parley/net/batch_limits.hpp>

#include "support/catch.hpp"

#include <type_traits>

using namespace parley;

// So that a temporary of one may stand in an expression with co_await.
static_assert(std::is_trivially_copyable_v<BatchLimits> && std::is_trivially_destructible_v<BatchLimits>);
static_assert(std::is_trivially_destructible_v<BatchSent>);

TEST_CASE("sending counts what went, with and without an error") {
  const BatchSent all(3);
  CHECK(all);
  CHECK(all.has_value());
  CHECK(all.value() == 3);
  CHECK(*all == 3);
  const BatchSent some(2, make_error_code(Error::timed_out));
  CHECK_FALSE(some);
  CHECK(some.datagrams() == 2);
  CHECK(some.error() == Error::timed_out);
#if PARLEY_HAS_EXCEPTIONS
  CHECK_THROWS_AS(some.value(), std::system_error);
#endif
}
