// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring_slots.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

using namespace parley::platform;
namespace work = uring::work;

namespace {

std::unique_ptr<Pollable> a_pollable() { return std::make_unique<Pollable>(NativeHandle(), true); }

}  // namespace

TEST_CASE("a slot is given away once nobody has it, the kernel least of all, and not before") {
  IoUringSlots slots;
  const auto first = a_pollable(), second = a_pollable();
  REQUIRE(slots.take(*first));
  const std::uint32_t slot = first->slot;
  slots.want(slot, work::both);
  REQUIRE(slots.wanting() == slot);
  slots[slot].arm(work::both);
  slots.served();
  slots.note(slot, 1);
  slots[slot].pollable = nullptr;  // forgotten
  const auto others_take_it = [&] {
    slots.give_away(slot);
    const auto other = a_pollable();
    REQUIRE(slots.take(*other));
    const bool same = other->slot == slot;
    slots[other->slot].pollable = nullptr;
    slots.give_away(other->slot);
    return same;
  };
  CHECK_FALSE(others_take_it());
  slots[slot].disarm(work::both);
  CHECK_FALSE(others_take_it());
  CHECK(slots.take_told().first == nullptr);
  CHECK(others_take_it());
}

TEST_CASE("what is to be told is told once, with all its events, the oldest first") {
  IoUringSlots slots;
  std::vector<std::unique_ptr<Pollable>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(a_pollable());
    REQUIRE(slots.take(*all.back()));
    slots.note(all.back()->slot, 1);
    slots.note(all.front()->slot, 4);
  }
  CHECK(slots.telling() == 100);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto [pollable, events] = slots.take_told();
    CHECK(pollable == all[i].get());
    CHECK(events == (i == 0 ? 5U : 1U));
  }
  CHECK(slots.telling() == 0);
}

TEST_CASE("work is wanted once, and what the kernel had is wanted again when it has lost it") {
  IoUringSlots slots;
  const auto pollable = a_pollable();
  REQUIRE(slots.take(*pollable));
  const std::uint32_t slot = pollable->slot;
  for (int i = 0; i < 2; ++i) slots.want(slot, work::receiving);
  slots[slot].arm(work::receiving);
  slots.served();
  CHECK(slots.wanting() == IoUringSlots::none);
  slots.want(slot, work::receiving);
  CHECK(slots.wanting() == IoUringSlots::none);
  slots.want(slot, work::ending);
  slots.want(slot, work::writing);
  pollable->read_ahead = true;
  slots.lose_kernel();
  CHECK_FALSE(pollable->read_ahead);
  REQUIRE(slots.wanting() == slot);
  CHECK(slots[slot].wanted == (work::receiving | work::writing));
  CHECK(slots[slot].armed == 0);
  slots.served();
  CHECK(slots.wanting() == IoUringSlots::none);
}

TEST_CASE("without memory there is no slot, and those that there are stay") {
  if (!support::allocations_are_counted()) return;
  IoUringSlots slots;
  std::vector<std::unique_ptr<Pollable>> all;
  const auto another = a_pollable();
  const auto refused = [&] {
    const support::OutOfMemory none;
    return !slots.take(*another);
  };
  CHECK(refused());
  for (int i = 0; i < 16; ++i) {
    all.push_back(a_pollable());
    REQUIRE(slots.take(*all.back()));
  }
  CHECK(refused());
  std::set<std::uint32_t> numbers;
  for (const auto& pollable : all) {
    CHECK(slots[pollable->slot].pollable == pollable.get());
    numbers.insert(pollable->slot);
  }
  CHECK(numbers.size() == all.size());
  CHECK(slots.take(*another));
}
