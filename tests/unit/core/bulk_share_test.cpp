// SPDX-License-Identifier: BSL-1.0
#include <parley/core/detail/bulk_share.hpp>

#include "support/catch.hpp"

#include <array>
#include <optional>

using namespace parley;
using parley::detail::BulkShare;

namespace {

void use_up(BulkShare& share) {
  while (share.may_go_on()) {
  }
}

}  // namespace

TEST_CASE("one goes on until the turn's time is used up, the others next turn in their order") {
  BulkShare share;
  std::array<BulkShare::Place, 3> places;
  share.begin_turn();
  CHECK(share.may_begin(places[0]));
  use_up(share);
  const TimePoint first = share.queue(places[0]);
  CHECK_FALSE(share.may_begin(places[1]));
  const TimePoint second = share.queue(places[1]);
  CHECK_FALSE(share.may_begin(places[2]));
  const TimePoint third = share.queue(places[2]);
  CHECK(first < second);
  CHECK(second < third);
  CHECK(third < Clock::now());
  CHECK(share.queue(places[1]) == second);  // it keeps its place

  for (int turn = 0; turn < 7; ++turn) {
    share.begin_turn();
    auto& now = places[static_cast<std::size_t>(turn % 3)];
    auto& next = places[static_cast<std::size_t>((turn + 1) % 3)];
    CHECK_FALSE(share.may_begin(next));  // whatever it was woken by
    CHECK(share.may_begin(now));
    use_up(share);
    CHECK_FALSE(share.may_begin(next));
    share.queue(now);
  }
}

TEST_CASE("who leaves the queue keeps nobody waiting") {
  BulkShare share;
  BulkShare::Place stays;
  {
    std::optional<BulkShare::Place> leaves(std::in_place);
    share.begin_turn();
    CHECK(share.may_begin(*leaves));
    use_up(share);
    share.queue(*leaves);
    share.queue(stays);
    share.begin_turn();
    CHECK_FALSE(share.may_begin(stays));
  }
  CHECK(share.may_begin(stays));
}

TEST_CASE("the buffer is its last user's") {
  BulkShare share;
  std::byte* const buffer = share.buffer();
  REQUIRE(buffer != nullptr);
  const auto use = share.use();
  CHECK(share.buffer_of(use) == buffer);
  CHECK(share.buffer() == buffer);
  CHECK(share.buffer_of(use) == nullptr);
  const auto later = share.use();
  share.give_back();
  CHECK(share.buffer_of(later) == nullptr);
}
