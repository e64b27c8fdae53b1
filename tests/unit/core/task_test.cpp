// SPDX-License-Identifier: BSL-1.0
#include <parley/core/task.hpp>

#include <parley/core/channel.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/offload.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<Task<int>>);
static_assert(std::is_nothrow_move_constructible_v<Task<int>>);

namespace {

struct SkippingLoop {
  SkippingLoop() { options.time = &clock; }
  ManualClock clock{ManualClock::Idle::skip};
  LoopOptions options;
};

// Counts what is alive, to show that frames end with all they hold.
struct Alive {
  explicit Alive(int& counter) noexcept : count(&counter) { ++*count; }
  Alive(const Alive& other) noexcept : Alive(*other.count) {}
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --*count; }
  int* count;
};

Task<int> one() { co_return 1; }

Task<long> sum_of(long count) {
  long sum = 0;
  for (long i = 0; i < count; ++i) sum += co_await one();
  co_return sum;
}

// Suspends on its way down, so that the depth is that of the chain and not of the stack.
Task<int> chain(int depth) {
  static_cast<void>(co_await sleep(1ns));
  if (depth == 0) co_return 0;
  co_return 1 + co_await chain(depth - 1);
}

Task<std::string> join_texts(std::string a, std::string b) {
  static_cast<void>(co_await sleep(1ns));
  co_return a + b;
}

}  // namespace

TEST_CASE("a task does not start before it is awaited", "[task]") {
  EventLoop loop;
  bool started = false;
  const auto make = [&]() -> Task<> {
    started = true;
    co_return;
  };
  Task<> task = make();
  CHECK_FALSE(started);
  REQUIRE(loop.run(std::move(task)));
  CHECK(started);
  CHECK_FALSE(task);
  { const Task<> never = make(); }
}

TEST_CASE("a million awaits that finish at once need no stack", "[task]") {
  EventLoop loop;
  CHECK(*loop.run(sum_of(1'000'000)) == 1'000'000);
}

TEST_CASE("a hundred thousand tasks that wait for each other finish one after the other without stack", "[task]") {
  SkippingLoop f;
  EventLoop loop(f.options);
  CHECK(*loop.run(chain(100'000)) == 100'000);
}

TEST_CASE("a million operations that finish at once need no stack", "[task]") {
  EventLoop loop;
  const auto program = []() -> Task<int> {
    Channel<int> channel(1);
    int sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      static_cast<void>(channel.try_send(1));
      sum += *co_await channel.receive();
    }
    co_return sum;
  };
  CHECK(*loop.run(program()) == 1'000'000);
}

TEST_CASE("values that only move, and long strings, come through", "[task]") {
  SkippingLoop f;
  EventLoop loop(f.options);
  const auto make = [](int value) -> Task<std::unique_ptr<int>> {
    static_cast<void>(co_await sleep(1ns));
    co_return std::make_unique<int>(value);
  };
  const auto program = [&]() -> Task<std::string> {
    const auto made = co_await make(6);
    CHECK(*made == 6);
    std::string left(50, 'l');
    co_return co_await join_texts(std::move(left), std::string(50, 'r'));
  };
  CHECK(*loop.run(program()) == std::string(50, 'l') + std::string(50, 'r'));
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("an exception passes through the awaits, whether or not they suspended", "[task]") {
  SkippingLoop f;
  EventLoop loop(f.options);
  int alive = 0;
  const auto thrower = [&](bool later) -> Task<int> {
    const Alive guard(alive);
    if (later) static_cast<void>(co_await sleep(1ns));
    throw std::runtime_error("from below");
  };
  const auto middle = [&](bool later) -> Task<int> {
    const Alive guard(alive);
    co_return co_await thrower(later);
  };
  for (const bool later : {false, true}) {
    const auto catcher = [&]() -> Task<std::string> {
      try {
        static_cast<void>(co_await middle(later));
      } catch (const std::runtime_error& error) {
        CHECK(alive == 0);
        co_return error.what();
      }
      co_return "nothing";
    };
    CHECK(*loop.run(catcher()) == "from below");
    CHECK_THROWS_AS(loop.run(middle(later)), std::runtime_error);
    CHECK(alive == 0);
  }
}
#endif

TEST_CASE("a task inherits the stop token of the one that awaits it, unless it is given one", "[task]") {
  EventLoop loop;
  StopSource own;
  own.request_stop();
  const auto sleeper = []() -> Task<Result<>> { co_return co_await sleep(1ms); };
  const auto nested = [&]() -> Task<Result<>> { co_return co_await sleeper(); };
  const auto program = [&]() -> Task<> {
    {
      const auto got = co_await nested();
      CHECK(got);
    }
    {
      const auto got = co_await nested().with_stop(own.token());
      CHECK(got.error() == Error::cancelled);
    }
    loop.stop();
    {
      const auto got = co_await nested();
      CHECK(got.error() == Error::cancelled);
    }
    {
      const auto got = co_await nested().with_stop({});
      CHECK(got);
    }
  };
  REQUIRE(loop.run(program()));
}

namespace {

// Goes through every kind of wait there is here.
struct Journey {
  int alive = 0;
  int finished = 0;
  Channel<std::unique_ptr<int>> full{1};
  Channel<std::unique_ptr<int>> empty{1};
  std::vector<std::error_code> errors;

  Journey() { static_cast<void>(full.try_send(std::make_unique<int>(1))); }

  void note(std::error_code error) { errors.push_back(error); }

  Task<> child() {
    const Alive guard(alive);
    note((co_await sleep(5ms)).error());
    note((co_await sleep(1h).within(1ms)).error());
  }
  Task<> all() {
    const Alive guard(alive);
    note((co_await sleep(1ms)).error());
    co_await child();
    std::unique_ptr<int> item = std::make_unique<int>(2);
    note((co_await full.send(std::move(item)).within(2ms)).error());
    note((co_await empty.receive().within(2ms)).error());
    {
      Scope scope;
      for (int i = 0; i < 3; ++i) scope.spawn(child());
      note((co_await scope.join()).error());
    }
    note((co_await offload([] {})).error());
    note((co_await sleep_until(Clock::now() + 1ms)).error());
    ++finished;
  }
};

}  // namespace

TEST_CASE("a task may be destroyed wherever it is suspended", "[task]") {
  // After 1 turn of the loop, after 2, ... until it gets through to its end.
  for (int turns = 1;; ++turns) {
    REQUIRE(turns < 10'000);
    Journey journey;
    EventLoop loop;
    auto scope = std::make_unique<Scope>();
    REQUIRE(loop.post([&] { scope->spawn(journey.all()); }));
    for (int i = 0; i < turns; ++i) REQUIRE(loop.turn(1ms));
    const bool through = scope->size() == 0;
    scope.reset();
    CHECK(journey.alive == 0);
    for (int i = 0; i < 3; ++i) REQUIRE(loop.turn());  // nothing of it is left in the loop
    if (through) {
      CHECK(journey.finished == 1);
      break;
    }
    CHECK(journey.finished == 0);
  }
}

TEST_CASE("a task may be cancelled wherever it is suspended, and then ends", "[task]") {
  for (int turns = 1;; ++turns) {
    REQUIRE(turns < 10'000);
    Journey journey;
    EventLoop loop;
    Scope scope;
    REQUIRE(loop.post([&] { scope.spawn(journey.all()); }));
    for (int i = 0; i < turns; ++i) REQUIRE(loop.turn(1ms));
    const bool through = scope.size() == 0;
    const std::size_t before = journey.errors.size();
    scope.cancel();
    const auto join = [&]() -> Task<Result<>> { co_return co_await scope.join(); };
    REQUIRE(loop.run(join()));
    CHECK(journey.alive == 0);
    CHECK(journey.finished == 1);  // it sees each wait end with an error, and goes on
    if (through) break;
    REQUIRE(journey.errors.size() > before);
    CHECK(journey.errors.back() == Error::cancelled);
  }
}

TEST_CASE("the frames of a task end before the awaiting coroutine's next full-expression", "[task]") {
  EventLoop loop;
  int alive = 0;
  const auto child = [&](Alive) -> Task<> { co_return; };
  const auto program = [&]() -> Task<> {
    Alive argument(alive);
    co_await child(argument);
    CHECK(alive == 1);
  };
  REQUIRE(loop.run(program()));
  CHECK(alive == 0);
}

TEST_CASE("a task that finishes inside another coroutine's call may be destroyed before its parent has heard of it",
          "[task]") {
  class Event {
   public:
    explicit Event(std::coroutine_handle<>& waiter) noexcept : waiter_(waiter) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept { waiter_ = coroutine; }
    void await_resume() const noexcept {}

   private:
    std::coroutine_handle<>& waiter_;
  };
  EventLoop loop;
  int alive = 0;
  int heard = 0;
  std::coroutine_handle<> waiter;
  const auto child = [&]() -> Task<> {
    const Alive guard(alive);
    co_await Event(waiter);
  };
  const auto parent = [&]() -> Task<> {
    const Alive guard(alive);
    co_await child();
    ++heard;
  };
  const auto program = [&]() -> Task<> {
    for (const bool join : {false, true}) {
      Scope scope;
      scope.spawn(parent());
      waiter.resume();
      if (join) static_cast<void>(co_await scope.join());
    }
    CHECK(alive == 0);
    CHECK(heard == 1);
    static_cast<void>(co_await sleep(1us));
  };
  REQUIRE(loop.run(program()));
  CHECK(heard == 1);
}
