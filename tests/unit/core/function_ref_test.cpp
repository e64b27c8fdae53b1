// SPDX-License-Identifier: BSL-1.0
#include <parley/core/function_ref.hpp>

#include "support/catch.hpp"

#include <type_traits>

using namespace parley;

static_assert(std::is_trivially_copyable_v<FunctionRef<void(int)>>);
static_assert(std::is_trivially_destructible_v<FunctionRef<void(int)>>);
static_assert(!std::is_constructible_v<FunctionRef<void(int)>, int>);

namespace {

int doubled(int value) { return 2 * value; }

int called(FunctionRef<int(int)> function, int value) { return function(value); }

struct Counter {
  int calls = 0;
  void operator()(int) { ++calls; }
};

}  // namespace

TEST_CASE("what is called is what was referred to") {
  int sum = 0;
  const auto add = [&](int value) { return sum += value; };
  CHECK(called(add, 3) == 3);
  CHECK(called(add, 4) == 7);
  CHECK(called([](int value) { return -value; }, 5) == -5);
  CHECK(called(doubled, 6) == 12);
  CHECK(called(&doubled, 6) == 12);
  Counter counter;
  const FunctionRef<void(int)> reference = counter;
  const FunctionRef<void(int)> copy = reference;
  reference(1);
  copy(1);
  CHECK(counter.calls == 2);
}

TEST_CASE("none is empty") {
  FunctionRef<void()> none;
  CHECK_FALSE(none);
  const auto nothing = [] {};
  none = nothing;
  CHECK(bool(none));
}
