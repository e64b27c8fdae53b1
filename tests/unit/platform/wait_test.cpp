// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/wait.hpp>

#include <parley/platform/system.hpp>
#include <parley/platform/waker.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>

using namespace parley::platform;
using namespace std::chrono_literals;
using parley::Clock;
using parley::Duration;

TEST_CASE("a wait tells the descriptor from the waker and from the time") {
  NativeHandle ends[2];
  REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
  Waker waker;
  REQUIRE(waker.open() == 0);
  auto outcome = wait_for(ends[0].get(), Direction::read, waker.handle(), 0ms);
  CHECK_FALSE(outcome.ready);
  CHECK_FALSE(outcome.woken);
  CHECK(outcome.error == 0);
  CHECK(wait_for(ends[0].get(), Direction::write, waker.handle(), Duration::max()).ready);
  REQUIRE(send(ends[1].get(), "x", 1).count == 1);
  CHECK(wait_for(ends[0].get(), Direction::read, waker.handle(), Duration::max()).ready);
  waker.wake();
  outcome = wait_for(ends[0].get(), Direction::read, waker.handle(), Duration::max());
  CHECK(outcome.ready);
  CHECK(outcome.woken);
}

TEST_CASE("without a descriptor a wait is for the waker, without either for the time") {
  Waker waker;
  REQUIRE(waker.open() == 0);
  waker.wake();
  CHECK(wait_for(invalid_socket, Direction::read, waker.handle(), Duration::max()).woken);
  const auto start = Clock::now();
  const auto outcome = wait_for(invalid_socket, Direction::read, invalid_socket, 1500us);
  CHECK(Clock::now() - start >= 1500us);  // rounded up, never down
  CHECK_FALSE(outcome.woken);
  CHECK(wait_for(invalid_socket, Direction::read, invalid_socket, Duration::min()).error == 0);
}

TEST_CASE("a peer that has gone is ready, in either direction") {
  NativeHandle ends[2];
  REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
  ends[1].close();
  CHECK(wait_for(ends[0].get(), Direction::read, invalid_socket, Duration::max()).ready);
  CHECK(wait_for(ends[0].get(), Direction::write, invalid_socket, Duration::max()).ready);
}

TEST_CASE("an interrupted wait is no error, a failed one is") {
  support::Faults faults;
  faults.fail_call("poll", 1, EINTR);
  auto outcome = wait_for(invalid_socket, Direction::read, invalid_socket, Duration::max());
  CHECK(outcome.error == 0);
  CHECK_FALSE(outcome.ready);
  faults.fail_call("poll", 1, ENOMEM);
  CHECK(wait_for(invalid_socket, Direction::read, invalid_socket, Duration::max()).error == ENOMEM);
}
