// SPDX-License-Identifier: BSL-1.0
#include <parley/core/offload.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
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

// Work that lasts until it is let go; what it uses is shared, so that it may outlive everything.
struct Gate {
  std::promise<void> opened;
  std::shared_future<void> open = opened.get_future().share();
  std::atomic<bool> entered = false;
  std::atomic<int> ran = 0;
};

void pass(const std::shared_ptr<Gate>& gate) {
  gate->entered = true;
  gate->open.wait();
  ++gate->ran;
}

void wait_until_entered(const Gate& gate) {
  while (!gate.entered) std::this_thread::yield();
}

std::string repeat(const std::string& text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

}  // namespace

static_assert(sizeof(offload([] {})) <= 96);

TEST_CASE("offloaded work runs elsewhere and its result comes back to the loop's thread", "[offload]") {
  EventLoop loop;
  const auto program = [&]() -> Task<> {
    const auto here = this_thread();
    const auto there = co_await offload([] { return std::this_thread::get_id(); });
    REQUIRE(there);
    CHECK(*there != here);
    CHECK(this_thread() == here);
    {
      const auto got = co_await offload([] {});
      CHECK(got);
    }
    const std::string text(40, 'r');
    const auto repeated = co_await offload(repeat, text, 3);
    CHECK(*repeated == std::string(120, 'r'));
    auto item = std::make_unique<int>(4);
    const auto moved = co_await offload([](std::unique_ptr<int> owned) { return owned; }, std::move(item));
    CHECK(**moved == 4);
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("a Result that the work returns is not wrapped in another", "[offload]") {
  STATIC_REQUIRE(std::is_same_v<decltype(offload([] { return Result<int>(1); }))::value_type, Result<int>>);
  STATIC_REQUIRE(std::is_same_v<decltype(offload([] { return Result<>(); }))::value_type, Result<>>);
  STATIC_REQUIRE(std::is_same_v<decltype(offload([] {}))::value_type, Result<>>);
  CHECK(*offload([]() -> Result<int> { return 1; }).wait() == 1);
  CHECK(offload([]() -> Result<int> { return Error::malformed; }).wait().error() == Error::malformed);
}

TEST_CASE("a plain thread can wait for offloaded work", "[offload]") {
  CHECK(*offload([](int i) { return 2 * i; }, 21).wait() == 42);
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("an exception of the work is thrown where it is awaited", "[offload]") {
  EventLoop loop;
  const auto program = []() -> Task<> {
    static_cast<void>(co_await offload([]() -> int { throw std::runtime_error("work"); }));
  };
  CHECK_THROWS_AS(loop.run(program()), std::runtime_error);
  CHECK_THROWS_AS(offload([] { throw std::logic_error("work"); }).wait(), std::logic_error);
}
#endif

TEST_CASE("a timeout or a stop abandons work that runs, and its result is dropped", "[offload]") {
  EventLoop loop;
  ThreadPool pool({1, 10});
  const auto gate = std::make_shared<Gate>();
  const auto program = [&]() -> Task<> {
    {
      const auto got = co_await offload(pool, pass, gate).within(1ms);
      CHECK(got.error() == Error::timed_out);
    }
    StopSource source;
    source.request_stop();
    {
      const auto got = co_await offload(pool, pass, gate).stop(source.token());
      CHECK(got.error() == Error::cancelled);
    }
  };
  REQUIRE(loop.run(program()));
  gate->opened.set_value();
  pool.finish();
  CHECK(gate->ran <= 1);
  CHECK(gate.use_count() == 1);  // the work has ended, and what it owned with it
}

TEST_CASE("work that has not begun when it is given up never begins", "[offload]") {
  ThreadPool pool({1, 10});
  const auto gate = std::make_shared<Gate>();
  const auto never = std::make_shared<Gate>();
  std::thread first([&] { static_cast<void>(offload(pool, pass, gate).wait()); });
  wait_until_entered(*gate);
  CHECK(offload(pool, pass, never).within(0s).wait().error() == Error::timed_out);
  CHECK(never.use_count() == 1);
  gate->opened.set_value();
  first.join();
  pool.finish();
  CHECK_FALSE(never->entered);
}

TEST_CASE("a full queue refuses work, and takes more once there is room", "[offload]") {
  ThreadPool pool({1, 1});
  EventLoop loop;
  const auto gate = std::make_shared<Gate>();
  const auto program = [&]() -> Task<> {
    Scope scope;
    const auto one = [&](Result<>& outcome) -> Task<> { outcome = co_await offload(pool, pass, gate); };
    Result<> running = Error::busy;
    Result<> queued = Error::busy;
    Result<> refused;
    scope.spawn(one(running));
    while (!gate->entered) static_cast<void>(co_await sleep(10us));
    scope.spawn(one(queued));
    scope.spawn(one(refused));
    CHECK(refused.error() == Error::queue_full);
    gate->opened.set_value();
    {
      const auto got = co_await scope.join();
      CHECK(got);
    }
    CHECK(running);
    CHECK(queued);
    {
      const auto got = co_await offload(pool, [] {});
      CHECK(got);
    }
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("the pool's end cancels what is queued and lets go of what runs", "[offload]") {
  auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{1, 10});
  EventLoop loop;
  const auto gate = std::make_shared<Gate>();
  const auto program = [&]() -> Task<> {
    Scope scope;
    const auto one = [&](Result<>& outcome) -> Task<> { outcome = co_await offload(*pool, pass, gate); };
    Result<> running = Error::busy;
    Result<> queued;
    scope.spawn(one(running));
    while (!gate->entered) static_cast<void>(co_await sleep(10us));
    scope.spawn(one(queued));
    pool.reset();
    {
      const auto got = co_await scope.join().within(1ms);
      CHECK(got.error() == Error::timed_out);
    }
    CHECK(queued.error() == Error::cancelled);
    gate->opened.set_value();
    {
      const auto got = co_await scope.join();
      CHECK(got);
    }
    CHECK(running);
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("a coroutine that is destroyed while its work runs abandons it", "[offload]") {
  ThreadPool pool({1, 10});
  const auto gate = std::make_shared<Gate>();
  {
    EventLoop loop;
    const auto program = [&]() -> Task<> {
      Scope scope;
      const auto one = [&]() -> Task<> { static_cast<void>(co_await offload(pool, pass, gate)); };
      scope.spawn(one());
      scope.spawn(one());
      while (!gate->entered) static_cast<void>(co_await sleep(10us));
    };
    REQUIRE(loop.run(program()));
  }
  gate->opened.set_value();
  pool.finish();
  CHECK(gate->ran == 1);
}

TEST_CASE("an operation that is never started runs nothing and frees its work", "[offload]") {
  const auto gate = std::make_shared<Gate>();
  { [[maybe_unused]] auto never = offload(pass, gate); }
  CHECK(gate.use_count() == 1);
}

TEST_CASE("timeouts race with results, and nothing is lost or leaked", "[offload]") {
  EventLoop loop;
  ThreadPool pool({2, 100});
  int results = 0;
  int timeouts = 0;
  const auto program = [&]() -> Task<> {
    for (int i = 0; i < 2000; ++i) {
      const auto got =
          co_await offload(pool, repeat, std::string(20, 'x'), 2).within(std::chrono::microseconds(i % 100));
      if (got) CHECK(got->size() == 40);
      ++(got ? results : timeouts);
    }
  };
  REQUIRE(loop.run(program()));
  CHECK(results + timeouts == 2000);
  pool.finish();
}

TEST_CASE("the end of the process does not wait for work on the shared pool", "[offload]") {
  // This test's work outlives the test program: it ends with the process.
  CHECK(offload([] { std::promise<void>().get_future().wait(); }).within(1ms).wait().error() == Error::timed_out);
}
