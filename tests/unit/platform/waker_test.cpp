// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/waker.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <poll.h>

using parley::platform::Waker;

namespace {

bool readable(const Waker& waker) {
  ::pollfd entry{waker.handle(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

}  // namespace

TEST_CASE("several wake-ups count as one until they are cleared") {
  Waker waker;
  REQUIRE(waker.open() == 0);
  CHECK_FALSE(readable(waker));
  waker.wake();
  waker.wake();
  CHECK(readable(waker));
  waker.clear();
  CHECK_FALSE(readable(waker));
  waker.clear();  // does not block
  waker.wake();
  CHECK(readable(waker));
}

TEST_CASE("opening twice keeps the descriptor, and a failure can be tried again") {
  Waker waker;
  {
    support::Faults faults;
    faults.fail_call("eventfd", 1, EMFILE);
    CHECK(waker.open() == EMFILE);
    CHECK(waker.handle() == parley::platform::invalid_socket);
  }
  REQUIRE(waker.open() == 0);
  const int number = waker.handle();
  CHECK(waker.open() == 0);
  CHECK(waker.handle() == number);
}
