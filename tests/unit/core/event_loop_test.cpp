// SPDX-License-Identifier: BSL-1.0
#include <parley/core/event_loop.hpp>

#include <parley/core/channel.hpp>
#include <parley/core/loop_thread.hpp>
#include <parley/core/resume_on.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {
Task<> nothing() { co_return; }
Task<int> number() { co_return 7; }
Task<Result<std::string>> text() { co_return std::string("text"); }
Task<Result<>> failure() { co_return Error::malformed; }
}  // namespace

TEST_CASE("run() returns what the task returned, as one Result", "[event_loop]") {
  EventLoop loop;
  STATIC_REQUIRE(std::is_same_v<decltype(loop.run(nothing())), Result<>>);
  STATIC_REQUIRE(std::is_same_v<decltype(loop.run(number())), Result<int>>);
  STATIC_REQUIRE(std::is_same_v<decltype(loop.run(text())), Result<std::string>>);
  CHECK(loop.run(nothing()));
  CHECK(*loop.run(number()) == 7);
  CHECK(*loop.run(text()) == "text");
  CHECK(loop.run(failure()).error() == Error::malformed);
  CHECK(std::string(loop.poller_name()) != "none");
}

TEST_CASE("a loop knows when it is the current one, and does not run inside another", "[event_loop]") {
  EventLoop loop;
  EventLoop other;
  CHECK(EventLoop::current() == nullptr);
  const auto program = [&]() -> Task<> {
    CHECK(EventLoop::current() == &loop);
    CHECK(other.run(nothing()).error() == Error::would_block_loop);
    CHECK(loop.run(nothing()).error() == Error::would_block_loop);
    CHECK(other.run().error() == Error::would_block_loop);
    CHECK(loop.turn().error() == Error::would_block_loop);
    co_return;
  };
  CHECK(loop.run(program()));
  CHECK(EventLoop::current() == nullptr);
}

TEST_CASE("stop() requests the task to stop, also when it came first", "[event_loop]") {
  EventLoop loop;
  const auto program = []() -> Task<Result<>> { co_return co_await sleep(Duration::max()); };
  std::thread stopper([&] { loop.stop(); });
  CHECK(loop.run(program()).error() == Error::cancelled);
  stopper.join();
  CHECK(loop.run(program()).error() == Error::cancelled);
  CHECK(loop.run());
  CHECK(loop.stop_token().stop_requested());
}

TEST_CASE("run() without a task ends detached tasks after a stop, or destroys them when their grace is over",
          "[event_loop]") {
  bool ended = false;
  bool destroyed = false;
  {
    LoopOptions options;
    options.stop_grace = 5ms;
    EventLoop loop(options);
    const auto polite = [&]() -> Task<> {
      const auto slept = co_await sleep(Duration::max());
      ended = slept.error() == Error::cancelled;
    };
    struct Guard {
      explicit Guard(bool& flag) noexcept : gone(flag) {}
      Guard(const Guard&) = delete;
      Guard& operator=(const Guard&) = delete;
      ~Guard() { gone = true; }
      bool& gone;
    };
    const auto stubborn = [&]() -> Task<> {
      const Guard guard(destroyed);
      static_cast<void>(co_await sleep(Duration::max()).stop({}));
    };
    REQUIRE(loop.post([&] {
      loop.detached().spawn(polite());
      loop.detached().spawn(stubborn());
      loop.stop();
    }));
    CHECK(loop.run());
    CHECK(ended);
    CHECK_FALSE(destroyed);
  }
  CHECK(destroyed);
}

TEST_CASE("a loop whose grace has no limit stops all the same", "[event_loop]") {
  LoopOptions options;
  options.stop_grace = Duration::max();
  EventLoop loop(options);
  loop.stop();
  CHECK(loop.run());
}

TEST_CASE("functions are called in the order of posting, what they post in the next turn", "[event_loop]") {
  EventLoop loop;
  std::vector<int> order;
  REQUIRE(loop.post([&] {
    order.push_back(1);
    CHECK(loop.post([&] { order.push_back(3); }));
  }));
  auto owned = std::make_unique<int>(2);
  REQUIRE(loop.post([&, moved = std::move(owned)] { order.push_back(*moved); }));
  CHECK(order.empty());
  REQUIRE(loop.turn());
  CHECK(order == std::vector<int>{1, 2});
  REQUIRE(loop.turn());
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("post() refuses more than the loop's limit, and takes more after a turn", "[event_loop]") {
  LoopOptions options;
  options.max_posted = 3;
  EventLoop loop(options);
  int called = 0;
  for (int i = 0; i < 3; ++i) REQUIRE(loop.post([&] { ++called; }));
  CHECK(loop.post([&] { ++called; }).error() == Error::queue_full);
  REQUIRE(loop.turn());
  CHECK(called == 3);
  CHECK(loop.post([&] { ++called; }));
}

TEST_CASE("functions posted from many threads all arrive, each thread's in order", "[event_loop]") {
  constexpr int threads = 4;
  constexpr int each = 2000;
  EventLoop loop;
  std::vector<int> next(threads);
  int left = threads * each;
  bool in_order = true;
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        const auto note = [&, t, i] {
          in_order = in_order && next[static_cast<std::size_t>(t)]++ == i;
          if (--left == 0) loop.stop();
        };
        while (!loop.post(note)) {
        }
      }
    });
  }
  CHECK(loop.run());
  for (auto& poster : posters) poster.join();
  CHECK(left == 0);
  CHECK(in_order);
}

TEST_CASE("what was posted before a stop is called; what a destroyed loop holds is not, but released", "[event_loop]") {
  const auto shared = std::make_shared<int>();
  {
    EventLoop loop;
    bool called = false;
    REQUIRE(loop.post([&] {
      CHECK(loop.post([&] { called = true; }));  // for the next turn
      loop.stop();
    }));
    CHECK(loop.run());
    CHECK(called);
    REQUIRE(loop.post([shared] { FAIL("called"); }));
    CHECK(shared.use_count() == 2);
  }
  CHECK(shared.use_count() == 1);
}

namespace {
class CountingHook final : public TurnEndHook {
 public:
  CountingHook(EventLoop& loop, int again) : loop_(loop), again_(again) {}
  void turn_ended() noexcept override {
    ++calls;
    if (again_-- > 0) loop_.at_turn_end(*this);
  }
  int calls = 0;

 private:
  EventLoop& loop_;
  int again_;
};
}  // namespace

TEST_CASE("an end-of-turn hook is called once for each time it is armed", "[event_loop]") {
  EventLoop loop;
  CountingHook hook(loop, 0);
  loop.at_turn_end(hook);
  loop.at_turn_end(hook);
  REQUIRE(loop.turn());
  CHECK(hook.calls == 1);
  REQUIRE(loop.turn());
  CHECK(hook.calls == 1);
}

TEST_CASE("a hook that arms itself again is called in the next turn, which does not wait", "[event_loop]") {
  EventLoop loop;
  CountingHook hook(loop, 2);
  loop.at_turn_end(hook);
  REQUIRE(loop.turn());
  CHECK(hook.calls == 1);
  REQUIRE(loop.turn(1h));
  CHECK(hook.calls == 2);
  REQUIRE(loop.turn(1h));
  CHECK(hook.calls == 3);
}

TEST_CASE("a hook that is destroyed is not called, even from the hook before it", "[event_loop]") {
  EventLoop loop;
  auto doomed = std::make_unique<CountingHook>(loop, 0);
  struct Destroyer final : TurnEndHook {
    explicit Destroyer(std::unique_ptr<CountingHook>& hook) : victim(hook) {}
    void turn_ended() noexcept override { victim.reset(); }
    std::unique_ptr<CountingHook>& victim;
  };
  Destroyer destroyer(doomed);
  loop.at_turn_end(destroyer);
  loop.at_turn_end(*doomed);
  REQUIRE(loop.turn());
  CHECK(doomed == nullptr);
}

TEST_CASE("hooks run after the coroutines of their turn", "[event_loop]") {
  EventLoop loop;
  Channel<int> channel(1);
  std::vector<std::string> order;
  struct Noter final : TurnEndHook {
    explicit Noter(std::vector<std::string>& notes) : order(notes) {}
    void turn_ended() noexcept override { order.emplace_back("hook"); }
    std::vector<std::string>& order;
  };
  Noter hook(order);
  const auto receiver = [&]() -> Task<> {
    static_cast<void>(co_await channel.receive());
    order.emplace_back("coroutine");
  };
  Scope scope;
  REQUIRE(loop.post([&] { scope.spawn(receiver()); }));
  REQUIRE(loop.turn());
  REQUIRE(channel.try_send(1));
  loop.at_turn_end(hook);
  REQUIRE(loop.turn());
  CHECK(order == std::vector<std::string>{"coroutine", "hook"});
}

TEST_CASE("a turn resumes at most so many coroutines, the others in the next", "[event_loop]") {
  LoopOptions options;
  options.max_resumptions = 2;
  EventLoop loop(options);
  Channel<int> channel(8);
  int resumed = 0;
  const auto receiver = [&]() -> Task<> {
    static_cast<void>(co_await channel.receive());
    ++resumed;
  };
  Scope scope;
  REQUIRE(loop.post([&] {
    for (int i = 0; i < 5; ++i) scope.spawn(receiver());
  }));
  REQUIRE(loop.turn());
  for (int i = 0; i < 5; ++i) REQUIRE(channel.try_send(i));
  REQUIRE(loop.turn());
  CHECK(resumed == 2);
  REQUIRE(loop.turn(1h));
  CHECK(resumed == 4);
  REQUIRE(loop.turn(1h));
  CHECK(resumed == 5);
}

TEST_CASE("a task may end on another loop's thread", "[event_loop]") {
  LoopThread other;
  const auto program = [&]() -> Task<int> {
    static_cast<void>(co_await resume_on(other.loop()));
    co_return 3;
  };
  for (int i = 0; i < 200; ++i) {
    EventLoop loop;
    REQUIRE(*loop.run(program()) == 3);
  }
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("an exception that leaves the task leaves run(), and the loop goes on working", "[event_loop]") {
  EventLoop loop;
  const auto thrower = []() -> Task<> {
    static_cast<void>(co_await sleep(1us));
    throw std::runtime_error("out");
  };
  CHECK_THROWS_AS(loop.run(thrower()), std::runtime_error);
  CHECK(EventLoop::current() == nullptr);
  CHECK(*loop.run(number()) == 7);
}
#endif

TEST_CASE("a hundred thousand timers, most of them cancelled, cost no more than they should", "[event_loop]") {
  ManualClock clock(ManualClock::Idle::skip);
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  int woken = 0;
  int cancelled = 0;
  const auto sleeper = [&](int i) -> Task<> {
    const auto slept = co_await sleep(std::chrono::milliseconds(i % 1000 + (i % 10 == 0 ? 0 : 100'000)));
    ++(slept ? woken : cancelled);
  };
  const auto program = [&]() -> Task<> {
    Scope scope;
    for (int i = 0; i < 100'000; ++i) scope.spawn(sleeper(i));
    static_cast<void>(co_await sleep(2s));
    static_cast<void>(co_await scope.cancel_and_join());
  };
  REQUIRE(loop.run(program()));
  CHECK(woken == 10'000);
  CHECK(cancelled == 90'000);
}

TEST_CASE("a task that has run leaves nothing that keeps the next turn from waiting", "[event_loop]") {
  ManualClock clock(ManualClock::Idle::skip);
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  bool awake = false;
  const auto sleeper = [&]() -> Task<> { awake = (co_await sleep(1h)).has_value(); };
  Scope scope;
  const auto begin = [&]() -> Task<> {
    scope.spawn(sleeper());
    co_return;
  };
  REQUIRE(loop.run(begin()));
  REQUIRE(loop.turn());  // skips to what is due next
  CHECK(awake);
}

namespace {

struct SpawnsAtItsEnd {
  ~SpawnsAtItsEnd() { EventLoop::current()->detached().spawn(at_the_end()); }
  static Task<> at_the_end() { co_return; }
};

}  // namespace

TEST_CASE("a detached task that is destroyed with its loop may still spawn another") {
  EventLoop loop;
  const auto task = []() -> Task<> {
    const SpawnsAtItsEnd spawns;
    (void)co_await sleep(std::chrono::hours(1));
  };
  REQUIRE(loop.post([&] { loop.detached().spawn(task()); }));
  REQUIRE(loop.turn());
  CHECK(loop.detached().size() == 1);
}
