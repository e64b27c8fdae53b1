// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/reactor.hpp>

#include <parley/platform/epoll_poller.hpp>
#include <parley/platform/io_uring_poller.hpp>

#include "polled_pair.hpp"

#include <algorithm>
#include <climits>
#include <memory>
#include <thread>

// What all pollers of readiness promise. io_uring also as on older kernels; where this kernel does not allow it, epoll
// stands in.

using namespace parley::platform;
using namespace std::chrono_literals;
using parley::Duration;

namespace {

template <uring::Kernel Kernel>
class OnKernel {
 public:
  OnKernel() : poller_(std::make_unique<IoUringPoller>(Kernel)) {
    if (poller_->open() != 0) poller_ = std::make_unique<EpollPoller>();
  }
  int open() { return poller_->open(); }
  int submit(Request& request, Direction direction, WaitsFor what) { return poller_->submit(request, direction, what); }
  bool cancel(Request& request, Direction direction) { return poller_->cancel(request, direction); }
  void forget(Pollable& pollable) { poller_->forget(pollable); }
  int wait(Duration timeout, Finished& finished) { return poller_->wait(timeout, finished); }
  void wake() { poller_->wake(); }

 private:
  std::unique_ptr<Poller> poller_;
};
using Newest = OnKernel<uring::Kernel::any>;
using As513 = OnKernel<uring::Kernel::as_5_13>;
using As510 = OnKernel<uring::Kernel::as_5_10>;

}  // namespace

TEMPLATE_TEST_CASE_METHOD(PolledPair, "a request comes out once, when its direction is ready", "", EpollPoller, Newest,
                          As513, As510) {
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(this->wait() == 0);
  CHECK(this->pollable.maybe_ready(Direction::write));
  this->write();
  REQUIRE(this->wait(Duration::max()) == 1);
  CHECK(this->finished.requests[0] == &this->reader);
  CHECK(this->pollable.maybe_ready(Direction::read));
  CHECK(this->wait() == 0);  // an edge is told once
  this->write();
  CHECK(this->wait() == 0);  // and to those who wait
}

TEMPLATE_TEST_CASE_METHOD(PolledPair, "reader and writer wait side by side", "", EpollPoller, Newest, As513, As510) {
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  REQUIRE(this->poller.submit(this->writer, Direction::write, WaitsFor::readiness) == 0);
  REQUIRE(this->wait() == 1);
  CHECK(this->finished.requests[0] == &this->writer);
  this->write();
  REQUIRE(this->wait(Duration::max()) == 1);
  CHECK(this->finished.requests[0] == &this->reader);
}

TEMPLATE_TEST_CASE_METHOD(PolledPair, "what was ready before the registration is told", "", EpollPoller, Newest, As513,
                          As510) {
  this->write();
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(this->wait(Duration::max()) == 1);
}

TEMPLATE_TEST_CASE_METHOD(PolledPair, "a cancelled request does not come out", "", EpollPoller, Newest, As513, As510) {
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(this->poller.cancel(this->reader, Direction::read));
  this->write();
  CHECK(this->wait() == 0);
  CHECK(this->pollable.maybe_ready(Direction::read));  // but the readiness is known
  Request stranger;
  stranger.pollable = &this->pollable;
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(this->poller.cancel(stranger, Direction::read));
  CHECK(this->pollable.waiting(Direction::read) == &this->reader);
}

TEMPLATE_TEST_CASE_METHOD(PolledPair, "a hang-up wakes both directions, and readiness stays", "", EpollPoller, Newest,
                          As513, As510) {
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  REQUIRE(this->poller.submit(this->writer, Direction::write, WaitsFor::readiness) == 0);
  REQUIRE(this->wait() == 1);
  REQUIRE(this->poller.submit(this->writer, Direction::write, WaitsFor::readiness) == 0);
  this->peer.close();
  CHECK(this->wait(Duration::max()) == 2);
  this->pollable.clear_ready(Direction::read);
  CHECK(this->pollable.maybe_ready(Direction::read));
}

TEMPLATE_TEST_CASE_METHOD(PolledPair, "a half-close wakes the reader, and its readiness stays", "", EpollPoller, Newest,
                          As513, As510) {
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(this->wait() == 0);
  REQUIRE(shut_down(this->peer.get(), ShutdownWay::send) == 0);
  CHECK(this->wait(Duration::max()) == 1);
  this->pollable.clear_ready(Direction::read);
  CHECK(this->pollable.maybe_ready(Direction::read));
}

TEMPLATE_TEST_CASE_METHOD(PolledPair, "what is forgotten is not heard of, and may come back", "", EpollPoller, Newest,
                          As513, As510) {
  REQUIRE(this->poller.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(this->wait() == 0);
  this->pollable.clear_ready(Direction::read);
  this->poller.cancel(this->reader, Direction::read);
  this->poller.forget(this->pollable);
  CHECK_FALSE(this->pollable.registered);
  CHECK(this->pollable.maybe_ready(Direction::read));
  this->poller.forget(this->pollable);
  this->write();
  CHECK(this->wait() == 0);
  TestType other;
  REQUIRE(other.open() == 0);
  REQUIRE(other.submit(this->reader, Direction::read, WaitsFor::readiness) == 0);
  this->finished.count = 0;
  CHECK(other.wait(Duration::max(), this->finished) == 0);
  CHECK(this->finished.count == 1);
  other.forget(this->pollable);
}

TEMPLATE_TEST_CASE_METHOD(PolledPair,
                          "a wait ends with its time, with a wake-up before it, and with one from another thread", "",
                          EpollPoller, Newest, As513, As510) {
  // Signals, and what the kernel does for other rings of this thread, end some of them early.
  int least_waits = INT_MAX;
  for (int i = 0; i < 20 && least_waits > 5; ++i) {
    const auto start = parley::Clock::now();
    int waits = 0;
    for (Duration left = 1500us; left > 0us; left = 1500us - (parley::Clock::now() - start)) {
      CHECK(this->wait(left) == 0);
      ++waits;
    }
    least_waits = std::min(least_waits, waits);
  }
  CHECK(least_waits <= 5);
  this->poller.wake();
  this->poller.wake();
  CHECK(this->wait(Duration::max()) == 0);
  std::thread other([this] { this->poller.wake(); });
  CHECK(this->wait(Duration::max()) == 0);
  other.join();
  CHECK(this->wait(Duration::min()) == 0);
}
