// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/owned.hpp>

#include "support/catch.hpp"

#include <type_traits>
#include <utility>

using parley::platform::Owned;

namespace {

struct Base {
  virtual ~Base() = default;
};
struct Counted final : Base {
  explicit Counted(int& living) noexcept : living_(living) { ++living_; }
  ~Counted() override { --living_; }
  int& living_;
};

static_assert(!std::is_copy_constructible_v<Owned<Base>>);
static_assert(std::is_nothrow_move_constructible_v<Owned<Base>>);
static_assert(sizeof(Owned<Base>) == sizeof(void*));

}  // namespace

TEST_CASE("an owned object ends with its owner, with the one it was moved to, or when it is replaced") {
  int living = 0;
  {
    Owned<Base> first(new Counted(living));
    CHECK(first);
    Owned<Base> second(std::move(first));
    CHECK(first == nullptr);
    CHECK(living == 1);
    second.reset(new Counted(living));
    CHECK(living == 1);
    first = std::move(second);
    CHECK(second == nullptr);
    CHECK(living == 1);
  }
  CHECK(living == 0);
}

TEST_CASE("an owner that is moved to itself keeps its object") {
  int living = 0;
  Owned<Base> owner(new Counted(living));
  Owned<Base>& same = owner;
  owner = std::move(same);
  CHECK(owner);
  CHECK(living == 1);
}

TEST_CASE("what is released is the caller's") {
  int living = 0;
  Owned<Base> owner(new Counted(living));
  Base* const released = owner.release();
  CHECK_FALSE(owner);
  owner.reset();
  CHECK(living == 1);
  delete released;
  CHECK(living == 0);
}
