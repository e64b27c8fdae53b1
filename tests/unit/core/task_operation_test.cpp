// SPDX-License-Identifier: BSL-1.0
#include <parley/core/task_operation.hpp>

#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

#include <errno.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

namespace {

struct SkippingLoop {
  SkippingLoop() : loop(LoopOptions{.time = &clock}) {}
  ManualClock clock{ManualClock::Idle::skip};
  EventLoop loop;
};

Task<Result<int>> answer(Duration duration) {
  if (const auto slept = co_await sleep(duration); !slept) co_return slept.error();
  co_return 42;
}
Task<Result<int>> stubborn(Duration duration) {
  static_cast<void>(co_await sleep(duration).stop({}));
  co_return 42;
}
Task<Result<int>> throwing() {
  static_cast<void>(co_await sleep(1ms));
  throw std::runtime_error("broken");
}

}  // namespace

TEST_CASE("a timeout is told from a stop, and a result from both") {
  SkippingLoop skipping;
  const auto go = []() -> Task<> {
    auto got = co_await as_operation(answer(1s)).within(2s);
    CHECK(got.value() == 42);
    got = co_await as_operation(answer(1s)).within(1ms);
    CHECK(got.error() == Error::timed_out);
    StopSource source;
    EventLoop::current()->post([&] { source.request_stop(); }).value();
    got = co_await as_operation(answer(1s)).within(2s).stop(source.token());
    CHECK(got.error() == Error::cancelled);
    got = co_await as_operation(answer(1s)).stop(source.token());
    CHECK(got.error() == Error::cancelled);
    got = co_await as_operation(answer(0s)).stop(source.token());
    CHECK(got.value() == 42);  // it finished in spite of the stop
  };
  skipping.loop.run(go()).value();
}

TEST_CASE("a task that ignores the stop is waited for, and its result counts") {
  SkippingLoop skipping;
  const TimePoint start = skipping.clock.now();
  const auto go = []() -> Task<> {
    const auto got = co_await as_operation(stubborn(1h)).within(1ms);
    CHECK(got.value() == 42);
  };
  skipping.loop.run(go()).value();
  CHECK(skipping.clock.now() - start == 1h);
}

TEST_CASE("a timeout inside is not taken for one's own") {
  SkippingLoop skipping;
  const auto inner = []() -> Task<Result<int>> {
    const auto slept = co_await sleep(1h).within(1ms);
    co_return slept.error();
  };
  const auto go = [&]() -> Task<> {
    const auto got = co_await as_operation(inner()).within(2h);
    CHECK(got.error() == Error::timed_out);
  };
  skipping.loop.run(go()).value();
}

TEST_CASE("the caller's stop is inherited, and kept out by a shield") {
  SkippingLoop skipping;
  StopSource source;
  source.request_stop();
  const auto go = []() -> Task<> {
    const auto stopped = co_await as_operation(answer(1h));
    CHECK(stopped.error() == Error::cancelled);
    const auto shielded = co_await as_operation(answer(1h)).stop({});
    CHECK(shielded.value() == 42);
  };
  skipping.loop.run(go().with_stop(source.token())).value();
}

TEST_CASE("a task operation takes part in a race, and exceptions come through") {
  SkippingLoop skipping;
  const auto go = []() -> Task<std::string> {
    const auto outcome = co_await race(as_operation(answer(1h)).within(30min), as_operation(answer(1s)));
    CHECK(outcome.index == 1);
    CHECK(std::get<0>(outcome.results).error() == Error::cancelled);
    try {
      static_cast<void>(co_await as_operation(throwing()));
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing";
  };
  CHECK(skipping.loop.run(go()).value() == "broken");
}

TEST_CASE("wait() runs the task on a loop of its own") {
  CHECK(as_operation(answer(1ms)).wait().value() == 42);
  CHECK(as_operation(answer(1h)).within(1ms).wait().error() == Error::timed_out);
  StopSource source;
  source.request_stop();
  CHECK(as_operation(answer(1h)).stop(source.token()).wait().error() == Error::cancelled);
  CHECK_THROWS_AS(as_operation(throwing()).wait(), std::runtime_error);
  StopSource later;
  std::thread other([&] { later.request_stop(); });
  CHECK(as_operation(answer(1h)).stop(later.token()).wait().error() == Error::cancelled);
  other.join();
  const auto go = []() -> Task<> {
    CHECK(as_operation(answer(1ms)).wait().error() == Error::would_block_loop);
    co_return;
  };
  support::run(go());
}

TEST_CASE("wait() ends the task where the loop fails") {
  auto pair = socket_pair().value();
  char buffer[10];
  const auto receive = [&]() -> Task<Result<std::size_t>> { co_return co_await pair.first.recv(buffer); };
  support::Faults faults;
  faults.fail_call(support::poller_wait_call(), 1, ENOMEM);
  CHECK(as_operation(receive()).within(1h).wait().error() == std::errc::not_enough_memory);
  faults.fail_call(support::poller_open_call(), 1, EMFILE);
  CHECK(as_operation(receive()).wait().error() == std::errc::too_many_files_open);
  CHECK(pair.second.send_all("x").wait());
  CHECK(as_operation(receive()).wait().value() == 1);
}

TEST_CASE("on a thread without a loop it says so") {
  bool done = false;
  const auto go = [&]() -> support::Foreign {
    const auto got = co_await as_operation(answer(1h));
    CHECK(got.error() == Error::no_loop);
    done = true;
  };
  go();
  CHECK(done);
}

TEST_CASE("a task may finish on another thread, before and after its timeout") {
  struct Hop {
    std::thread* thread;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) const {
      *thread = std::thread([coroutine] { coroutine.resume(); });
    }
    void await_resume() const noexcept {}
  };
  EventLoop loop;
  for (int i = 0; i < 500; ++i) {
    std::thread thread;
    const auto elsewhere = [&]() -> Task<Result<int>> {
      const Hop hop{&thread};
      co_await hop;
      co_return 42;
    };
    const auto go = [&]() -> Task<Result<int>> { co_return co_await as_operation(elsewhere()).within(30us); };
    CHECK(loop.run(go()).value() == 42);
    thread.join();
  }
}

TEST_CASE("it can be destroyed while the task waits") {
  EventLoop loop;
  std::optional<Scope> scope(std::in_place);
  const auto go = []() -> Task<> { static_cast<void>(co_await as_operation(answer(1h)).within(2h)); };
  const auto begin = [&]() -> Task<> {
    scope->spawn(go());
    co_return;
  };
  loop.run(begin()).value();
  loop.turn().value();
  scope.reset();
  loop.turn().value();
}
