// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/thread.hpp>

#include "support/catch.hpp"

#include <future>

using namespace parley;

namespace {
void* set(void* promise) {
  static_cast<std::promise<int>*>(promise)->set_value(5);
  return nullptr;
}
}  // namespace

TEST_CASE("a thread runs its function and is joined by its destructor", "[thread]") {
  std::promise<int> promise;
  {
    platform::Thread thread;
    REQUIRE(thread.start(&set, &promise) == 0);
  }
  CHECK(promise.get_future().wait_for(std::chrono::seconds(0)) == std::future_status::ready);
}

TEST_CASE("joining twice, or what never started, does nothing", "[thread]") {
  std::promise<int> promise;
  platform::Thread thread;
  thread.join();
  REQUIRE(thread.start(&set, &promise) == 0);
  thread.join();
  thread.join();
}

TEST_CASE("a detached thread runs by itself", "[thread]") {
  static std::promise<int> promise;  // the thread may still be inside set_value() when the result is there
  REQUIRE(platform::Thread::start_detached(&set, &promise) == 0);
  CHECK(promise.get_future().get() == 5);
}

TEST_CASE("there is at least one processor", "[thread]") { CHECK(platform::processors() >= 1); }
