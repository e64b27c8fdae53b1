// SPDX-License-Identifier: BSL-1.0
#include <parley/core/stop.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("an empty token never stops anything", "[stop]") {
  const StopToken token;
  CHECK_FALSE(token.stop_possible());
  CHECK_FALSE(token.stop_requested());
}

TEST_CASE("a source's tokens hear of its one request, and may outlive it", "[stop]") {
  auto source = std::make_unique<StopSource>();
  StopToken token = source->token();
  StopToken copy = token;
  const StopToken moved = std::move(copy);
  CHECK(token.stop_possible());
  CHECK_FALSE(token.stop_requested());
  CHECK(source->request_stop());
  CHECK_FALSE(source->request_stop());
  CHECK(source->stop_requested());
  source.reset();
  CHECK(token.stop_requested());
  CHECK(moved.stop_requested());
  token = StopToken();
  CHECK_FALSE(token.stop_requested());
}

TEST_CASE("a source that was moved from or is destroyed requests nothing", "[stop]") {
  StopSource source;
  const StopToken token = source.token();
  StopSource other = std::move(source);
  CHECK_FALSE(source.request_stop());
  CHECK_FALSE(source.stop_requested());
  { const StopSource gone = std::move(other); }
  CHECK_FALSE(token.stop_requested());
}

namespace {
Task<Result<>> sleep_on(StopToken token) { co_return co_await sleep(1h).stop(token); }
}  // namespace

TEST_CASE("one request reaches all operations of the token, once each", "[stop]") {
  EventLoop loop;
  StopSource source;
  int cancelled = 0;
  const auto count = [&]() -> Task<> {
    const auto slept = co_await sleep_on(source.token());
    if (slept.error() == Error::cancelled) ++cancelled;
  };
  const auto program = [&]() -> Task<> {
    Scope scope;
    for (int i = 0; i < 100; ++i) scope.spawn(count());
    source.request_stop();
    CHECK(cancelled == 0);  // never from inside the call
    static_cast<void>(co_await scope.join());
  };
  REQUIRE(loop.run(program()));
  CHECK(cancelled == 100);
}

TEST_CASE("one request reaches the operations of several loops and threads, in whatever order they came", "[stop]") {
  StopSource source;
  std::atomic<int> cancelled = 0;
  std::atomic<int> turn = 0;  // whose sleep begins next
  const auto sleeps = [&](int mine) -> Task<> {
    while (turn != mine) static_cast<void>(co_await sleep(1us));
    ++turn;
    const auto slept = co_await sleep(1h).stop(source.token());
    if (slept.error() == Error::cancelled) ++cancelled;
  };
  const auto every_third = [&](int first) -> Task<> {
    Scope scope;
    for (int i = first; i < 30; i += 3) scope.spawn(sleeps(i));
    static_cast<void>(co_await scope.join());
  };
  std::vector<std::thread> threads;
  for (int first = 0; first < 3; ++first) {
    threads.emplace_back([&, first] {
      EventLoop loop;
      static_cast<void>(loop.run(every_third(first)));
    });
  }
  while (turn != 30) std::this_thread::yield();
  CHECK(source.request_stop());
  for (auto& thread : threads) thread.join();
  CHECK(cancelled == 30);
}

TEST_CASE("requests from other threads race with completions and lose nothing", "[stop]") {
  EventLoop loop;
  std::atomic<StopSource*> armed = nullptr;
  std::atomic<bool> over = false;
  std::thread stopper([&] {
    while (!over) {
      if (StopSource* source = armed.exchange(nullptr)) source->request_stop();
    }
  });
  int cancelled = 0;
  const auto program = [&]() -> Task<> {
    std::vector<StopSource> sources(2000);
    for (auto& source : sources) {
      armed = &source;
      // Between nothing and a few hundred microseconds: the request comes before, during and after. The last one waits.
      const Duration pause =
          &source == &sources.back() ? Duration::max() : std::chrono::microseconds(&source - sources.data()) / 10;
      const auto slept = co_await sleep(pause).stop(source.token());
      if (!slept) {
        CHECK(slept.error() == Error::cancelled);
        ++cancelled;
      }
    }
    over = true;
    stopper.join();
  };
  REQUIRE(loop.run(program()));
  CHECK(cancelled > 0);
}

TEST_CASE("a thread in wait() is reached by a stop from another", "[stop]") {
  StopSource source;
  std::thread stopper([&] { source.request_stop(); });
  CHECK(sleep(Duration::max()).stop(source.token()).wait().error() == Error::cancelled);
  stopper.join();
}
