// SPDX-License-Identifier: BSL-1.0
#include <parley/core/resume_on.hpp>

#include <parley/core/loop_thread.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <coroutine>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

namespace {

// pthread_self() is declared const, so clang calls it once for a whole coroutine, unless it is behind a side effect.
PARLEY_NOINLINE std::thread::id this_thread() {
  static std::atomic<int> calls = 0;
  ++calls;
  return std::this_thread::get_id();
}

struct Foreign {
  struct promise_type {
    Foreign get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};
}  // namespace

TEST_CASE("a coroutine goes to another loop's thread and comes back", "[resume_on]") {
  EventLoop here;
  LoopThread there;
  const auto program = [&]() -> Task<> {
    const auto home = this_thread();
    for (int i = 0; i < 500; ++i) {
      {
        const auto got = co_await resume_on(there.loop());
        CHECK(got);
      }
      REQUIRE(EventLoop::current() == &there.loop());
      REQUIRE(this_thread() != home);
      if (i % 8 == 0) static_cast<void>(co_await sleep(1us));
      {
        const auto got = co_await resume_on(here);
        CHECK(got);
      }
      REQUIRE(EventLoop::current() == &here);
      REQUIRE(this_thread() == home);
    }
  };
  REQUIRE(here.run(program()));
}

TEST_CASE("going where one is already does nothing, even on a loop that stops", "[resume_on]") {
  EventLoop loop;
  const auto program = [&]() -> Task<Result<>> {
    loop.stop();
    co_return co_await resume_on(loop);
  };
  CHECK(loop.run(program()));
}

TEST_CASE("a loop that was told to stop lets nobody in", "[resume_on]") {
  EventLoop here;
  EventLoop stopped;
  stopped.stop();
  const auto program = [&]() -> Task<> {
    {
      const auto got = co_await resume_on(stopped);
      CHECK(got.error() == Error::closed);
    }
    CHECK(EventLoop::current() == &here);
  };
  REQUIRE(here.run(program()));
}

TEST_CASE("a coroutine of a plain thread goes to a loop", "[resume_on]") {
  LoopThread there;
  std::promise<EventLoop*> arrived;
  const auto foreign = [&]() -> Foreign {
    const auto moved = co_await resume_on(there.loop());
    arrived.set_value(moved ? EventLoop::current() : nullptr);
  };
  foreign();
  CHECK(arrived.get_future().get() == &there.loop());
}

TEST_CASE("who awaits a task that ends elsewhere goes on there", "[resume_on]") {
  EventLoop here;
  LoopThread there;
  const auto child = [&](bool hop) -> Task<std::unique_ptr<std::string>> {
    if (hop) static_cast<void>(co_await resume_on(there.loop()));
    co_return std::make_unique<std::string>(60, 'c');
  };
  const auto parent = [&](bool hop) -> Task<std::size_t> {
    const auto text = co_await child(hop);
    co_return text->size();
  };
  const auto program = [&]() -> Task<> {
    for (int i = 0; i < 20000; ++i) {
      // The child may end there before its start has returned here.
      const bool hop = i % 4 != 0;
      const auto size = co_await parent(hop);
      REQUIRE(size == 60);
      REQUIRE(EventLoop::current() == (hop ? &there.loop() : &here));
      static_cast<void>(co_await resume_on(here));
    }
  };
  REQUIRE(here.run(program()));
}

TEST_CASE("everybody who was let in before the stop arrives", "[resume_on]") {
  for (int round = 0; round < 50; ++round) {
    EventLoop here;
    auto there = std::make_unique<LoopThread>();
    std::atomic<int> let_in = 0;
    std::atomic<int> refused = 0;
    const auto visitor = [&]() -> Task<> {
      const auto moved = co_await resume_on(there->loop());
      ++(moved ? let_in : refused);
      if (moved) static_cast<void>(co_await resume_on(here));
    };
    const auto program = [&]() -> Task<> {
      Scope scope;
      for (int i = 0; i < 20; ++i) {
        if (i == 10) there->stop();
        scope.spawn(visitor());
      }
      {
        const auto got = co_await scope.join();
        CHECK(got);
      }
    };
    REQUIRE(here.run(program()));
    CHECK(let_in + refused == 20);
    CHECK(refused >= 10);
  }
}

TEST_CASE("a coroutine on its way to a loop is destroyed on that loop", "[resume_on]") {
  EventLoop there;
  bool arrived = false;
  const auto visitor = [&]() -> Task<> {
    static_cast<void>(co_await resume_on(there));
    arrived = true;
  };
  auto scope = std::make_unique<Scope>();
  scope->spawn(visitor());
  scope.reset();
  REQUIRE(there.turn());
  CHECK_FALSE(arrived);
}
