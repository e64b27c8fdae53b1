// SPDX-License-Identifier: BSL-1.0
#include <parley/core/loop_thread.hpp>

#include <parley/core/channel.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <cstdlib>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("posted functions are called on the loop's own thread", "[loop_thread]") {
  LoopThread thread;
  std::promise<EventLoop*> current;
  REQUIRE(thread.post([&] { current.set_value(EventLoop::current()); }));
  CHECK(current.get_future().get() == &thread.loop());
}

TEST_CASE("a spawned factory lives as long as its task", "[loop_thread]") {
  std::promise<std::string> done;
  {
    LoopThread thread;
    // A coroutine that uses what its closure captured, after it has been suspended.
    auto text = std::make_unique<std::string>(50, 'f');
    auto factory = [&done, text = std::move(text)]() -> Task<> {
      static_cast<void>(co_await sleep(1ms));
      done.set_value(*text);
    };
    REQUIRE(thread.spawn(std::move(factory)));
    CHECK(done.get_future().get() == std::string(50, 'f'));
  }
}

TEST_CASE("the destructor stops the loop and its tasks", "[loop_thread]") {
  std::atomic<bool> cancelled = false;
  {
    LoopThread thread;
    std::promise<void> started;
    REQUIRE(thread.spawn([&]() -> Task<> {
      started.set_value();
      const auto slept = co_await sleep(Duration::max());
      cancelled = slept.error() == Error::cancelled;
    }));
    started.get_future().wait();
  }
  CHECK(cancelled);
}

TEST_CASE("join() reports the first failure of a spawned task", "[loop_thread]") {
  LoopThread thread;
  Channel<int> turn(1);
  const auto failing = [&](std::error_code error) -> Task<Result<>> {
    static_cast<void>(co_await turn.receive());
    co_return error;
  };
  REQUIRE(thread.spawn([&] { return failing(Error::cancelled); }));  // is no failure
  REQUIRE(thread.spawn([&] { return failing(Error::malformed); }));
  REQUIRE(thread.spawn([&] { return failing(Error::truncated); }));
  for (int i = 0; i < 3; ++i) REQUIRE(turn.send(i).wait());
  while (turn.size() != 0) std::this_thread::yield();
  thread.stop();
  CHECK(thread.join().error() == Error::malformed);
  CHECK(thread.join().error() == Error::malformed);
}

TEST_CASE("join() reports a loop that could not start", "[loop_thread]") {
  const char* const chosen = std::getenv("PARLEY_POLLER");
  const std::string before = chosen == nullptr ? "" : chosen;
  REQUIRE(::setenv("PARLEY_POLLER", "no such poller", 1) == 0);
  LoopThread thread;
  if (chosen == nullptr) {
    ::unsetenv("PARLEY_POLLER");
  } else {
    ::setenv("PARLEY_POLLER", before.c_str(), 1);
  }
  thread.stop();
  CHECK(thread.join().error() == Error::unsupported);
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("join() reports an exception of a spawned task as a code", "[loop_thread]") {
  LoopThread thread;
  REQUIRE(thread.spawn([]() -> Task<> {
    throw std::runtime_error("lost");
    co_return;
  }));
  std::promise<void> after;
  REQUIRE(thread.post([&] { after.set_value(); }));
  after.get_future().wait();
  thread.stop();
  CHECK(thread.join().error() == Error::exception);
}
#endif

TEST_CASE("join() does not block a loop's thread", "[loop_thread]") {
  LoopThread thread;
  EventLoop loop;
  const auto program = [&]() -> Task<Result<>> { co_return thread.join(); };
  CHECK(loop.run(program()).error() == Error::would_block_loop);
}
