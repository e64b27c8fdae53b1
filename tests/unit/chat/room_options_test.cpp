// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/room_options.hpp>

#include "harness.hpp"
#include "support/catch.hpp"

#include <string>
#include <type_traits>

using namespace chat_test;

// So that they may be written inside co_await expressions.
static_assert(std::is_trivially_destructible_v<RoomOptions>);

TEST_CASE("a room keeps to the options it was made with") {
  const ChatRoom room({.max_message = 7, .slow = SlowPolicy::skip});
  CHECK(room.options().max_message == 7);
  CHECK(room.options().slow == SlowPolicy::skip);
  CHECK(room.options().unique_names);
  CHECK(room.counters().messages == 0);
}

TEST_CASE("limits that are out of reach are no limits") {
  Stage stage;
  ChatRoom room({.max_members = SIZE_MAX,
                 .max_message = SIZE_MAX,
                 .max_name = SIZE_MAX,
                 .history_messages = SIZE_MAX,
                 .history_bytes = SIZE_MAX,
                 .max_lag = SIZE_MAX,
                 .rate = 4'000'000'000,
                 .burst = 4'000'000'000,
                 .max_flush = Duration::max()});
  Person ann, bob;
  REQUIRE_FALSE(ann.join(stage, room, "ann"));
  const std::string text(100000, 'x');
  for (int i = 0; i < 50; ++i) CHECK_FALSE(stage.say(ann.member, text).error);
  REQUIRE_FALSE(bob.join(stage, room, "bob"));
  stage.turns();
  CHECK(bob.got().size() == 50 * (6 + text.size() + 1));
}

TEST_CASE("no time for sending sends all the same, some in each turn") {
  Stage stage;
  ChatRoom room({.max_flush = Duration::zero()});
  std::deque<Person> people(100);
  for (std::size_t i = 0; i < people.size(); ++i) people[i].join(stage, room, std::to_string(i));
  stage.now([&] { room.publish("hi").value(); });
  const auto served = [&] {
    std::size_t count = 0;
    for (auto& person : people) count += person.member.lag() == 0;
    return count;
  };
  std::size_t before = served();
  CHECK(before > 0);
  CHECK(before < people.size());
  for (int i = 0; i < 20 && before < people.size(); ++i) {
    stage.turn();
    CHECK(served() > before);
    before = served();
  }
  for (auto& person : people) CHECK(person.got() == "* hi\n");
}

TEST_CASE("with no time for sending, those who were served last are served last") {
  Stage stage;
  ChatRoom room({.max_flush = Duration::zero()});
  std::deque<Person> people(40);  // more than are served in a turn
  for (std::size_t i = 0; i < people.size(); ++i) people[i].join(stage, room, std::to_string(i));
  std::size_t least = SIZE_MAX;
  std::size_t most = 0;
  for (int i = 0; i < 50; ++i) {
    stage.now([&] { room.publish("hi").value(); });
    least = SIZE_MAX;
    most = 0;
    for (auto& person : people) {
      least = std::min(least, person.member.lag());
      most = std::max(most, person.member.lag());
    }
  }
  CHECK(most <= 4 * (RoomLog::record_overhead + 2));  // nobody starves
  stage.turns(10);
  for (auto& person : people) CHECK(person.got().size() == 50 * 5);
}
