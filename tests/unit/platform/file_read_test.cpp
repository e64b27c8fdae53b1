// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/file_read.hpp>

#include <parley/platform/epoll_poller.hpp>

#include "support/catch.hpp"

using namespace parley::platform;

// A poller that makes them is tested in io_uring_poller_test.cpp.

TEST_CASE("a poller that tells of readiness reads no files, and says so") {
  EpollPoller poller;
  REQUIRE(poller.open() == 0);
  FileRead read{};
  CHECK_FALSE(poller.read_file(read));
}
