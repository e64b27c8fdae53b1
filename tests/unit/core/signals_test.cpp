// SPDX-License-Identifier: BSL-1.0
#include <parley/core/signals.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace parley;
using namespace std::chrono_literals;

namespace {
int handled = 0;
void handle(int) { ++handled; }
}  // namespace

TEST_CASE("a signal that comes is delivered, before or after it is awaited", "[signals]") {
  EventLoop loop;
  Signals signals({Signal::user1, Signal::user2});
  REQUIRE_FALSE(signals.error());
  ::raise(SIGUSR1);
  const auto program = [&]() -> Task<> {
    const auto early = co_await signals.next();
    CHECK(*early == Signal::user1);
    const auto none = co_await signals.next().within(0s);
    CHECK(none.error() == Error::timed_out);
    Scope scope;
    std::optional<Signal> got;
    const auto waiter = [&]() -> Task<> {
      const auto signal = co_await signals.next();
      got = *signal;
    };
    scope.spawn(waiter());
    const auto second_waiter = co_await signals.next();
    CHECK(second_waiter.error() == Error::busy);
    static_cast<void>(co_await sleep(1ms));
    CHECK_FALSE(got);
    ::raise(SIGUSR2);
    static_cast<void>(co_await scope.join());
    CHECK(got == Signal::user2);
    ::raise(SIGUSR1);
    ::raise(SIGUSR2);
    const auto first = co_await signals.next();
    const auto second = co_await signals.next();
    CHECK(((*first == Signal::user1 && *second == Signal::user2) ||
           (*first == Signal::user2 && *second == Signal::user1)));
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("a plain thread waits for a signal that another raises", "[signals]") {
  Signals signals({Signal::hangup});
  ::raise(SIGHUP);
  CHECK(*signals.next().wait() == Signal::hangup);
  CHECK(signals.next().within(1ms).wait().error() == Error::timed_out);
  std::thread other([] { ::raise(SIGHUP); });
  CHECK(*signals.next().wait() == Signal::hangup);
  other.join();
}

TEST_CASE("each of several watches gets the signal, and each signal of its own", "[signals]") {
  Signals one({Signal::user1});
  Signals two({Signal::user1, Signal::user2});
  ::raise(SIGUSR1);
  ::raise(SIGUSR2);
  CHECK(*one.next().wait() == Signal::user1);
  CHECK(one.next().within(0s).wait().error() == Error::timed_out);
  CHECK(*two.next().wait() == Signal::user1);
  CHECK(*two.next().wait() == Signal::user2);
}

TEST_CASE("a signal that was not taken stays when a wait is cancelled", "[signals]") {
  Signals signals({Signal::user1});
  StopSource source;
  source.request_stop();
  ::raise(SIGUSR1);
  CHECK(signals.next().stop(source.token()).wait().error() == Error::cancelled);
  CHECK(*signals.next().wait() == Signal::user1);
}

TEST_CASE("what was done about a signal before is restored by its last watch", "[signals]") {
  ::signal(SIGUSR1, &handle);
  handled = 0;
  auto first = std::make_unique<Signals>(std::initializer_list<Signal>{Signal::user1});
  auto second = std::make_unique<Signals>(std::initializer_list<Signal>{Signal::user1});
  ::raise(SIGUSR1);
  CHECK(handled == 0);
  first.reset();
  ::raise(SIGUSR1);
  CHECK(handled == 0);
  second.reset();
  ::raise(SIGUSR1);
  CHECK(handled == 1);
  // A handler that the program has installed meanwhile stays.
  ::signal(SIGUSR1, SIG_IGN);
  {
    const Signals watch({Signal::user1});
    ::signal(SIGUSR1, &handle);
  }
  ::raise(SIGUSR1);
  CHECK(handled == 2);
  ::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("the handler leaves errno alone", "[signals]") {
  const Signals signals({Signal::user1});
  errno = 77;
  ::raise(SIGUSR1);
  CHECK(errno == 77);
}

TEST_CASE("the number of watches is bounded, and their places are used again", "[signals]") {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Signals>> watches;
    for (std::size_t i = 0; i < platform::SignalWatch::capacity; ++i) {
      watches.push_back(std::make_unique<Signals>(std::initializer_list<Signal>{Signal::user1}));
      REQUIRE_FALSE(watches.back()->error());
    }
    Signals refused({Signal::user1});
    CHECK(refused.error() == Error::queue_full);
    CHECK(refused.next().wait().error() == Error::queue_full);
    ::raise(SIGUSR1);
    for (auto& watch : watches) CHECK(*watch->next().wait() == Signal::user1);
  }
}

TEST_CASE("watches come and go while signals arrive", "[signals]") {
  ::signal(SIGUSR1, SIG_IGN);
  std::thread raiser([] {
    for (int i = 0; i < 2000; ++i) ::raise(SIGUSR1);
  });
  int got = 0;
  for (int i = 0; i < 500; ++i) {
    Signals signals({Signal::user1});
    if (signals.next().within(0s).wait()) ++got;
  }
  raiser.join();
  CHECK(got >= 0);
  ::signal(SIGUSR1, SIG_DFL);
}

// A child forked from a process with threads gets no deadly signal under the thread sanitizer.
#if !defined(__SANITIZE_THREAD__)
TEST_CASE("with end_process a second signal ends the process, even if nobody listens", "[signals]") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const Signals signals({Signal::interrupt, Signal::terminate}, OnRepeat::end_process);
    ::raise(SIGINT);
    ::raise(SIGINT);  // at once, so it is the same request
    const TimePoint start = Clock::now();
    while (Clock::now() - start < 2 * std::chrono::nanoseconds(platform::SignalWatch::same_request_ns)) {
    }
    ::raise(SIGTERM);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}
#endif
