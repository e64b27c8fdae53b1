// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/epoll_poller.hpp>

#include <parley/platform/system.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <thread>
#include <utility>

using namespace parley::platform;
using namespace std::chrono_literals;
using parley::Duration;

namespace {

// A pair of sockets; the first one is polled.
struct Fixture {
  Fixture() {
    REQUIRE(poller.open() == 0);
    NativeHandle ends[2];
    REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
    pollable.handle = std::move(ends[0]);
    peer = std::move(ends[1]);
    reader.pollable = writer.pollable = &pollable;
  }
  std::size_t wait(Duration timeout = Duration::zero()) {
    finished.count = 0;
    CHECK(poller.wait(timeout, finished) == 0);
    return finished.count;
  }
  void write() { REQUIRE(send(peer.get(), "x", 1).count == 1); }

  EpollPoller poller;
  Pollable pollable{NativeHandle(), true};
  NativeHandle peer;
  Request reader;
  Request writer;
  Finished finished;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a request comes out once, when its direction is ready") {
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait() == 0);
  CHECK(pollable.maybe_ready(Direction::write));
  write();
  REQUIRE(wait(Duration::max()) == 1);
  CHECK(finished.requests[0] == &reader);
  CHECK(pollable.maybe_ready(Direction::read));
  CHECK(wait() == 0);  // an edge is told once
  write();
  CHECK(wait() == 0);  // and to those who wait
}

TEST_CASE_METHOD(Fixture, "reader and writer wait side by side") {
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  REQUIRE(poller.submit(writer, Direction::write) == 0);
  REQUIRE(wait() == 1);
  CHECK(finished.requests[0] == &writer);
  write();
  REQUIRE(wait(Duration::max()) == 1);
  CHECK(finished.requests[0] == &reader);
}

TEST_CASE_METHOD(Fixture, "what was ready before the registration is told") {
  write();
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait(Duration::max()) == 1);
}

TEST_CASE_METHOD(Fixture, "a cancelled request does not come out") {
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(poller.cancel(reader, Direction::read));
  write();
  CHECK(wait() == 0);
  CHECK(pollable.maybe_ready(Direction::read));  // but the readiness is known
  Request stranger;
  stranger.pollable = &pollable;
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(poller.cancel(stranger, Direction::read));
  CHECK(pollable.waiting(Direction::read) == &reader);
}

TEST_CASE_METHOD(Fixture, "a hang-up wakes both directions, and readiness stays") {
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  REQUIRE(poller.submit(writer, Direction::write) == 0);
  REQUIRE(wait() == 1);
  REQUIRE(poller.submit(writer, Direction::write) == 0);
  peer.close();
  CHECK(wait(Duration::max()) == 2);
  pollable.clear_ready(Direction::read);
  CHECK(pollable.maybe_ready(Direction::read));
}

TEST_CASE_METHOD(Fixture, "a half-close wakes the reader, and its readiness stays") {
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait() == 0);
  REQUIRE(shut_down(peer.get(), ShutdownWay::send) == 0);
  CHECK(wait(Duration::max()) == 1);
  pollable.clear_ready(Direction::read);
  CHECK(pollable.maybe_ready(Direction::read));
}

TEST_CASE_METHOD(Fixture, "what is forgotten is not heard of, and may come back") {
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait() == 0);
  pollable.clear_ready(Direction::read);
  poller.cancel(reader, Direction::read);
  poller.forget(pollable);
  CHECK_FALSE(pollable.registered);
  CHECK(pollable.maybe_ready(Direction::read));
  poller.forget(pollable);
  write();
  CHECK(wait() == 0);
  EpollPoller other;
  REQUIRE(other.open() == 0);
  REQUIRE(other.submit(reader, Direction::read) == 0);
  finished.count = 0;
  CHECK(other.wait(Duration::max(), finished) == 0);
  CHECK(finished.count == 1);
}

TEST_CASE_METHOD(Fixture, "a wait ends with its time, with a wake-up before it, and with one from another thread") {
  const auto start = parley::Clock::now();
  CHECK(wait(1500us) == 0);
  CHECK(parley::Clock::now() - start >= 1500us);
  poller.wake();
  poller.wake();
  CHECK(wait(Duration::max()) == 0);
  std::thread other([this] { poller.wake(); });
  CHECK(wait(Duration::max()) == 0);
  other.join();
  CHECK(wait(Duration::min()) == 0);
}

TEST_CASE_METHOD(Fixture, "errors of the system are told") {
  support::Faults faults;
  finished.count = 0;
  faults.fail_call("epoll_wait", 1, EINTR);
  CHECK(poller.wait(Duration::max(), finished) == 0);
  faults.fail_call("epoll_wait", 1, EBADF);
  CHECK(poller.wait(Duration::max(), finished) == EBADF);
  faults.fail_call("epoll_ctl", 1, ENOSPC);
  CHECK(poller.submit(reader, Direction::read) == ENOSPC);
  CHECK_FALSE(pollable.registered);
  CHECK(pollable.waiting(Direction::read) == nullptr);
  CHECK(poller.submit(reader, Direction::read) == 0);
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
