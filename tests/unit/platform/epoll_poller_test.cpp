// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/epoll_poller.hpp>

#include "polled_pair.hpp"
#include "support/faults.hpp"

#include <errno.h>

using namespace parley::platform;
using parley::Duration;

namespace {

using Fixture = PolledPair<EpollPoller>;

}  // namespace

TEST_CASE_METHOD(Fixture, "errors of the system are told") {
  support::Faults faults;
  finished.count = 0;
  faults.fail_call("epoll_wait", 1, EINTR);
  CHECK(poller.wait(Duration::max(), finished) == 0);
  faults.fail_call("epoll_wait", 1, EBADF);
  CHECK(poller.wait(Duration::max(), finished) == EBADF);
  faults.fail_call("epoll_ctl", 1, ENOSPC);
  CHECK(poller.submit(reader, Direction::read, WaitsFor::readiness) == ENOSPC);
  CHECK_FALSE(pollable.registered);
  CHECK(pollable.waiting(Direction::read) == nullptr);
  CHECK(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
}

TEST_CASE("a poller that cannot be opened can be opened later, and then stays") {
  EpollPoller poller;
  support::Faults faults;
  for (const char* call : {"eventfd", "epoll_create1", "epoll_ctl"}) {
    faults.fail_call(call, 1, EMFILE);
    CHECK(poller.open() == EMFILE);
  }
  CHECK(poller.open() == 0);
  const std::size_t calls = faults.count();
  CHECK(poller.open() == 0);
  CHECK(faults.count() == calls);
}
