// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring_poller.hpp>

#include "polled_pair.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

// What all pollers promise is tested in reactor_test.cpp.

using namespace parley::platform;
using namespace std::chrono_literals;
using parley::Duration;
using uring::Kernel;

namespace {

bool allowed() { return uring::Ring().open(1, 1) == 0; }

using Fixture = PolledPair<IoUringPoller>;

// Many descriptors of one socket, so that they all become ready at once.
class Crowd {
 public:
  Crowd(IoUringPoller& poller, NativeSocket socket, std::size_t size) : poller_(poller), requests_(size) {
    for (Request& request : requests_) {
      pollables_.push_back(std::make_unique<Pollable>(duplicate(socket).handle, true));
      request.pollable = pollables_.back().get();
      REQUIRE(poller.submit(request, Direction::read) == 0);
    }
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const auto& pollable : pollables_) poller_.forget(*pollable);
  }
  bool has(const Request* request) const { return request >= requests_.data() && request < &requests_.back() + 1; }

 private:
  IoUringPoller& poller_;
  std::vector<std::unique_ptr<Pollable>> pollables_;
  std::vector<Request> requests_;
};

}  // namespace

TEST_CASE("more become ready at once than the rings have room for: each comes out once") {
  if (!allowed()) return;
  for (const Kernel kernel : {Kernel::any, Kernel::as_5_13, Kernel::as_5_10}) {
    IoUringPoller poller(kernel);
    REQUIRE(poller.open() == 0);
    NativeHandle ends[2];
    REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
    constexpr std::size_t size = 3000;
    const Crowd crowd(poller, ends[0].get(), size);
    Finished finished;
    REQUIRE(poller.wait(Duration::zero(), finished) == 0);
    CHECK(finished.count == 0);
    REQUIRE(send(ends[1].get(), "x", 1).count == 1);
    std::set<const Request*> out;
    for (int waits = 0; out.size() < size && waits < 10000; ++waits) {
      finished.count = 0;
      REQUIRE(poller.wait(1h, finished) == 0);
      for (std::size_t i = 0; i < finished.count; ++i) {
        CHECK(crowd.has(finished.requests[i]));
        CHECK(out.insert(finished.requests[i]).second);
      }
    }
    CHECK(out.size() == size);
  }
}

TEST_CASE_METHOD(Fixture, "what is closed after forget() is closed, whatever was polled") {
  if (!usable) return;
  // Closing alone would not end the connection before the poll ends, which holds on to the socket.
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait() == 0);
  poller.cancel(reader, Direction::read);
  poller.forget(pollable);
  pollable.handle.close();
  char byte = 0;
  const IoOutcome outcome = receive(peer.get(), &byte, 1);
  CHECK(outcome.error == 0);
  CHECK(outcome.count == 0);
}

TEST_CASE_METHOD(Fixture, "an event on its way to one that is forgotten goes nowhere, and slots are used again") {
  if (!usable) return;
  for (int i = 0; i < 2000; ++i) {
    REQUIRE(poller.submit(reader, Direction::read) == 0);
    if (i % 3 != 0) CHECK(wait() == 0);
    write();
    if (i % 2 == 0) poller.cancel(reader, Direction::read);
    pollable.waiting(Direction::read) = nullptr;
    poller.forget(pollable);
    char byte = 0;
    REQUIRE(receive(pollable.handle.get(), &byte, 1).count == 1);
    CHECK(pollable.slot < 64);  // how many of the past may not have ended
  }
  CHECK(wait() == 0);
}

TEST_CASE_METHOD(Fixture, "it goes on on another thread, and on a third one, where those before have ended") {
  if (!usable) return;
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  const auto use = [this] {
    CHECK(wait() == 0);
    write();
    REQUIRE(wait(Duration::max()) <= 1);  // to move takes a turn
    if (finished.count == 0) REQUIRE(wait(Duration::max()) == 1);
    CHECK(finished.requests[0] == &reader);
    char byte = 0;
    REQUIRE(receive(pollable.handle.get(), &byte, 1).count == 1);
    pollable.clear_ready(Direction::read);
    REQUIRE(poller.submit(reader, Direction::read) == 0);
  };
  std::thread(use).join();
  std::thread(use).join();
  std::thread([this] {
    poller.cancel(reader, Direction::read);
    poller.forget(pollable);
  }).join();
  CHECK(wait() == 0);
}

TEST_CASE_METHOD(Fixture, "a child that was forked has polls of its own, and leaves the parent's alone") {
  if (!usable) return;
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait() == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    finished.count = 0;
    const bool waited = poller.wait(Duration::zero(), finished) == 0 && finished.count == 0;
    poller.forget(pollable);
    ::_exit(waited ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  write();
  CHECK(wait(Duration::max()) == 1);
}

TEST_CASE_METHOD(Fixture, "a poll that fails has its request try") {
  if (!usable) return;
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  NativeHandle moved(duplicate(pollable.handle.get()).handle);
  pollable.handle.close();  // wrongly, without forget()
  CHECK(wait(Duration::max()) == 1);
  CHECK(pollable.maybe_ready(Direction::read));
  pollable.handle = std::move(moved);
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  write();
  CHECK(wait(Duration::max()) == 1);
}

TEST_CASE_METHOD(Fixture, "errors of the ring are told, and passing ones are not") {
  if (!usable) return;
  support::Faults faults;
  finished.count = 0;
  for (const int error : {EINTR, EAGAIN, EBUSY}) {
    faults.fail_call("io_uring_enter", 1, error);
    CHECK(poller.wait(Duration::max(), finished) == 0);
  }
  faults.fail_call("io_uring_enter", 1, EBADF);
  CHECK(poller.wait(Duration::max(), finished) == EBADF);
  // The call that lets go of a socket fails: later will do.
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait() == 0);
  faults.fail_call("io_uring_enter", 1, EAGAIN);
  poller.forget(pollable);
  CHECK(wait() == 0);
  pollable.handle.close();
  char byte = 0;
  CHECK(receive(peer.get(), &byte, 1).error == 0);
  // Another thread's ring, and no new one to be had.
  faults.fail_call("io_uring_enter", 1, EEXIST);
  faults.fail_call("io_uring_setup", 1, EMFILE);
  CHECK(poller.wait(Duration::zero(), finished) == EMFILE);
  CHECK(poller.wait(Duration::zero(), finished) == 0);
}

TEST_CASE("a ring that is refused can be had later, and then stays") {
  if (!allowed()) return;
  IoUringPoller poller;
  support::Faults faults;
  for (const char* call : {"eventfd", "io_uring_setup"}) {
    faults.fail_call(call, 1, EMFILE);
    CHECK(poller.open() == EMFILE);
  }
  CHECK(poller.open() == 0);
  const std::size_t calls = faults.count();
  CHECK(poller.open() == 0);
  CHECK(faults.count() == calls);
}

TEST_CASE_METHOD(Fixture, "it makes sends together") {
  if (!usable) return;
  SendBatch* batch = poller.send_batch();
  REQUIRE(batch != nullptr);
  SendBatch::Send& sent = batch->add();
  sent.socket = peer.get();
  sent.count = 1;
  sent.slices[0] = {"x", 1};
  REQUIRE(poller.submit(reader, Direction::read) == 0);
  CHECK(wait() == 0);
  poller.carry_out(*batch);
  CHECK(batch->sends()[0].outcome.count == 1);
  CHECK(wait(Duration::max()) == 1);
}
