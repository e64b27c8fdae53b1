// SPDX-License-Identifier: BSL-1.0
#include <parley/core/loop_end_hook.hpp>

#include <parley/core/event_loop.hpp>

#include "support/catch.hpp"

using namespace parley;

TEST_CASE("what belongs to a loop is told once when the loop goes, unless it went before", "[event_loop]") {
  struct Resident final : LoopEndHook {
    explicit Resident(int& count) : calls(count) {}
    void loop_ends() noexcept override { ++calls; }
    int& calls;
  };
  int calls = 0;
  Resident stays(calls);
  {
    Resident goes(calls);
    EventLoop loop;
    loop.at_loop_end(stays);
    loop.at_loop_end(goes);
    {
      Resident gone(calls);
      loop.at_loop_end(gone);
    }
    CHECK(calls == 0);
  }
  CHECK(calls == 2);
}
