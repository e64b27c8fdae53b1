// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/room_replica.hpp>

#include "branch.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/net.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

using namespace chat_test;

namespace {

constexpr std::size_t small_lag = 64 << 10;

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

// ---- Order -----------------------------------------------------------------------------------------------------------

TEST_CASE("members on all loops see the same, in the same order") {
  Town town;
  Person ann;
  RemotePerson bob, cid, dan;
  ann.join(town.stage, *town.room, "ann");
  REQUIRE_FALSE(town.join(town.north(), bob, "bob"));
  REQUIRE_FALSE(town.join(town.north(), cid, "cid"));
  REQUIRE_FALSE(town.join(town.south(), dan, "dan"));
  const Outcome& first = town.north().say(bob, "one");
  town.turns();
  CHECK(first.sequence == 1);
  CHECK(town.stage.say(ann.member, "two").sequence == 2);
  const Outcome& third = town.south().say(dan, "three");
  town.turns();
  CHECK(third.sequence == 3);
  CHECK(ann.got() == "<bob> one\n<dan> three\n");
  CHECK(bob.got() == "<ann> two\n<dan> three\n");
  CHECK(cid.got() == "<bob> one\n<ann> two\n<dan> three\n");
  CHECK(dan.got() == "<bob> one\n<ann> two\n");
  CHECK(town.room->size() == 4);
  const RoomCounters counters = town.room->counters();
  CHECK(counters.members == 4);
  CHECK(counters.messages == 3);
  CHECK(counters.deliveries == 9);
  CHECK(counters.dropped == 0);
  CHECK(counters.bytes == 3 * 10 + 3 * 10 + 3 * 12);
}

TEST_CASE("a room that echoes does so on all loops") {
  Town town({.echo = true});
  RemotePerson bob, dan;
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  town.north().say(bob, "one");
  town.turns();
  CHECK(bob.got() == "<bob> one\n");
  CHECK(dan.got() == "<bob> one\n");
}

TEST_CASE("direct messages and notices stand in order with what is said to all, across loops") {
  Town town;
  Person ann;
  RemotePerson bob, dan;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  town.stage.say(ann.member, "aloud");
  town.stage.say_to(ann.member, dan.member.id(), "psst");
  town.stage.now([&] {
    town.room->publish("to all").value();
    town.room->say_to(bob.member.id(), "elsewhere", "hello").value();
  });
  town.turns();
  const Outcome& told = town.south().tell(dan, "yours");
  town.turns();
  const Outcome& said = town.south().say_to(dan, bob.member.id(), "to bob");
  town.turns();
  const Outcome& announced = town.north().announce(bob, "bob is here");
  town.turns();
  CHECK((told.done && !told.error && said.done && !said.error && announced.done && !announced.error));
  CHECK(town.south().say_to(dan, ann.member.id(), "to ann").done == false);
  town.turns();
  CHECK(ann.got() == "* to all\n* bob is here\n[dan] to ann\n");
  CHECK(bob.got() == "<ann> aloud\n* to all\n[elsewhere] hello\n[dan] to bob\n");
  CHECK(dan.got() == "<ann> aloud\n[ann] psst\n* to all\n* yours\n* bob is here\n");
  const Outcome& nobody = town.south().say_to(dan, no_member, "x");
  town.turns();
  CHECK(nobody.error == Error::not_found);
}

TEST_CASE("what is published on any thread comes to all loops") {
  Town town;
  RemotePerson bob;
  town.join(town.north(), bob, "bob");
  town.north().stage.now([&] { town.room->publish("from another loop").value(); });
  town.turns();
  CHECK(bob.got() == "* from another loop\n");
}

// ---- Names and numbers -----------------------------------------------------------------------------------------------

TEST_CASE("names and numbers are the room's, on whichever loop somebody is") {
  Town town({.max_members = 3, .max_name = 5});
  Person ann;
  RemotePerson bob, dan, more;
  ann.join(town.stage, *town.room, "ann");
  CHECK_FALSE(town.join(town.north(), bob, "bob"));
  CHECK(town.join(town.south(), dan, "bob") == Error::busy);
  CHECK(town.join(town.south(), dan, "ann") == Error::busy);
  CHECK(town.join(town.south(), dan, "daniel") == Error::too_long);
  CHECK_FALSE(town.join(town.south(), dan, "dan"));
  CHECK(town.join(town.south(), more, "more") == Error::queue_full);
  CHECK(town.room->find("bob") == bob.member.id());
  CHECK(town.room->find("dan") == dan.member.id());
  CHECK(bob.member.id() != dan.member.id());
  CHECK(bob.member.name() == "bob");
  const auto renamed = [&](std::string_view name) {
    const Outcome& outcome = town.north().rename(bob, name);
    town.turns();
    CHECK(outcome.done);
    return outcome.error;
  };
  CHECK(renamed("dan") == Error::busy);
  CHECK(renamed("robert") == Error::too_long);
  CHECK_FALSE(renamed("eve"));
  CHECK(bob.member.name() == "eve");
  CHECK(town.room->find("eve") == bob.member.id());
  town.north().say(bob, "hi");
  town.turns();
  CHECK(dan.got() == "<eve> hi\n");
  town.north().drop(bob);
  town.turns();
  CHECK(town.room->size() == 2);
  CHECK_FALSE(town.join(town.south(), more, "eve"));
}

TEST_CASE("a stream on which somebody sends cannot be joined, and is lent while it is") {
  Town town;
  auto pair = support::narrow_pair();
  RemoteMember member, again;
  std::error_code second, during, after;
  const auto join = [&](RemoteMember& into, std::error_code& error) -> Task<> {
    auto joined = co_await town.north().room->join(pair.first, &into == &member ? "peer" : "other");
    error = joined.error();
    if (joined) into = std::move(*joined);
  };
  const auto send = [](Socket& on, std::error_code& error) -> Task<> {
    error = (co_await on.send_all("x\n").within(0s)).error();
  };
  std::error_code first = Error::malformed;
  Scope tasks;
  town.north().stage.now([&] {
    tasks.spawn(join(member, first));
    tasks.spawn(join(again, second));  // lent from the beginning
    tasks.spawn(send(pair.first, during));
  });
  CHECK(second == Error::busy);
  CHECK(during == Error::busy);
  town.turns();
  CHECK_FALSE(first);
  town.stage.now([&] { town.room->publish("hi").value(); });
  town.turns();
  CHECK(pair.second.recv_text(99).wait().value() == "* hi\n");
  town.north().stage.now([&] {
    member = RemoteMember();
    tasks.spawn(send(pair.first, after));
  });
  CHECK_FALSE(after);
  CHECK(pair.second.recv_text(99).wait().value() == "x\n");
  town.north().stage.now([&] { pair.first.close(); });
}

// ---- History and resumption ------------------------------------------------------------------------------------------

TEST_CASE("a newcomer gets the history, on a loop that came late, too") {
  Town town({.history_messages = 2});
  Person ann;
  RemotePerson bob, cid;
  ann.join(town.stage, *town.room, "ann");
  for (const char* text : {"one", "two", "three"}) town.stage.say(ann.member, text);
  SECTION("on a loop that was there") {}
  SECTION("on a loop that came late") {
    town.branches[0] = std::make_unique<Branch>(town.home->door());
    town.turns();
  }
  town.join(town.north(), bob, "bob");
  CHECK(bob.got() == "<ann> two\n<ann> three\n");
  town.stage.say(ann.member, "four");
  town.turns();
  CHECK(bob.got() == "<ann> four\n");
}

TEST_CASE("a loop that comes when the log has dropped its beginning has the rest under the same numbers") {
  Town town({.history_messages = 2, .max_lag = small_lag});
  FullLines full;
  Person ann;
  RemotePerson bob;
  ann.join(town.stage, *town.room, "ann");
  for (int i = 0; i < 200; ++i) {
    town.stage.say(ann.member, std::to_string(i) + std::string(1000, '.'));
    town.turns(1);
  }
  Branch late(town.home->door());
  const Outcome& joined = late.join(bob, "bob", {.format = &full});
  for (int i = 0; i < 4; ++i) {
    town.turns(1);
    late.stage.turn();
  }
  REQUIRE((joined.done && !joined.error));
  CHECK(late.room->newest().sequence == 200);
  const std::string got = bob.got();
  CHECK(got.starts_with("199 text "));
  CHECK(got.find("\n200 text ") != std::string::npos);
  CHECK(line_count(got) == 2);
  late.drop(bob);
}

TEST_CASE("who comes back on another loop goes on without gap and without duplicate") {
  Town town;
  FullLines full;
  Person ann;
  RemotePerson old;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), old, "back", {.format = &full});
  for (int i = 0; i < 3; ++i) {
    town.stage.say(ann.member, std::to_string(i));
    town.north().say(old, "mine " + std::to_string(i));
    town.turns();
  }
  std::string before = old.got();
  const ResumePoint point{town.room->newest().epoch, 3};
  CHECK(town.north().room->newest().epoch == point.epoch);
  CHECK(town.north().room->newest().sequence == town.room->newest().sequence);
  town.north().drop(old);
  town.stage.say(ann.member, "meanwhile");
  const std::string expected_from_4 = [&] {
    std::string lines;
    const auto line = [&](std::uint64_t sequence, std::uint64_t sender, const char* name, const std::string& text) {
      Message message;
      message.sequence = sequence;
      message.sender = static_cast<MemberId>(sender);
      message.name = name;
      message.text = text;
      lines += FullLines::line(message);
    };
    const auto ann_id = static_cast<std::uint64_t>(ann.member.id());
    const auto old_id = static_cast<std::uint64_t>(ann_id + 1);  // a slot of its own
    line(4, old_id, "back", "mine 1");
    line(5, ann_id, "ann", "2");
    line(6, old_id, "back", "mine 2");
    line(7, ann_id, "ann", "meanwhile");
    return lines;
  }();
  SECTION("on another loop") {
    RemotePerson now;
    town.turns();
    REQUIRE_FALSE(town.join(town.south(), now, "back", {.format = &full, .after = point}));
    CHECK(now.got() == expected_from_4);
    town.stage.say(ann.member, "on");
    town.turns();
    CHECK(line_count(now.got()) == 1);
    town.south().drop(now);
  }
  SECTION("on the home's loop") {
    Person now;
    town.turns();
    REQUIRE_FALSE(now.join(town.stage, *town.room, "back", {.format = &full, .after = point}));
    town.turns();
    CHECK(now.got() == expected_from_4);
  }
  SECTION("where there is nothing to go on with") {
    RemotePerson now;
    CHECK(town.join(town.south(), now, "x", {.after = ResumePoint{point.epoch + 1, 1}}) == Error::not_found);
    CHECK(town.join(town.south(), now, "x", {.after = ResumePoint{point.epoch, 99}}) == Error::not_found);
  }
}

TEST_CASE("an absent member goes on over another stream of its loop, its own messages included") {
  Town town;
  Person ann;
  RemotePerson bob;
  MemoryStream other;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), bob, "bob");
  town.stage.say(ann.member, "one");
  town.turns();
  CHECK(bob.got() == "<ann> one\n");
  const ResumePoint point = town.north().room->newest();
  town.north().stage.now([&] { bob.member.make_absent(); });
  town.stage.say(ann.member, "two");
  const Outcome& said = town.north().say(bob, "mine");
  town.stage.turn();  // it is said, and has not come back yet
  const Outcome& attached = town.north().attach(bob, other, point);
  town.turns();
  CHECK((said.done && !said.error));
  CHECK((attached.done && !attached.error));
  CHECK(other.take_sent() == "<ann> two\n<bob> mine\n");
  CHECK(bob.got().empty());
  town.stage.say(ann.member, "three");
  town.turns();
  CHECK(other.take_sent() == "<ann> three\n");
  town.north().drop(bob);
}

// ---- Backpressure and those who are too slow ---------------------------------------------------------------------------

TEST_CASE("a loop that does not turn makes all others wait, and nothing is lost") {
  Town town({.max_lag = small_lag});
  Person ann;
  RemotePerson bob, dan;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  const std::string text(1000, 'x');
  std::size_t said = 0;
  const auto talk = [&]() -> Task<> {
    while (said < 100) {
      const auto one = co_await ann.member.say(text);
      if (!one) break;
      ++said;
    }
  };
  Scope tasks;
  town.stage.now([&] { tasks.spawn(talk()); });
  for (int i = 0; i < 50; ++i) {  // the south stands still
    town.stage.turn();
    town.north().stage.turn();
  }
  CHECK(said >= 15);
  CHECK(said * 1067 < small_lag / 4 + 2 * 1067);
  const Outcome& waits = town.north().say(bob, "me too");
  std::size_t published = 0;
  town.stage.now([&] {
    while (town.room->publish(text)) ++published;
    CHECK(town.room->publish(text).error() == Error::queue_full);
    CHECK(ann.member.tell("x").error() == Error::queue_full);
  });
  CHECK((said + published) * 1067 < small_lag / 2 + 2 * 1067);
  for (int i = 0; i < 10; ++i) {
    town.stage.turn();
    town.north().stage.turn();
  }
  CHECK_FALSE(waits.done);
  town.turns(60);
  CHECK(said == 100);
  CHECK(waits.done);
  CHECK(line_count(dan.got()) == 100 + published + 1);
  CHECK(line_count(bob.got()) == 100 + published);
  CHECK(town.room->counters().dropped == 0);
  CHECK(dan.member.reason() == EndReason::none);
}

TEST_CASE("who is too slow on another loop is ended there, and the room knows") {
  Town town({.max_lag = small_lag});
  Person ann;
  RemotePerson slow, quick;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), slow, "slow");
  town.join(town.north(), quick, "quick");
  slow.block();
  for (int i = 0; i < 100; ++i) {
    town.stage.say(ann.member, std::string(900, 'x'));
    town.turns(1);
  }
  town.turns();
  CHECK(slow.member.reason() == EndReason::too_slow);
  CHECK(slow.stream.send_was_shut_down());
  CHECK(quick.member.reason() == EndReason::none);
  CHECK(line_count(quick.got()) == 100);
  CHECK(town.room->size() == 2);
  CHECK(town.room->find("slow") == no_member);
  const RoomCounters counters = town.room->counters();
  CHECK(counters.disconnected == 1);
  CHECK(counters.dropped > 0);
  CHECK(counters.deliveries == 100);
  CHECK(counters.largest_lag > small_lag);
  const Outcome& said = town.north().say(slow, "x");
  town.turns();
  CHECK(said.error == Error::closed);
}

TEST_CASE("who skips on another loop is told exactly how many") {
  Town town({.max_lag = small_lag, .slow = SlowPolicy::skip});
  Person ann;
  RemotePerson slow;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), slow, "slow");
  slow.block();
  for (int i = 0; i < 100; ++i) {
    town.stage.say(ann.member, std::string(900, 'x'));
    town.turns(1);
  }
  slow.unblock();
  town.turns();
  const std::string got = slow.got();
  const std::uint64_t dropped = town.room->counters().dropped;
  CHECK(dropped > 50);
  CHECK(got.starts_with("* you missed " + std::to_string(dropped) + " messages\n"));
  CHECK(line_count(got) == 1 + 100 - dropped);
  CHECK(slow.member.reason() == EndReason::none);
}

TEST_CASE("a broken stream on another loop ends its member, or leaves it absent") {
  Town town;
  RemotePerson bob, cid;
  town.join(town.north(), bob, "bob");
  town.join(town.north(), cid, "cid", {.stays_when_broken = true});
  bob.stream.fail_send(std::make_error_code(std::errc::connection_reset));
  cid.stream.fail_send(std::make_error_code(std::errc::connection_reset));
  town.stage.now([&] { town.room->publish("x").value(); });
  town.turns();
  CHECK(bob.member.reason() == EndReason::broken);
  CHECK(cid.member.reason() == EndReason::none);
  CHECK(cid.stream.send_was_shut_down());
  CHECK(town.room->size() == 1);
}

TEST_CASE("the rate of a member counts on its own loop, once") {
  Town town({.rate = 1, .burst = 2});
  RemotePerson bob, dan;
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  for (int i = 0; i < 2; ++i) {
    const Outcome& said = town.north().say(bob, "at once");
    town.turns();
    CHECK(said.done);
  }
  const Outcome& late = town.north().say(bob, "late");
  town.turns();
  CHECK_FALSE(late.done);
  town.advance(999ms);
  CHECK_FALSE(late.done);
  town.advance(1ms);
  CHECK((late.done && !late.error));
  CHECK(dan.got() == "<bob> at once\n<bob> at once\n<bob> late\n");
}

// ---- What is waited for, cancelled ---------------------------------------------------------------------------------------

TEST_CASE("a say that is withdrawn before the home has done it was not said") {
  Town town({.max_lag = small_lag});
  RemotePerson bob, dan;
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  const std::uint64_t before = town.room->counters().messages;
  SECTION("its time is over") {
    const Outcome& said = town.north().say(bob, "never", 1s);
    town.north().stage.advance(1s);
    CHECK(said.error == Error::timed_out);
  }
  SECTION("no time at all") {
    const Outcome& said = town.north().say(bob, "never", 0s);
    town.north().stage.turns(1);
    CHECK(said.error == Error::timed_out);
  }
  SECTION("stopped") {
    const Outcome& said = town.north().say(bob, "never");
    town.north().stop_tasks();
    CHECK(said.error == Error::cancelled);
  }
  SECTION("destroyed") {
    const Outcome& said = town.north().say(bob, "never");
    town.north().destroy_tasks();
    CHECK_FALSE(said.done);
  }
  SECTION("while it waits for the budget") {
    town.stage.now([&] {
      while (town.room->publish(std::string(4000, '.'))) {
      }
    });
    const Outcome& said = town.north().say(bob, "never", 1s);
    town.stage.turn();
    town.stage.turn();
    town.north().stage.advance(1s);
    CHECK(said.error == Error::timed_out);
    town.turns(20);
    CHECK(dan.got().find("never") == std::string::npos);
    return;
  }
  town.turns();
  CHECK(town.room->counters().messages == before);
  CHECK(dan.got().empty());
}

TEST_CASE("a say that the home has done is a success, whoever stops it then") {
  Town town;
  RemotePerson bob;
  town.join(town.north(), bob, "bob");
  const Outcome& said = town.north().say(bob, "said", 1s);
  town.stage.turn();
  SECTION("its time is over") { town.north().stage.advance(1s); }
  SECTION("stopped") { town.north().stop_tasks(); }
  CHECK((said.done && !said.error));
  CHECK(said.sequence == 1);
}

TEST_CASE("a join that is withdrawn, or given up when the home has let it in, leaves nobody behind") {
  Town town;
  RemotePerson bob;
  SECTION("before") {
    const Outcome& joined = town.north().join(bob, "bob", {}, 1s);
    town.north().stage.advance(1s);
    CHECK(joined.error == Error::timed_out);
  }
  SECTION("after") {
    const Outcome& joined = town.north().join(bob, "bob");
    town.stage.turn();
    town.north().destroy_tasks();
    CHECK_FALSE(joined.done);
  }
  town.turns();
  CHECK(town.room->size() == 0);
  CHECK(town.room->find("bob") == no_member);
  CHECK_FALSE(town.join(town.south(), bob, "bob"));
  const Outcome& closed = town.stage.close(*town.room);
  town.turns();
  CHECK((closed.done && !closed.error));
  town.south().drop(bob);
}

TEST_CASE("what is in flight when its member goes completes") {
  Town town;
  RemotePerson bob;
  town.join(town.north(), bob, "bob");
  const Outcome& said = town.north().say(bob, "last words");
  town.north().drop(bob);
  town.turns();
  CHECK(said.done);
  CHECK(town.room->size() == 0);
}

// ---- Ending --------------------------------------------------------------------------------------------------------------

TEST_CASE("leave completes when all that was said before is through") {
  Town town;
  Person ann;
  RemotePerson bob;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), bob, "bob");
  bob.block();
  town.stage.say(ann.member, "before");
  const Outcome& left = town.north().leave(bob, 10s);
  town.turns();
  CHECK_FALSE(left.done);
  town.stage.say(ann.member, "after");
  town.turns();
  SECTION("in time") {
    bob.unblock();
    town.turns();
    CHECK((left.done && !left.error));
    CHECK(bob.got() == "<ann> before\n");
  }
  SECTION("not in time") {
    town.advance(10s);
    CHECK(left.error == Error::timed_out);
    CHECK(bob.got().empty());
  }
  SECTION("ended by the room meanwhile") {
    town.stage.now([&] { town.room->remove(bob.member.id()); });
    town.turns();
    CHECK(left.error == Error::closed);
    CHECK(bob.member.reason() == EndReason::removed);
    return;
  }
  CHECK(bob.member.reason() == EndReason::left);
  CHECK(town.room->size() == 1);
  const Outcome& again = town.north().leave(bob);
  town.turns();
  CHECK((again.done && !again.error));
}

TEST_CASE("a leave that the home has not heard of yet may end, too") {
  Town town;
  RemotePerson bob;
  town.join(town.north(), bob, "bob");
  const Outcome& left = town.north().leave(bob, 1s);
  town.north().stage.advance(1s);
  CHECK(left.error == Error::timed_out);
  CHECK(bob.member.reason() == EndReason::left);
  town.turns();
  CHECK(town.room->size() == 0);
}

TEST_CASE("who is removed on another loop loses exactly what was said before and not taken") {
  Town town;
  RemotePerson bob, dan;
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  const MemberId id = bob.member.id();
  town.stage.now([&] {
    town.room->publish("one").value();
    CHECK(town.room->remove(id));
    CHECK_FALSE(town.room->remove(id));
    town.room->publish("two").value();
  });
  CHECK(town.room->size() == 1);
  town.turns();
  CHECK(bob.member.reason() == EndReason::removed);
  CHECK(bob.stream.send_was_shut_down());
  CHECK(town.room->counters().dropped == 1);
  CHECK(dan.got() == "* one\n* two\n");
}

TEST_CASE("close waits for the members on all loops, and ends them") {
  Town town;
  Person ann;
  RemotePerson bob, dan;
  ann.join(town.stage, *town.room, "ann");
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  dan.block();
  town.stage.say(ann.member, "last");
  const Outcome& closed = town.stage.close(*town.room, 10s);
  town.turns();
  CHECK_FALSE(closed.done);
  const Outcome& said = town.north().say(bob, "more");
  RemotePerson late;
  CHECK(town.join(town.north(), late, "late") == Error::closed);
  CHECK(said.error == Error::closed);
  SECTION("in time") {
    dan.unblock();
    town.turns();
    CHECK((closed.done && !closed.error));
    CHECK(dan.got() == "<ann> last\n");
    CHECK(town.room->counters().dropped == 0);
  }
  SECTION("not in time") {
    town.advance(10s);
    CHECK(closed.error == Error::timed_out);
    CHECK(town.room->counters().dropped == 1);
  }
  SECTION("when the slow one goes") {
    town.south().drop(dan);
    town.turns();
    CHECK((closed.done && !closed.error));
  }
  town.turns();
  CHECK(bob.member.reason() == EndReason::closed);
  CHECK(bob.got() == "<ann> last\n");
  CHECK(bob.stream.send_was_shut_down());
  CHECK(town.room->size() == 0);
}

TEST_CASE("close waits for a history that is on its way on another loop") {
  Town town({.history_messages = 10});
  Person ann;
  RemotePerson bob;
  ann.join(town.stage, *town.room, "ann");
  town.stage.say(ann.member, "history");
  town.turns();
  bob.block();
  REQUIRE_FALSE(town.join(town.north(), bob, "bob"));
  const Outcome& closed = town.stage.close(*town.room);
  town.turns();
  CHECK_FALSE(closed.done);
  bob.unblock();
  town.turns();
  CHECK(closed.done);
  CHECK(bob.got() == "<ann> history\n");
}

TEST_CASE("close waits for whoever the home has let in and whose loop has not heard of it") {
  Town town({.history_messages = 10});
  Person ann;
  RemotePerson bob;
  ann.join(town.stage, *town.room, "ann");
  town.stage.say(ann.member, "history");
  town.turns();
  const Outcome& joined = town.north().join(bob, "bob");
  town.stage.turn();
  CHECK(town.room->size() == 2);
  const Outcome& closed = town.stage.close(*town.room);
  town.stage.turn();
  CHECK_FALSE(closed.done);
  town.turns();
  CHECK((joined.done && !joined.error));
  CHECK(closed.done);
  CHECK(bob.got() == "<ann> history\n");
}

// ---- In whichever order things go ------------------------------------------------------------------------------------------

TEST_CASE("home, room, replicas and members may go in any order") {
  Town town;
  RemotePerson bob, dan;
  town.join(town.north(), bob, "bob");
  town.join(town.south(), dan, "dan");
  bob.block();
  town.stage.now([&] { town.room->publish("x").value(); });
  town.turns();
  const Outcome& left = town.north().leave(bob);
  SECTION("the home first") {
    town.turns();
    const Outcome& said = town.south().say(dan, "unheard");
    town.home.reset();  // before it has looked
    town.turns();
    CHECK(said.error == Error::closed);
    CHECK(left.error == Error::closed);
    CHECK(bob.member.reason() == EndReason::closed);
    CHECK(dan.member.reason() == EndReason::closed);
    CHECK(dan.stream.send_was_shut_down());
    CHECK(town.room->size() == 0);
    RemotePerson late;
    CHECK(town.join(town.north(), late, "late") == Error::closed);
    const Outcome& unsaid = town.south().say(dan, "x");
    CHECK(unsaid.error == Error::closed);
    SECTION("and members before replicas") {
      town.north().drop(bob);
      town.south().drop(dan);
    }
    SECTION("and replicas before members") {
      for (auto& branch : town.branches) branch->stage.now([&] { branch->room.reset(); });
      town.north().drop(bob);
      town.south().drop(dan);
    }
  }
  SECTION("a replica first") {
    town.turns();
    const Outcome& said = town.north().say(bob, "unheard");
    town.north().stage.now([&] { town.north().room.reset(); });
    town.turns();
    CHECK(said.done);
    CHECK(left.error == Error::closed);
    CHECK(bob.member.reason() == EndReason::closed);
    CHECK(bob.stream.send_was_shut_down());
    CHECK(bob.member.lag() == 0);
    CHECK(town.room->size() == 1);
    CHECK(town.room->find("bob") == no_member);
    // The loop that is gone holds nobody up.
    for (int i = 0; i < 1000; ++i) {
      town.stage.now([&] { CHECK(town.room->publish(std::string(1000, 'x')).has_value()); });
      town.turns(1);
    }
    CHECK(line_count(dan.got()) == 1001);
    town.north().drop(bob);
    town.north().open(town.home->door());
    town.turns();
    CHECK_FALSE(town.join(town.north(), bob, "bob"));
    CHECK(town.room->counters().dropped >= 1);
    town.north().drop(bob);
    town.south().drop(dan);
  }
  SECTION("home and replica without a turn in between") {
    town.stage.now([&] {
      town.home.reset();
      town.room.reset();
    });
    town.north().stage.now([&] { town.north().room.reset(); });
    town.north().drop(bob);
    town.south().drop(dan);
    town.turns();
    CHECK(left.done);
  }
  SECTION("replica and home without a turn in between") {
    town.north().stage.now([&] { town.north().room.reset(); });
    town.stage.now([&] { town.home.reset(); });
    town.turns();
    town.north().drop(bob);
    town.south().drop(dan);
  }
}

TEST_CASE("a replica that comes when the home is gone, or that nobody takes notice of, does no harm") {
  Town town;
  const RoomDoor door = town.home->door();
  RemotePerson bob;
  SECTION("gone") {
    town.stage.now([&] { town.home.reset(); });
    Branch late(door);
    const Outcome& joined = late.join(bob, "bob");
    CHECK(joined.error == Error::closed);
  }
  SECTION("gone before it has looked") {
    Branch late(door);
    const Outcome& joined = late.join(bob, "bob");
    town.home.reset();
    late.stage.turns();
    CHECK(joined.error == Error::closed);
  }
  SECTION("the replica went before the home has looked") {
    { Branch late(door); }
    town.turns();
    CHECK_FALSE(town.join(town.north(), bob, "bob"));
    town.north().drop(bob);
  }
}

TEST_CASE("a member belongs to its loop") {
  Town town;
  RemotePerson bob;
  town.join(town.north(), bob, "bob");
  const Outcome& said = town.south().say(bob, "x");
  CHECK(said.error == Error::wrong_loop);
  const Outcome& told = town.south().tell(bob, "x");
  CHECK(told.error == Error::wrong_loop);
  CHECK(bob.member.say("x").wait().error() == Error::wrong_loop);
  town.north().drop(bob);
}

// ---- Memory that runs out --------------------------------------------------------------------------------------------

TEST_CASE("where a loop has no memory, nothing is lost on the way") {
  if (!support::allocations_are_counted()) return;
  Town town;
  Person ann;
  RemotePerson bob;
  ann.join(town.stage, *town.room, "ann");
  SECTION("to join") {
    std::size_t failures = 0;
    for (std::size_t nth = 1;; ++nth) {
      const Outcome* joined = nullptr;
      joined = &town.north().join(bob, "bob");
      for (int i = 0; i < 4 && !joined->done; ++i) {
        const support::OutOfMemory none(nth);
        town.stage.turn();
        town.north().stage.turn();
      }
      town.turns();
      REQUIRE(joined->done);
      if (!joined->error) break;
      CHECK(joined->error == std::errc::not_enough_memory);
      CHECK(town.room->size() == 1);
      ++failures;
      REQUIRE(nth < 100);
    }
    CHECK(failures > 0);
  }
  SECTION("to hand over and to keep") {
    REQUIRE_FALSE(town.join(town.north(), bob, "bob"));
    bob.block();  // its stream needs memory as well
    std::string expected;
    for (std::size_t i = 0; i < 300; ++i) {
      const std::string text = std::to_string(i) + std::string(700, '.');
      town.stage.now([&] { town.room->publish(text).value(); });
      expected += "* " + text + '\n';
      const support::OutOfMemory none(1 + i % 5);
      town.stage.turn();
      town.north().stage.turn();
      town.north().stage.clock().advance(10ms);
      town.north().stage.turn();
    }
    bob.unblock();
    for (int i = 0; i < 100; ++i) town.advance(10ms);
    CHECK((bob.got() == expected));
  }
  town.north().drop(bob);
}
