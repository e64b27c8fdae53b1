// SPDX-License-Identifier: BSL-1.0
#include <parley/core/turn_end_hook.hpp>

#include <parley/core/event_loop.hpp>

#include <memory>

#include "support/catch.hpp"

using namespace parley;

namespace {

struct CountingHook final : TurnEndHook {
  explicit CountingHook(EventLoop& on, int again = 0) : loop(on), rearm(again) {}
  void turn_ended() noexcept override {
    ++calls;
    if (rearm-- > 0) loop.at_turn_end(*this);
  }
  EventLoop& loop;
  int rearm;
  int calls = 0;
};

}  // namespace

TEST_CASE("a hook is called once for each time it is armed") {
  EventLoop loop;
  CountingHook hook(loop);
  REQUIRE(loop.turn());
  CHECK(hook.calls == 0);
  loop.at_turn_end(hook);
  loop.at_turn_end(hook);  // armed already
  REQUIRE(loop.turn());
  REQUIRE(loop.turn());
  CHECK(hook.calls == 1);
}

TEST_CASE("a hook that arms itself again is called in the next turn, not in the same one") {
  EventLoop loop;
  CountingHook hook(loop, 2);
  loop.at_turn_end(hook);
  for (int turns = 1; turns <= 3; ++turns) {
    REQUIRE(loop.turn());
    CHECK(hook.calls == turns);
  }
  REQUIRE(loop.turn());
  CHECK(hook.calls == 3);
}

TEST_CASE("hooks are called after the functions posted in the same turn") {
  EventLoop loop;
  CountingHook hook(loop);
  int calls_seen = -1;
  REQUIRE(loop.post([&] {
    loop.at_turn_end(hook);
    calls_seen = hook.calls;
  }));
  REQUIRE(loop.turn());
  CHECK(calls_seen == 0);
  CHECK(hook.calls == 1);
}

TEST_CASE("an armed hook that is destroyed is not called") {
  EventLoop loop;
  auto hook = std::make_unique<CountingHook>(loop);
  loop.at_turn_end(*hook);
  hook.reset();
  CHECK(loop.turn());
}
