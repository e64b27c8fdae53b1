// SPDX-License-Identifier: BSL-1.0
#include <parley/core/race.hpp>

#include <parley/core/channel.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/when_all.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/net.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

namespace {

struct SkippingLoop {
  SkippingLoop() : loop(LoopOptions{.time = &clock}) {}
  template <class T>
  auto run(Task<T> task) {
    return loop.run(std::move(task));
  }
  ManualClock clock{ManualClock::Idle::skip};
  EventLoop loop;
};

Task<int> after(Duration duration, int value) {
  const auto slept = co_await sleep(duration);
  co_return slept ? value : -value;
}
Task<int> stubborn(Duration duration, int value) {
  const auto slept = co_await sleep(duration).stop({});
  co_return slept ? value : -value;
}
Task<int> fails_after(Duration duration, const char* why) {
  static_cast<void>(co_await sleep(duration).stop({}));
  throw std::runtime_error(why);
}
Task<> nothing() { co_return; }

template <class... Ts>
concept CanRace = requires(Ts&&... ts) { race(std::forward<Ts>(ts)...); };
using Sleep = decltype(sleep(1ms));
static_assert(CanRace<Sleep, Task<int>>);
static_assert(!CanRace<Sleep&>);  // what has a name would be moved from without a word
static_assert(!CanRace<Task<int>&>);
static_assert(!CanRace<>);

// Awaitable, but neither a task nor an operation.
class ForeignAwaitable {
 public:
  struct Awaiter {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    std::string await_resume() const { return "foreign"; }
  };
  Awaiter operator co_await() && noexcept { return {}; }
};

}  // namespace

TEST_CASE("the first decides, the losers are told to stop, and all results are kept") {
  SkippingLoop skipping;
  Channel<std::string> channel(1);
  const auto go = [&]() -> Task<> {
    const auto [index, results] = co_await race(channel.receive(), sleep(10ms), after(1h, 7), sleep(1h).within(30min));
    CHECK(index == 1);
    CHECK(std::get<0>(results).error() == Error::cancelled);
    CHECK(std::get<1>(results));
    CHECK(std::get<2>(results) == -7);
    CHECK(std::get<3>(results).error() == Error::cancelled);
  };
  const TimePoint start = skipping.clock.now();
  skipping.run(go()).value();
  CHECK(skipping.clock.now() - start == 10ms);
}

TEST_CASE("losers are waited for, however long they take") {
  SkippingLoop skipping;
  const auto go = []() -> Task<> {
    const auto outcome = co_await race(after(1ms, 1), stubborn(1h, 2));
    CHECK(outcome.index == 0);
    CHECK(std::get<1>(outcome.results) == 2);
  };
  const TimePoint start = skipping.clock.now();
  skipping.run(go()).value();
  CHECK(skipping.clock.now() - start == 1h);
}

TEST_CASE("what finishes at the same time is not thrown away") {
  SkippingLoop skipping;
  Channel<std::unique_ptr<int>> one(1);
  Channel<std::unique_ptr<int>> two(1);
  const auto go = [&]() -> Task<> {
    EventLoop::current()
        ->post([&] {
          CHECK(two.try_send(std::make_unique<int>(2)));
          CHECK(one.try_send(std::make_unique<int>(1)));
        })
        .value();
    auto outcome = co_await race(one.receive(), two.receive(), sleep(1h));
    CHECK(outcome.index == 1);
    CHECK(*std::get<0>(outcome.results).value() == 1);
    CHECK(*std::get<1>(outcome.results).value() == 2);
    CHECK(std::get<2>(outcome.results).error() == Error::cancelled);
    auto at_once = co_await race(sleep(0ms), after(0ms, 3), nothing());
    CHECK(at_once.index == 0);
    CHECK(std::get<1>(at_once.results) == 3);
  };
  skipping.run(go()).value();
}

TEST_CASE("a race of one, and of what finishes at once") {
  SkippingLoop skipping;
  const auto go = []() -> Task<> {
    const auto alone = co_await race(sleep(1ms));
    CHECK(alone.index == 0);
    const auto foreign = co_await race(sleep(1h), ForeignAwaitable());
    CHECK(foreign.index == 1);
    CHECK(std::get<1>(foreign.results) == "foreign");
  };
  skipping.run(go()).value();
}

TEST_CASE("a race that loses a race stops its own children") {
  SkippingLoop skipping;
  Channel<int> silent(1);
  const TimePoint start = skipping.clock.now();
  const auto go = [&]() -> Task<> {
    const auto outer = co_await race(race(silent.receive(), sleep(1h)), when_all(sleep(2h), after(3h, 5)),
                                     race(when_all(silent.receive().stop({}), sleep(4h)), sleep(5h)), sleep(1ms));
    CHECK(outer.index == 3);
    const auto& inner = std::get<0>(outer.results);
    CHECK(std::get<0>(inner.results).error() == Error::cancelled);
    CHECK(std::get<1>(inner.results).error() == Error::cancelled);
    CHECK(std::get<1>(std::get<1>(outer.results)) == -5);
    const auto won = co_await race(race(sleep(1ms), sleep(1h)), sleep(2h));
    CHECK(won.index == 0);
    CHECK(std::get<0>(won.results).index == 0);
  };
  skipping.run(go()).value();
  CHECK(skipping.clock.now() - start == 2ms);
}

TEST_CASE("an exception of a task is thrown when all have ended, the first in order") {
  SkippingLoop skipping;
  const auto go = [&]() -> Task<std::string> {
    try {
      static_cast<void>(co_await race(after(1ms, 1), fails_after(2ms, "second"), fails_after(1ms, "third")));
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing";
  };
  CHECK(skipping.run(go()).value() == "second");
  CHECK(skipping.clock.now().time_since_epoch() == 1h + 2ms);
}

TEST_CASE("a stop of the caller reaches all, but for the shielded") {
  SkippingLoop skipping;
  StopSource source;
  Channel<int> silent(1);
  const TimePoint start = skipping.clock.now();
  const auto go = [&]() -> Task<> {
    for (const bool before : {false, true}) {
      if (!before) EventLoop::current()->post([&] { source.request_stop(); }).value();
      const auto outcome =
          co_await race(silent.receive(), after(1h, 1), race(sleep(1h), after(1h, 2)), sleep(3ms).stop({}));
      CHECK(std::get<0>(outcome.results).error() == Error::cancelled);
      CHECK(std::get<1>(outcome.results) == -1);
      CHECK(std::get<0>(std::get<2>(outcome.results).results).error() == Error::cancelled);
      CHECK(std::get<1>(std::get<2>(outcome.results).results) == -2);
    }
  };
  skipping.run(go().with_stop(source.token())).value();
  CHECK(skipping.clock.now() - start <= 6ms);
}

TEST_CASE("a race on a thread without a loop says so") {
  bool done = false;
  const auto returns = []() -> Task<Result<int>> { co_return 1; };
  const auto go = [&]() -> support::Foreign {
    const auto outcome = co_await race(sleep(1h), race(sleep(1h)), returns());
    CHECK(std::get<0>(outcome.results).error() == Error::no_loop);
    CHECK(std::get<0>(std::get<1>(outcome.results).results).error() == Error::no_loop);
    CHECK(std::get<2>(outcome.results).error() == Error::no_loop);
    done = true;
  };
  go();
  CHECK(done);
}

TEST_CASE("a race can be destroyed at each turn") {
  for (int turns = 0; turns < 6; ++turns) {
    EventLoop loop;
    Channel<std::unique_ptr<int>> channel(1);
    std::optional<Scope> scope(std::in_place);
    const auto go = [&]() -> Task<> {
      static_cast<void>(co_await race(channel.receive(), after(1h, 1), race(sleep(1h), after(1h, 2))));
    };
    const auto begin = [&]() -> Task<> {
      scope->spawn(go());
      scope->spawn(go());
      co_return;
    };
    loop.run(begin()).value();
    for (int i = 0; i < turns; ++i) {
      if (i == 1) CHECK(channel.try_send(std::make_unique<int>(1)));
      if (i == 3) scope->cancel();
      loop.turn().value();
    }
    scope.reset();
    loop.turn().value();
  }
}

TEST_CASE("races over operations allocate nothing") {
  if (!support::allocations_are_counted()) return;
  std::size_t made = 0;
  const auto go = [&]() -> Task<> {
    Channel<int> channel(4);
    std::size_t before = 0;
    for (int i = 0; i < 50; ++i) {
      if (i == 5) before = support::allocations();
      static_cast<void>(co_await race(channel.receive(), sleep(Duration(1)), race(channel.receive(), sleep(1h))));
      static_cast<void>(co_await race(channel.receive(), channel.send(1)));
      static_cast<void>(channel.try_receive());
    }
    made = support::allocations() - before;
  };
  support::run(go());
  CHECK(made == 0);
}

TEST_CASE("children that finish on other threads are joined") {
  struct Hop {
    std::thread* thread;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) const {
      *thread = std::thread([coroutine] { coroutine.resume(); });
    }
    void await_resume() const noexcept {}
  };
  for (int i = 0; i < 200; ++i) {
    std::thread threads[2];
    const auto elsewhere = [&](int index) -> Task<int> {
      const Hop hop{&threads[index]};
      co_await hop;
      co_return index + 1;
    };
    const auto go = [&]() -> Task<int> {
      const auto outcome = co_await race(elsewhere(0), elsewhere(1), sleep(1h));
      co_return std::get<0>(outcome.results) + std::get<1>(outcome.results);
    };
    EventLoop loop;
    CHECK(loop.run(go()).value() == 3);
    for (auto& thread : threads) thread.join();
  }
}
