// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring.hpp>

#include <parley/platform/system.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <thread>
#include <vector>

using namespace parley::platform;
using namespace std::chrono_literals;
using parley::Duration;
using uring::Kernel;
using uring::Ring;

namespace {

bool allowed() { return Ring().open(1, 1) == 0; }

void add_nothing(Ring& ring, std::uint64_t tag) {
  uring::Entry* entry = ring.next();
  REQUIRE(entry != nullptr);
  entry->opcode = 0;  // IORING_OP_NOP
  entry->tag = tag;
}

std::vector<std::uint64_t> tags(Ring& ring, std::uint32_t most = 1000) {
  std::vector<std::uint64_t> tags;
  ring.take(most, [&](const uring::Completion& completion) { tags.push_back(completion.tag); });
  return tags;
}

}  // namespace

TEST_CASE("entries that were filled in come back as completions, once, also around the ring's end") {
  if (!allowed()) return;
  for (const Kernel kernel : {Kernel::any, Kernel::as_5_13, Kernel::as_5_10}) {
    Ring ring;
    REQUIRE(ring.open(4, 8, kernel) == 0);
    CHECK(ring.polls_many_times() == (kernel != Kernel::as_5_10));
    for (std::uint64_t round = 0; round < 50; ++round) {
      for (std::uint64_t i = 0; i < 3; ++i) add_nothing(ring, 3 * round + i);
      CHECK(ring.unsubmitted() == 3);
      REQUIRE(ring.enter(3, Duration::max()) == 0);
      CHECK(ring.unsubmitted() == 0);
      CHECK(ring.front().tag == 3 * round);
      CHECK(tags(ring, 2) == std::vector<std::uint64_t>{3 * round, 3 * round + 1});
      CHECK(tags(ring) == std::vector<std::uint64_t>{3 * round + 2});
      CHECK_FALSE(ring.has_completions());
    }
  }
}

TEST_CASE("a full ring says so, and goes on after enter()") {
  if (!allowed()) return;
  Ring ring;
  REQUIRE(ring.open(4, 8) == 0);
  for (std::uint64_t i = 0; i < 4; ++i) add_nothing(ring, i);
  CHECK(ring.next() == nullptr);
  REQUIRE(ring.enter(0, {}) == 0);
  CHECK(ring.next() != nullptr);
}

TEST_CASE("completions that found no room are not lost") {
  if (!allowed()) return;
  for (const Kernel kernel : {Kernel::any, Kernel::as_5_10}) {
    Ring ring;
    REQUIRE(ring.open(4, 8, kernel) == 0);
    for (std::uint64_t i = 0; i < 40; ++i) {
      add_nothing(ring, i);
      REQUIRE(ring.enter(0, {}) == 0);
    }
    CHECK(ring.has_work());
    std::vector<std::uint64_t> all;
    for (int tries = 0; all.size() < 40 && tries < 100; ++tries) {
      for (const std::uint64_t tag : tags(ring)) all.push_back(tag);
      REQUIRE(ring.enter(0, {}) == 0);
    }
    for (std::uint64_t i = 0; i < 40; ++i) CHECK(all[i] == i);
  }
}

TEST_CASE("a wait ends with its time, and with a completion") {
  if (!allowed()) return;
  for (const Kernel kernel : {Kernel::any, Kernel::as_5_13, Kernel::as_5_10}) {
    Ring ring;
    REQUIRE(ring.open(4, 8, kernel) == 0);
    const auto start = parley::Clock::now();
    int waits = 0;  // signals, and what the kernel does for other rings of this thread, end them early
    for (Duration left = 1500us; left > 0us; left = 1500us - (parley::Clock::now() - start)) {
      CHECK(ring.enter(1, left) == 0);
      ++waits;
    }
    CHECK(waits <= 5);
    CHECK(ring.enter(1, Duration::min()) == 0);
    NativeHandle ends[2];
    REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
    uring::Entry* entry = ring.next();
    entry->opcode = uring::poll_add;
    entry->handle = ends[0].get();
    entry->operation_flags = uring::poll_events(EPOLLIN);
    REQUIRE(ring.enter(0, {}) == 0);
    CHECK_FALSE(ring.has_completions());
    REQUIRE(send(ends[1].get(), "x", 1).count == 1);
    REQUIRE(ring.enter(1, 1h) == 0);
    CHECK(ring.front().result == EPOLLIN);
  }
}

TEST_CASE("a ring that belongs to one thread refuses another") {
  if (!allowed()) return;
  Ring ring;
  REQUIRE(ring.open(4, 8) == 0);  // on another thread than the first enter()
  std::thread first([&] {
    add_nothing(ring, 1);
    CHECK(ring.enter(1, Duration::max()) == 0);
  });
  first.join();
  CHECK(tags(ring) == std::vector<std::uint64_t>{1});
  const int error = ring.enter(0, {});
  CHECK((error == EEXIST || error == 0));  // older kernels have no such rings
}

TEST_CASE("a child that was forked sees that the ring is not its own") {
  if (!allowed()) return;
  Ring ring;
  CHECK_FALSE(ring.usable());
  REQUIRE(ring.open(4, 8) == 0);
  CHECK(ring.usable());
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = !ring.usable();
    ring.close();
    ::_exit(refused && ring.open(4, 8) == 0 && ring.usable() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(ring.usable());
}

TEST_CASE("what the kernel does not know is not asked for, other refusals are told") {
  if (!allowed()) return;
  support::Faults faults;
  {
    Ring ring;
    faults.fail_call("io_uring_setup", 1, EINVAL);
    CHECK(ring.open(4, 8) == 0);
    CHECK(faults.count("io_uring_setup") == 2);
    add_nothing(ring, 7);
    CHECK(ring.enter(1, Duration::max()) == 0);
    CHECK(faults.count("io_uring_register") == 0);
    CHECK(tags(ring) == std::vector<std::uint64_t>{7});
  }
  for (const int error : {EPERM, ENOSYS, ENOMEM}) {
    Ring ring;
    faults.fail_call("io_uring_setup", 1, error);
    CHECK(ring.open(4, 8) == error);
    CHECK_FALSE(ring.usable());
    CHECK(ring.open(4, 8) == 0);
  }
  Ring ring;
  REQUIRE(ring.open(4, 8) == 0);
  faults.fail_call("io_uring_register", 1, EBADF);
  CHECK(ring.enter(0, {}) == EBADF);
  for (const int error : {EINTR, EBUSY, ETIME}) {
    faults.fail_call("io_uring_enter", 1, error);
    CHECK(ring.enter(1, Duration::max()) == 0);
  }
  faults.fail_call("io_uring_enter", 1, EBADF);
  CHECK(ring.enter(1, Duration::max()) == EBADF);
}
