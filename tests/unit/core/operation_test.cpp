// SPDX-License-Identifier: BSL-1.0
#include <parley/core/operation.hpp>

#include <parley/core/channel.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <concepts>
#include <coroutine>
#include <optional>
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

// A coroutine type that knows nothing of parley: eager, nobody waits for it.
struct Foreign {
  struct promise_type {
    Foreign get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

template <class Op>
concept CanWaitAsLvalue = requires(Op& op) { op.wait(); };
template <class Op>
concept CanAdjustLvalue = requires(Op& op) { op.within(1s); } || requires(Op& op) { op.stop(StopToken()); };

using Sleep = decltype(sleep(1s));
using Timed = decltype(sleep(1s).within(1s));

}  // namespace

// Misuse does not compile: an operation is a temporary, used once. Nor does awaiting one that has a name, which says
// what to do instead: see compile/must_fail/operation_awaited_by_name.cpp.
static_assert(!std::is_copy_constructible_v<Sleep> && !std::is_move_constructible_v<Sleep>);
static_assert(!std::is_copy_constructible_v<Timed> && !std::is_move_constructible_v<Timed>);
static_assert(!CanWaitAsLvalue<Sleep> && !CanWaitAsLvalue<Timed>);
static_assert(!CanAdjustLvalue<Sleep> && !CanAdjustLvalue<Timed>);
static_assert(std::same_as<Sleep::value_type, Result<>>);
static_assert(sizeof(Sleep) <= 96);

TEST_CASE("a foreign coroutine awaits operations and resumes on the loop's thread", "[operation]") {
  EventLoop loop;
  Result<int> received = Error::busy;
  Result<> slept = Error::busy;
  Channel<int> channel(1);
  std::thread::id resumed_on;
  const auto foreign = [&]() -> Foreign {
    slept = co_await sleep(1h).within(1ms);
    received = co_await channel.receive();
    resumed_on = this_thread();
    loop.stop();
  };
  REQUIRE(loop.post([&] { foreign(); }));
  std::thread sender([&] { static_cast<void>(channel.send(42).wait()); });
  REQUIRE(loop.run());
  sender.join();
  CHECK(slept.error() == Error::timed_out);
  REQUIRE(received);
  CHECK(*received == 42);
  CHECK(resumed_on == this_thread());
}

TEST_CASE("a foreign coroutine awaits a task", "[operation]") {
  EventLoop loop;
  int got = 0;
  const auto task = []() -> Task<int> {
    static_cast<void>(co_await sleep(1ms));
    co_return 5;
  };
  const auto foreign = [&]() -> Foreign {
    got = co_await task();
    loop.stop();
  };
  REQUIRE(loop.post([&] { foreign(); }));
  REQUIRE(loop.run());
  CHECK(got == 5);
}

TEST_CASE("an operation that is awaited where no loop runs says so, and its coroutine goes on", "[operation]") {
  std::optional<Result<>> slept;
  const auto foreign = [&]() -> Foreign { slept = co_await sleep(1ms); };
  foreign();
  REQUIRE(slept);
  CHECK(slept->error() == Error::no_loop);
}

TEST_CASE("wait() on a loop's thread would block it, and says so", "[operation]") {
  EventLoop loop;
  const auto program = []() -> Task<Result<>> { co_return sleep(1ms).wait(); };
  CHECK(loop.run(program()).error() == Error::would_block_loop);
  const auto hopeful = [](Channel<int>& channel) -> Task<Result<>> {
    co_return channel.receive().within(1s).wait().error();
  };
  Channel<int> channel(1);
  REQUIRE(channel.try_send(1));
  CHECK(loop.run(hopeful(channel)).error() == Error::would_block_loop);
  CHECK(channel.size() == 1);
}

TEST_CASE("within(0) tries once", "[operation]") {
  EventLoop loop;
  Channel<int> channel(1);
  const auto program = [&]() -> Task<Result<int>> { co_return co_await channel.receive().within(0s); };
  CHECK(loop.run(program()).error() == Error::timed_out);
  CHECK(channel.receive().within(0s).wait().error() == Error::timed_out);
  REQUIRE(channel.try_send(3));
  CHECK(*loop.run(program()) == 3);
  REQUIRE(channel.try_send(4));
  CHECK(*channel.receive().within(0s).wait() == 4);
}

TEST_CASE("a timeout is told apart from a stop, and the later call of within() and stop() counts", "[operation]") {
  ManualClock clock(ManualClock::Idle::skip);
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  StopSource stopped;
  stopped.request_stop();
  const StopSource idle;
  const auto program = [&]() -> Task<> {
    {
      const auto got = co_await sleep(1h).within(1s);
      CHECK(got.error() == Error::timed_out);
    }
    {
      const auto got = co_await sleep(1h).stop(stopped.token());
      CHECK(got.error() == Error::cancelled);
    }
    {
      const auto got = co_await sleep(1h).within(1s).stop(stopped.token());
      CHECK(got.error() == Error::cancelled);
    }
    {
      const auto got = co_await sleep(1h).stop(idle.token()).within(1s);
      CHECK(got.error() == Error::timed_out);
    }
    {
      const auto got = co_await sleep(1h).within(1s).within(2h);
      CHECK(got);
    }
    {
      const auto got = co_await sleep(1h).stop(stopped.token()).stop(idle.token());
      CHECK(got);
    }
  };
  REQUIRE(loop.run(program()));
}

TEST_CASE("stop({}) shields an operation from the inherited token", "[operation]") {
  ManualClock clock(ManualClock::Idle::skip);
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  std::optional<Result<>> inherited;
  std::optional<Result<>> shielded;
  const auto program = [&]() -> Task<> {
    inherited = co_await sleep(1s);
    shielded = co_await sleep(1s).stop({});
  };
  loop.stop();
  REQUIRE(loop.run(program()));
  REQUIRE((inherited && shielded));
  CHECK(inherited->error() == Error::cancelled);
  CHECK(*shielded);
}

TEST_CASE("an operation that never starts leaves no trace", "[operation]") {
  Channel<int> channel(1);
  StopSource source;
  { [[maybe_unused]] auto op = channel.receive(); }
  { [[maybe_unused]] const auto& adjusted = channel.receive().stop(source.token()).within(1s); }
  CHECK(source.request_stop());
  CHECK(channel.try_send(1));
  CHECK(channel.size() == 1);
}

TEST_CASE("operations that finish at once let others in after a while", "[operation]") {
  EventLoop loop;
  Channel<int> endless(1);
  bool over = false;
  long rounds = 0;
  const auto busy = [&]() -> Task<> {
    while (!over) {
      static_cast<void>(endless.try_send(1));
      static_cast<void>(co_await endless.receive());
      ++rounds;
    }
  };
  const auto other = [&]() -> Task<> {
    for (int i = 0; i < 10; ++i) static_cast<void>(co_await sleep(1us));
    over = true;
  };
  const auto program = [&]() -> Task<> {
    Scope scope;
    scope.spawn(busy());
    scope.spawn(other());
    static_cast<void>(co_await scope.join());
  };
  REQUIRE(loop.run(program()));
  CHECK(rounds > 0);
}

TEST_CASE("a timeout below zero tries once, as zero does") {
  CHECK(sleep(1h).within(Duration::min()).wait().error() == Error::timed_out);
  EventLoop loop;
  const auto in_a_loop = []() -> Task<Result<>> {
    co_return co_await sleep(std::chrono::hours(1)).within(Duration::min());
  };
  CHECK(loop.run(in_a_loop()).error() == Error::timed_out);
}
