// SPDX-License-Identifier: BSL-1.0
#include <parley/core/transferred.hpp>

#include "support/catch.hpp"

using namespace parley;

TEST_CASE("a transfer that stopped early still tells how far it came", "[transferred]") {
  const Transferred stopped(17, Error::timed_out);
  CHECK_FALSE(stopped);
  CHECK(stopped.bytes() == 17);
  CHECK(*stopped == 17);
  CHECK(stopped.error() == Error::timed_out);

  const Transferred whole(20);
  CHECK(whole);
  CHECK(whole.value() == 20);
  CHECK_FALSE(whole.error());
  CHECK(Transferred().value() == 0);
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("value() of a transfer that stopped early throws", "[transferred]") {
  CHECK_THROWS_AS(Transferred(1, Error::cancelled).value(), std::system_error);
}
#endif
