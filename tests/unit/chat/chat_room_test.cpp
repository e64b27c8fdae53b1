// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/chat_room.hpp>

#include "harness.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/net.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace chat_test;

// ---- Order -----------------------------------------------------------------------------------------------------------

TEST_CASE("all but who says it get it, in the same order") {
  Stage stage;
  ChatRoom room;
  Person ann, bob, cid;
  REQUIRE_FALSE(ann.join(stage, room, "ann"));
  REQUIRE_FALSE(bob.join(stage, room, "bob"));
  REQUIRE_FALSE(cid.join(stage, room, "cid"));
  CHECK(stage.say(ann.member, "one").sequence == 1);
  CHECK(stage.say(bob.member, "two").sequence == 2);
  CHECK(stage.say(ann.member, "three").sequence == 3);
  CHECK(ann.got() == "<bob> two\n");
  CHECK(bob.got() == "<ann> one\n<ann> three\n");
  CHECK(cid.got() == "<ann> one\n<bob> two\n<ann> three\n");
  CHECK(room.counters().messages == 3);
  CHECK(room.counters().deliveries == 6);
  CHECK(room.counters().dropped == 0);
  CHECK(room.counters().bytes == 2 * 10 + 2 * 10 + 2 * 12);
}

TEST_CASE("a room that echoes sends them to who says them, too") {
  Stage stage;
  ChatRoom room({.echo = true});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  stage.say(ann.member, "one");
  stage.say(bob.member, "two");
  CHECK(ann.member.announce("is here").has_value());
  stage.turn();
  CHECK(ann.got() == "<ann> one\n<bob> two\n* is here\n");
  CHECK(bob.got() == "<ann> one\n<bob> two\n* is here\n");
}

TEST_CASE("what is said to one stands in order with what is said to all, and others do not see it") {
  Stage stage;
  ChatRoom room;
  Person ann, bob, cid;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  cid.join(stage, room, "cid");
  stage.now([&] {
    ann.member.announce("ann joined").value();
    bob.member.tell("hello bob").value();
    bob.member.tell("no such room", MessageKind::error).value();
    room.publish("to all").value();
  });
  CHECK(stage.say_to(ann.member, bob.member.id(), "psst").sequence == 5);
  stage.say(ann.member, "aloud");
  CHECK(stage.say_to(ann.member, ann.member.id(), "note to self").sequence == 7);
  CHECK(ann.got() == "* to all\n[ann] note to self\n");
  CHECK(bob.got() == "* ann joined\n* hello bob\n! no such room\n* to all\n[ann] psst\n<ann> aloud\n");
  CHECK(cid.got() == "* ann joined\n* to all\n<ann> aloud\n");
}

TEST_CASE("what is said to one who is not there goes nowhere") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  const MemberId gone = bob.member.id();
  bob.member = Member();
  const Outcome& said = stage.say_to(ann.member, gone, "psst");
  CHECK(said.done);
  CHECK(said.error == Error::not_found);
  CHECK(room.counters().messages == 0);
  bob.join(stage, room, "bob");
  CHECK(bob.member.id() != gone);
  CHECK(stage.say_to(ann.member, gone, "psst").error == Error::not_found);
  CHECK(bob.got().empty());
}

TEST_CASE("somebody who is no member may say something to one") {
  Stage stage;
  ChatRoom room({.max_message = 5});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  stage.now([&] {
    CHECK(room.say_to(bob.member.id(), "elsewhere", "psst").has_value());
    CHECK(room.say_to(bob.member.id(), "elsewhere", "too long").error() == Error::too_long);
    CHECK(room.say_to(no_member, "elsewhere", "psst").error() == Error::not_found);
    room.remove(bob.member.id());
    CHECK(room.say_to(bob.member.id(), "elsewhere", "psst").error() == Error::not_found);
  });
  CHECK(ann.got().empty());
  CHECK(room.counters().messages == 1);
}

TEST_CASE("the newest texts that were said to all can be looked at") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  const auto recent = [&](std::size_t most) {
    std::string all;
    room.for_each_recent(most, [&](const Message& message) {
      all += std::string(message.name) + ':' + std::string(message.text) + ' ';
      CHECK(message.time_ms > 0);
    });
    return all;
  };
  CHECK(recent(9).empty());
  stage.say(ann.member, "one");
  stage.say_to(ann.member, bob.member.id(), "psst");
  stage.now([&] { room.publish("notice").value(); });
  stage.say(bob.member, "two");
  stage.say(ann.member, "three");
  stage.now([&] { room.publish("notice").value(); });
  CHECK(recent(9) == "ann:one bob:two ann:three ");
  CHECK(recent(2) == "bob:two ann:three ");
  CHECK(recent(0).empty());
}

TEST_CASE("what is said in one turn goes to each member in one piece, at its end") {
  Stage stage;
  ChatRoom room;
  Person ann;
  ann.join(stage, room, "ann");
  ann.stream.set_max_per_send(SIZE_MAX);
  std::string early;
  stage.now([&] {
    for (int i = 0; i < 3; ++i) room.publish("n" + std::to_string(i)).value();
    early = ann.got();
  });
  CHECK(early.empty());
  CHECK(ann.got() == "* n0\n* n1\n* n2\n");
}

TEST_CASE("members are found by name and number, and listed") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  CHECK(room.size() == 0);
  CHECK(room.find("ann") == no_member);
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  CHECK(room.size() == 2);
  CHECK(room.counters().members == 2);
  CHECK(room.find("ann") == ann.member.id());
  CHECK(room.find("bob") == bob.member.id());
  CHECK(ann.member.id() != bob.member.id());
  CHECK(ann.member.id() != no_member);
  std::string all;
  room.for_each([&](MemberId id, std::string_view name) {
    all += name;
    CHECK(room.find(name) == id);
  });
  CHECK(all == "annbob");
  CHECK(ann.member.rename("eve").has_value());
  CHECK(room.find("ann") == no_member);
  CHECK(room.find("eve") == ann.member.id());
  CHECK(ann.member.name() == "eve");
  CHECK(ann.member.rename("eve").has_value());
  CHECK(ann.member.rename("bob").error() == Error::busy);
  stage.say(ann.member, "hi");
  CHECK(bob.got() == "<eve> hi\n");
}

// ---- Joining ---------------------------------------------------------------------------------------------------------

TEST_CASE("join is refused where there is no loop, or another one") {
  Stage stage;
  ChatRoom room;
  MemoryStream stream;
  CHECK(room.join(stream, "ann").error() == Error::no_loop);
  Person ann;
  ann.join(stage, room, "ann");
  Stage other;
  Person bob;
  CHECK(bob.join(other, room, "bob") == Error::wrong_loop);
  ann.member = Member();
  CHECK_FALSE(bob.join(other, room, "bob"));
  stage.turn();
  other.turn();
  other.now([&] { room.publish("hi").value(); });
  CHECK(bob.got() == "* hi\n");
}

TEST_CASE("join is refused over the room's limits") {
  Stage stage;
  ChatRoom room({.max_members = 2, .max_name = 3});
  Person ann, bob, cid;
  CHECK(ann.join(stage, room, "anna") == Error::too_long);
  CHECK_FALSE(ann.join(stage, room, "ann"));
  CHECK(bob.join(stage, room, "ann") == Error::busy);
  CHECK_FALSE(bob.join(stage, room, "Ann"));
  CHECK(cid.join(stage, room, "cid") == Error::queue_full);
  CHECK(room.size() == 2);
  CHECK(ann.member.rename("anna").error() == Error::too_long);
  bob.member = Member();
  CHECK_FALSE(cid.join(stage, room, "cid"));
}

TEST_CASE("names need not be unique") {
  Stage stage;
  ChatRoom room({.unique_names = false});
  Person ann, other, bob;
  CHECK_FALSE(ann.join(stage, room, "ann"));
  CHECK_FALSE(other.join(stage, room, "ann"));
  bob.join(stage, room, "bob");
  CHECK(bob.member.rename("ann").has_value());
  CHECK(room.find("ann") != no_member);
  stage.now([&] { room.remove(ann.member.id()); });
  CHECK(room.find("ann") != no_member);  // the other two have it
  other.member = Member();
  CHECK(room.find("ann") == bob.member.id());
  bob.member = Member();
  CHECK(room.find("ann") == no_member);
}

TEST_CASE("a name is free as soon as its member has ended") {
  Stage stage;
  ChatRoom room({.max_members = 1});
  Person ann, other;
  ann.join(stage, room, "ann");
  stage.now([&] { CHECK(room.remove(ann.member.id())); });
  CHECK(room.size() == 0);
  CHECK_FALSE(other.join(stage, room, "ann"));
  CHECK(room.find("ann") == other.member.id());
  ann.member = Member();
  CHECK(room.find("ann") == other.member.id());
  stage.now([&] { room.publish("hi").value(); });
  CHECK(other.got() == "* hi\n");
}

TEST_CASE("too long texts are refused, wherever they come from") {
  Stage stage;
  ChatRoom room({.max_message = 4});
  Person ann;
  ann.join(stage, room, "ann");
  CHECK(stage.say(ann.member, "12345").error == Error::too_long);
  CHECK(ann.member.tell("12345").error() == Error::too_long);
  CHECK(ann.member.announce("12345").error() == Error::too_long);
  CHECK(room.publish("12345").error() == Error::too_long);
  CHECK(room.counters().messages == 0);
  CHECK_FALSE(stage.say(ann.member, "1234").error);
  stage.now([&] { CHECK(room.publish("1234").has_value()); });
}

// ---- History and resumption ------------------------------------------------------------------------------------------

TEST_CASE("a newcomer gets the newest texts of all, and nothing but texts") {
  Stage stage;
  ChatRoom room({.history_messages = 2});
  Person ann, bob, cid;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  for (const char* text : {"one", "two", "three"}) {
    stage.say(ann.member, text);
    stage.say_to(ann.member, bob.member.id(), "psst");
    stage.now([&] { room.publish("notice").value(); });
  }
  cid.join(stage, room, "cid");
  stage.turns();
  CHECK(cid.got() == "<ann> two\n<ann> three\n");
  stage.say(bob.member, "four");
  stage.now([&] { room.publish("notice").value(); });
  CHECK(cid.got() == "<bob> four\n* notice\n");
}

TEST_CASE("who comes back as a newcomer gets their own texts in the history") {
  Stage stage;
  ChatRoom room({.history_messages = 9});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  stage.say(ann.member, "one");
  stage.say(bob.member, "two");
  ann.member = Member();
  static_cast<void>(ann.got());
  ann.join(stage, room, "ann");
  stage.turns();
  CHECK(ann.got() == "<ann> one\n<bob> two\n");
}

TEST_CASE("the history is bounded in bytes") {
  Stage stage;
  const std::size_t each = RoomLog::record_overhead + 3 + 10;
  ChatRoom room({.history_messages = 100, .history_bytes = 3 * each});
  Person ann, bob;
  ann.join(stage, room, "ann");
  for (int i = 0; i < 9; ++i) stage.say(ann.member, "message  " + std::to_string(i));
  bob.join(stage, room, "bob");
  stage.turns();
  CHECK(bob.got() == "<ann> message  6\n<ann> message  7\n<ann> message  8\n");
}

TEST_CASE("what happens between joining and the end of the turn comes after the history") {
  Stage stage;
  ChatRoom room({.history_messages = 10});
  Person ann, bob;
  ann.join(stage, room, "ann");
  stage.say(ann.member, "before");
  stage.now([&] {
    bob.member = room.join(bob.stream, "bob").value();
    bob.member.announce("bob joined").value();
    ann.member.announce("about ann").value();
  });
  CHECK(bob.got() == "<ann> before\n* about ann\n");
  CHECK(ann.got() == "* bob joined\n");
}

TEST_CASE("a history larger than max_lag is no reason to end a newcomer") {
  Stage stage;
  ChatRoom room({.history_messages = 10000, .history_bytes = 512 << 10, .max_lag = 64 << 10});
  Person ann, bob;
  ann.join(stage, room, "ann");
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string text = std::to_string(i) + std::string(1000, '.');
    stage.say(ann.member, text);
    expected += "<ann> " + text + '\n';
  }
  bob.stream.set_max_sent(1000);
  bob.join(stage, room, "bob");
  stage.turns();
  REQUIRE(bob.member.reason() == EndReason::none);
  for (int i = 0; i < 60; ++i) stage.say(ann.member, "after"), expected += "<ann> after\n";
  for (int i = 0; i < 28; ++i) {
    stage.say(ann.member, std::string(2000, 'x'));
    expected += "<ann> " + std::string(2000, 'x') + '\n';
  }
  REQUIRE(bob.member.reason() == EndReason::none);
  std::string got = bob.got();
  bob.unblock();
  stage.turns();
  got += bob.got();
  CHECK(got == expected);
}

TEST_CASE("who resumes goes on without gap and without duplicate") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  FullLines full;
  ann.join(stage, room, "ann");
  for (int i = 1; i <= 5; ++i) {
    stage.say(ann.member, std::to_string(i));
    stage.now([&] { room.publish("n").value(); });
  }
  for (std::uint64_t after = 0; after <= 10; ++after) {
    Person back;
    CHECK_FALSE(back.join(stage, room, "back", {.format = &full, .after = ResumePoint{room.newest().epoch, after}}));
    stage.turns();
    std::string expected;
    for (std::uint64_t i = after + 1; i <= 10; ++i) {
      Message message;
      message.sequence = i;
      message.kind = i % 2 == 1 ? MessageKind::text : MessageKind::notice;
      message.sender = i % 2 == 1 ? ann.member.id() : no_member;
      message.name = i % 2 == 1 ? "ann" : "";
      const std::string number = std::to_string(i / 2 + 1);
      message.text = i % 2 == 1 ? std::string_view(number) : "n";
      expected += FullLines::line(message);
    }
    CHECK(back.got() == expected);
  }
}

TEST_CASE("who resumes where there is nothing to go on with is told") {
  Stage stage;
  ChatRoom room({.max_lag = 0});  // 64 KiB
  Person ann, bob;
  ann.join(stage, room, "ann");
  const ResumePoint start = room.newest();
  CHECK(start.sequence == 0);
  CHECK(bob.join(stage, room, "bob", {.after = ResumePoint{start.epoch + 1, 0}}) == Error::not_found);
  CHECK(bob.join(stage, room, "bob", {.after = ResumePoint{start.epoch, 1}}) == Error::not_found);
  CHECK(bob.join(stage, room, "bob", {.after = ResumePoint{start.epoch, UINT64_MAX}}) == Error::not_found);
  CHECK_FALSE(bob.join(stage, room, "bob", {.after = start}));
  bob.member = Member();
  for (int i = 0; i < 2000; ++i) stage.say(ann.member, "text");
  CHECK(bob.join(stage, room, "bob", {.after = start}) == Error::not_found);
  CHECK(room.size() == 1);
  CHECK_FALSE(bob.join(stage, room, "bob", {.after = room.newest()}));
}

TEST_CASE("each room has an epoch of its own") {
  ChatRoom one;
  ChatRoom other;
  CHECK(one.newest().epoch != other.newest().epoch);
}

// ---- Formats ---------------------------------------------------------------------------------------------------------

TEST_CASE("a text is encoded once for each format in use, and not for one that is out of use") {
  Stage stage;
  ChatRoom room;
  FullLines full;
  std::deque<Person> people(9);
  people[0].join(stage, room, "speaker");
  for (std::size_t i = 1; i < people.size(); ++i) {
    people[i].join(stage, room, std::to_string(i), i % 2 == 0 ? JoinOptions{} : JoinOptions{.format = &full});
  }
  stage.say(people[0].member, "hi");
  CHECK(full.encoded == 1);
  CHECK(people[1].got() ==
        "1 text " + std::to_string(static_cast<std::uint64_t>(people[0].member.id())) + ">0 speaker: hi\n");
  CHECK(people[2].got() == "<speaker> hi\n");
  for (std::size_t i = 1; i < people.size(); i += 2) people[i].member = Member();
  stage.say(people[0].member, "hi");
  CHECK(full.encoded == 1);  // nobody uses it any more
  people[1].join(stage, room, "1", {.format = &full});
  CHECK(full.encoded == 3);  // what is retained
  stage.say(people[0].member, "hi");
  CHECK(full.encoded == 4);
  CHECK(people[1].got().find("3 text") == 0);
}

TEST_CASE("a format may leave messages out") {
  class TextsOnly final : public WireFormat {
   public:
    void encode(const Message& message, std::string& out) const override {
      if (message.kind == MessageKind::text) out += message.text;
    }
  };
  Stage stage;
  TextsOnly texts;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob", {.format = &texts});
  for (int i = 0; i < 5; ++i) {
    stage.now([&] { room.publish("notice").value(); });
    stage.say(ann.member, "text" + std::to_string(i) + ' ');
    stage.now([&] { room.publish("notice").value(); });
  }
  stage.now([&] {
    for (int i = 0; i < 100; ++i) room.publish("notice").value();
  });
  CHECK(bob.got() == "text0 text1 text2 text3 text4 ");
  CHECK(bob.member.lag() == 0);
  bob.stream.set_max_sent(1);
  for (int i = 0; i < 5; ++i) {
    stage.now([&] { room.publish("notice").value(); });
    stage.say(ann.member, "text" + std::to_string(i) + ' ');
  }
  std::string got;
  for (int i = 0; i < 100; ++i) {
    got += bob.got();
    stage.turns(2);
  }
  CHECK(got == "text0 text1 text2 text3 text4 ");
  CHECK(bob.member.lag() == 0);
}

// ---- Ending ----------------------------------------------------------------------------------------------------------

TEST_CASE("a member that is removed is ended, its stream shut down, and others notice nothing") {
  Stage stage;
  ChatRoom room;
  Person ann, bob, cid;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  cid.join(stage, room, "cid");
  const MemberId id = bob.member.id();
  stage.now([&] {
    room.publish("one").value();
    CHECK(room.remove(id));
    CHECK_FALSE(room.remove(id));
    CHECK_FALSE(room.remove(no_member));
    room.publish("two").value();
  });
  CHECK(bob.member.reason() == EndReason::removed);
  CHECK(bob.stream.send_was_shut_down());
  CHECK(bob.got().empty());
  CHECK(room.size() == 2);
  CHECK(room.counters().dropped == 1);
  CHECK(ann.got() == "* one\n* two\n");
  CHECK(stage.say(bob.member, "x").error == Error::closed);
  CHECK(stage.say_to(ann.member, id, "x").error == Error::not_found);
  CHECK(bob.member.tell("x").error() == Error::closed);
  CHECK(bob.member.announce("x").error() == Error::closed);
  CHECK(bob.member.rename("x").error() == Error::closed);
  CHECK(stage.leave(bob.member).error == Error::closed);
  CHECK(bob.member.reason() == EndReason::removed);
  CHECK(bob.member.lag() == 0);
  bob.member = Member();
  CHECK(bob.member.reason() == EndReason::left);
  stage.say(ann.member, "three");
  CHECK(cid.got() == "* one\n* two\n<ann> three\n");
}

TEST_CASE("close completes when all have got what was said, and ends them") {
  Stage stage;
  ChatRoom room;
  Person ann, bob, cid;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  bob.block();
  stage.say(ann.member, "last");
  const Outcome& closed = stage.close(room);
  CHECK_FALSE(closed.done);
  CHECK(cid.join(stage, room, "cid") == Error::closed);
  CHECK(stage.say(ann.member, "more").error == Error::closed);
  CHECK(ann.member.reason() == EndReason::none);
  CHECK(stage.close(room).error == Error::busy);
  CHECK_FALSE(closed.done);
  bob.unblock();
  stage.turns();
  CHECK(closed.done);
  CHECK_FALSE(closed.error);
  CHECK(bob.got() == "<ann> last\n");
  CHECK(ann.member.reason() == EndReason::closed);
  CHECK(bob.member.reason() == EndReason::closed);
  CHECK(ann.stream.send_was_shut_down());
  CHECK(room.size() == 0);
  CHECK(cid.join(stage, room, "cid") == Error::closed);
  const Outcome& again = stage.close(room);
  CHECK(again.done);
}

TEST_CASE("nothing is said any more while the room closes") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  bob.block();
  stage.now([&] { room.publish("last").value(); });
  const Outcome& closed = stage.close(room);
  stage.now([&] {
    CHECK(room.publish("more").error() == Error::closed);
    CHECK(ann.member.tell("more").error() == Error::closed);
    CHECK(ann.member.announce("more").error() == Error::closed);
  });
  std::thread([&] { static_cast<void>(room.publish("more")); }).join();
  bob.unblock();
  stage.turns();
  CHECK(closed.done);
  CHECK(bob.got() == "* last\n");
}

TEST_CASE("close gives up in time, and ends them all the same") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  bob.block();
  stage.say(ann.member, "last");
  const Outcome& closed = stage.close(room, 1s);
  stage.advance(999ms);
  CHECK_FALSE(closed.done);
  stage.advance(1ms);
  CHECK(closed.done);
  CHECK(closed.error == Error::timed_out);
  CHECK(ann.member.reason() == EndReason::closed);
  CHECK(bob.member.reason() == EndReason::closed);
  CHECK(room.counters().dropped == 1);
}

TEST_CASE("close waits for a slow member only as long as it is there") {
  Stage stage;
  ChatRoom room;
  Person ann, bob, cid, dan;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  cid.join(stage, room, "cid");
  dan.join(stage, room, "dan");
  bob.block();
  cid.block();
  dan.block();
  stage.say(ann.member, "last");
  const Outcome& closed = stage.close(room);
  stage.now([&] { bob.member = Member(); });
  stage.now([&] { room.remove(cid.member.id()); });
  stage.turns();
  CHECK_FALSE(closed.done);
  stage.now([&] { dan.member.make_absent(); });
  stage.turns();
  CHECK(closed.done);
}

TEST_CASE("a close that is stopped or destroyed") {
  Stage stage;
  ChatRoom room;
  Person ann;
  ann.join(stage, room, "ann");
  ann.block();
  stage.now([&] { room.publish("x").value(); });
  SECTION("stopped: all are ended") {
    const Outcome& closed = stage.close(room);
    stage.stop_tasks();
    CHECK(closed.error == Error::cancelled);
    CHECK(ann.member.reason() == EndReason::closed);
  }
  SECTION("destroyed: the room goes on closing, and may be closed again") {
    stage.close(room);
    stage.destroy_tasks();
    CHECK(ann.member.reason() == EndReason::none);
    const Outcome& closed = stage.close(room);
    ann.unblock();
    stage.turns();
    CHECK(closed.done);
    CHECK_FALSE(closed.error);
  }
}

TEST_CASE("a close or leave that cannot even wait does no harm") {
  Stage stage;
  ChatRoom room;
  Person ann;
  ann.join(stage, room, "ann");
  ann.block();
  stage.now([&] {
    room.publish("x").value();
    CHECK(room.close().wait().error() == Error::would_block_loop);
    CHECK(ann.member.leave().wait().error() == Error::would_block_loop);
  });
  CHECK(ann.member.reason() == EndReason::none);
}

TEST_CASE("a room may go before its members") {
  Stage stage;
  std::optional<ChatRoom> room(std::in_place);
  Person ann, bob;
  ann.join(stage, *room, "ann");
  bob.join(stage, *room, "bob");
  bob.block();
  stage.say(ann.member, "x");
  SECTION("at rest") {
    stage.now([&] { room.reset(); });
  }
  SECTION("with something to send") {
    stage.now([&] {
      room->publish("y").value();
      room.reset();
    });
  }
  stage.turns();
  CHECK(ann.member.reason() == EndReason::closed);
  CHECK(bob.member.reason() == EndReason::closed);
  CHECK(bob.stream.send_was_shut_down());
  CHECK(stage.say(ann.member, "x").error == Error::closed);
  CHECK(ann.member.tell("x").error() == Error::closed);
  CHECK(ann.member.announce("x").error() == Error::closed);
  CHECK(ann.member.rename("x").error() == Error::closed);
  CHECK(ann.member.lag() == 0);
  ann.member.make_absent();
  CHECK(ann.member.attach(ann.stream, {}).error() == Error::closed);
  CHECK(stage.leave(ann.member).error == Error::closed);
  CHECK(ann.member.name() == "ann");
}

TEST_CASE("a room that goes wakes who waits in it") {
  Stage stage;
  std::optional<ChatRoom> room(std::in_place, RoomOptions{.max_lag = 64 << 10, .rate = 1, .burst = 1});
  Person ann, bob;
  ann.join(stage, *room, "ann");
  bob.join(stage, *room, "bob");
  stage.say(ann.member, "x");
  const Outcome& slowed = stage.say(ann.member, "y");  // waits for its rate
  bob.block();
  stage.now([&] { room->publish("z").value(); });
  const Outcome& left = stage.leave(bob.member);
  CHECK_FALSE(slowed.done);
  CHECK_FALSE(left.done);
  stage.now([&] { room.reset(); });
  stage.turns();
  CHECK(left.error == Error::closed);
  stage.advance(1s);
  CHECK(slowed.error == Error::closed);
}

// ---- publish() -------------------------------------------------------------------------------------------------------

TEST_CASE("what is published before anybody is there waits, the newest of it") {
  Stage stage;
  ChatRoom room({.history_messages = 3000, .history_bytes = 1 << 20});
  for (int i = 0; i < 1500; ++i) CHECK(room.publish(std::to_string(i), MessageKind::text).has_value());
  CHECK(room.counters().messages == 0);
  Person ann;
  ann.join(stage, room, "ann");
  stage.turns();
  CHECK(room.counters().messages == 1024);
  std::string expected;
  for (int i = 1500 - 1024; i < 1500; ++i) expected += "<> " + std::to_string(i) + '\n';
  CHECK(ann.got() == expected);
}

TEST_CASE("much that was published before keeps nobody from talking") {
  Stage stage;
  ChatRoom room;
  const std::string text(4000, 'x');
  for (int i = 0; i < 1000; ++i) room.publish(text).value();
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  stage.turns(20);
  static_cast<void>(bob.got());
  const Outcome& said = stage.say(ann.member, "at last");
  stage.turns();
  CHECK(said.done);
  CHECK(bob.got() == "<ann> at last\n");
  stage.now([&] { CHECK(room.publish("mine").has_value()); });
}

TEST_CASE("what publish() has taken is said, even if there is no room for it yet") {
  Stage stage;
  ChatRoom room({.max_lag = 64 << 10});
  Person ann;
  ann.join(stage, room, "ann");
  std::string expected;
  std::thread other([&] {
    for (int i = 0; i < 1024; ++i) {
      const std::string text = std::to_string(i) + std::string(300, '.');
      if (!room.publish(text)) return;
      expected += "* " + text + '\n';
    }
  });
  other.join();
  CHECK(expected.size() > 64 << 10);
  std::string got;
  for (int i = 0; i < 40; ++i) {
    stage.turn();
    got += ann.got();
  }
  CHECK((got == expected));
}

TEST_CASE("publish is refused, not queued without bound") {
  Stage stage;
  ChatRoom room;
  Person ann;
  ann.join(stage, room, "ann");
  std::thread other([&] {
    for (int i = 0; i < 1024; ++i) CHECK(room.publish("x").has_value());
    CHECK(room.publish("x").error() == Error::queue_full);
  });
  other.join();
  stage.turns();
  std::string expected;
  for (int i = 0; i < 1024; ++i) expected += "* x\n";
  CHECK((ann.got() == expected));
  std::size_t taken = 0;
  stage.now([&] {
    while (room.publish(std::string(4000, 'x'))) ++taken;
    CHECK(room.publish("x").error() == Error::queue_full);
  });
  CHECK(taken * 4064 >= (1 << 20) / 2);
  CHECK((taken - 1) * 4064 < (1 << 20) / 2);
  stage.now([&] { CHECK(room.publish("x").has_value()); });
}

TEST_CASE("a room where nobody takes anything still has its say, up to max_lag") {
  Stage stage;
  ChatRoom room({.max_lag = 64 << 10});
  Person ann;
  ann.join(stage, room, "ann");
  SECTION("a stopped member") {
    ann.block();
    for (int i = 0; i < 100 && ann.member.reason() == EndReason::none; ++i) {
      stage.now([&] { CHECK(room.publish(std::string(1000, 'x')).has_value()); });
    }
    CHECK(ann.member.reason() == EndReason::too_slow);
  }
  SECTION("an absent one") {
    stage.now([&] { ann.member.make_absent(); });
    for (int i = 0; i < 100; ++i) {
      stage.now([&] { CHECK(room.publish(std::string(1000, 'x')).has_value()); });
    }
    CHECK(ann.member.reason() == EndReason::none);
  }
}

TEST_CASE("what one thread publishes comes in its order, on the loop and elsewhere") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  std::thread([&] { room.publish("elsewhere").value(); }).join();
  stage.now([&] {
    room.publish("here").value();
    room.publish("and here").value();
  });
  stage.say(bob.member, "after");
  CHECK(ann.got() == "* elsewhere\n* here\n* and here\n<bob> after\n");
}

TEST_CASE("many threads publish while members come, talk and go") {
  constexpr int threads = 4;
  constexpr int each = 500;
  EventLoop loop;
  std::array<int, threads> seen{};
  bool in_order = true;
  {
    ChatRoom room({.max_lag = 8 << 20});
    MemoryStream stream({.max_sent = SIZE_MAX});
    Member watcher;
    const auto join = [&] { watcher = room.join(stream, "watcher").value(); };
    loop.post([&] { join(); }).value();
    loop.turn().value();
    std::vector<std::thread> publishers;
    for (int t = 0; t < threads; ++t) {
      publishers.emplace_back([&room, t] {
        for (int i = 0; i < each;) {
          if (room.publish(std::to_string(t) + ' ' + std::to_string(i))) {
            ++i;
          } else {
            std::this_thread::yield();
          }
        }
      });
    }
    MemoryStream other({.max_sent = SIZE_MAX});
    int turns = 0;
    while (room.counters().messages < threads * each) {
      loop.post([&] {
            if (++turns % 2 == 0) static_cast<void>(room.join(other, "other"));
          })
          .value();
      REQUIRE(loop.turn(10ms));
    }
    for (auto& publisher : publishers) publisher.join();
    loop.turn().value();
    const std::string all = stream.take_sent();
    for (std::size_t at = 0; at < all.size();) {
      const auto t = static_cast<std::size_t>(all[at + 2] - '0');
      const std::size_t end = all.find('\n', at);
      if (all.substr(at + 4, end - at - 4) != std::to_string(seen[t]++)) in_order = false;
      at = end + 1;
    }
  }
  CHECK(in_order);
  for (const int count : seen) CHECK(count == each);
}

TEST_CASE("publishing into a room whose last member goes loses nothing that fits") {
  Stage stage;
  ChatRoom room({.history_messages = 100});
  Person ann;
  ann.join(stage, room, "ann");
  std::thread([&] { room.publish("a", MessageKind::text).value(); }).join();
  ann.member = Member();
  stage.turns();
  std::thread([&] { room.publish("b", MessageKind::text).value(); }).join();
  stage.now([&] { room.publish("c", MessageKind::text).value(); });
  ann.join(stage, room, "ann");
  stage.turns();
  CHECK(ann.got() == "<> a\n<> b\n<> c\n");
}

// ---- Sockets ---------------------------------------------------------------------------------------------------------

TEST_CASE("while a socket is joined, nobody else sends on it; afterwards they may") {
  Stage stage;
  ChatRoom room;
  auto pair = support::narrow_pair();
  Socket& peer = pair.first;
  Socket& socket = pair.second;
  Member member;
  std::error_code during, after, received = Error::busy;
  const auto send = [](Socket& on, std::error_code& error) -> Task<> {
    error = (co_await on.send_all("x\n").within(0s)).error();
  };
  const auto receive = [](Socket& on, std::error_code& error) -> Task<> {
    char byte[1];
    error = (co_await on.recv(byte)).error();
  };
  Scope tasks;
  bool used = false;
  SECTION("a socket that was not used") {}
  SECTION("one that was") { used = true; }
  stage.now([&] {
    if (used) tasks.spawn(receive(peer, received));
    member = room.join(peer, "peer").value();
    tasks.spawn(send(peer, during));
    CHECK(room.join(peer, "again").error() == Error::busy);
    if (!used) tasks.spawn(receive(peer, received));
  });
  CHECK(during == Error::busy);
  stage.now([&] { room.publish("hi").value(); });
  CHECK(socket.recv_text(99).wait().value() == "* hi\n");
  socket.send_all("y").wait().value();
  stage.turns(20);
  CHECK_FALSE(received);
  stage.now([&] {
    member = Member();
    tasks.spawn(send(peer, after));
  });
  CHECK_FALSE(after);
  CHECK(socket.recv_text(99).wait().value() == "x\n");
  CHECK(peer.is_open());
}

TEST_CASE("a socket on which somebody sends cannot be joined yet") {
  Stage stage;
  ChatRoom room;
  auto pair = support::narrow_pair();
  Socket& peer = pair.first;
  Socket& socket = pair.second;
  const std::string much(1 << 20, 'x');
  bool sent = false;
  const auto send = [&]() -> Task<> {
    static_cast<void>(co_await peer.send_all(much));
    sent = true;
  };
  Scope tasks;
  stage.now([&] {
    tasks.spawn(send());
    CHECK_FALSE(sent);
    CHECK(room.join(peer, "peer").error() == Error::busy);
    CHECK(room.size() == 0);
  });
  std::string got;
  for (int i = 0; i < 100000 && !sent; ++i) {
    got += socket.recv_text(1 << 20).wait().value();
    stage.turn();
  }
  CHECK(sent);
  stage.now([&] { CHECK(room.join(peer, "peer").has_value()); });
}

TEST_CASE("a stalled socket goes on where it stopped, and others do not wait for it") {
  Stage stage;
  ChatRoom room({.max_lag = 4 << 20});
  auto pair = support::narrow_pair();
  Socket& peer = pair.first;
  Socket& socket = pair.second;
  Person ann;
  ann.join(stage, room, "ann");
  Member member;
  stage.now([&] { member = room.join(peer, "peer").value(); });
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    const std::string text = support::pattern(999, static_cast<std::size_t>(i));
    stage.now([&] { room.publish(text).value(); });
    expected += "* " + text + '\n';
  }
  CHECK((ann.got() == expected));
  CHECK(member.lag() > 100000);
  std::string got;
  while (got.size() < expected.size()) {
    auto part = socket.recv_text(1 << 16).within(0s).wait();
    if (part) got += *part;
    stage.turn();
  }
  CHECK((got == expected));
  CHECK(member.lag() == 0);
}

TEST_CASE("a peer that is gone breaks its member, and nobody else") {
  Stage stage;
  ChatRoom room;
  Person ann;
  ann.join(stage, room, "ann");
  auto pair = support::narrow_pair();
  Member member;
  stage.now([&] { member = room.join(pair.first, "peer").value(); });
  bool blocked = false;
  SECTION("before something is sent") { pair.second.close(); }
  SECTION("while it is blocked") {
    blocked = true;
    for (int i = 0; i < 50; ++i) stage.now([&] { room.publish(std::string(4000, 'x')).value(); });
    CHECK(member.lag() > 0);
    static_cast<void>(ann.got());
    pair.second.close();
    stage.turns();
  }
  SECTION("closed on this side, before something is sent") {
    stage.now([&] { pair.first.close(); });
  }
  SECTION("closed on this side, while it is blocked") {
    blocked = true;
    for (int i = 0; i < 50; ++i) stage.now([&] { room.publish(std::string(4000, 'x')).value(); });
    static_cast<void>(ann.got());
    stage.now([&] { pair.first.close(); });
    stage.turns();
  }
  if (!blocked) CHECK(member.reason() == EndReason::none);
  stage.now([&] { room.publish("hi").value(); });
  stage.turns();
  CHECK(member.reason() == EndReason::broken);
  CHECK(ann.got() == "* hi\n");
  CHECK(room.size() == 1);
  CHECK(room.counters().dropped >= 1);
}

// ---- Memory that runs out --------------------------------------------------------------------------------------------

TEST_CASE("where there is no memory to send, a room pauses before it tries again, longer and longer") {
  if (!support::allocations_are_counted()) return;
  const std::string case_name = GENERATE("longest", "shortened", "gone", "destroyed");
  INFO(case_name);
  Stage stage;
  stage.start_sleeping();  // so that there is a place for a timer
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  std::optional<support::OutOfMemory> none;
  const auto publish_without_memory = [&] {
    stage.now([&] {
      room.publish("hi").value();
      none.emplace();
    });
  };
  std::string tries;  // one character for each stretch of time: whether the room tried
  tries.reserve(100);
  const auto pass = [&](Duration duration) {
    const std::size_t before = support::allocations();
    stage.advance(duration);
    tries += support::allocations() == before ? '-' : '+';
  };
  const auto memory_is_back = [&] { none.reset(); };
  publish_without_memory();
  for (const Duration duration : {9ms, 1ms, 19ms, 1ms}) pass(duration);
  if (case_name == "longest") {
    for (int i = 0; i < 10; ++i) pass(1s);
    pass(999ms);
    pass(1ms);
    memory_is_back();
    CHECK(tries == "-+-+++++++++++-+");
    CHECK(ann.got().empty());
    stage.now([&] { room.publish("there").value(); });
    CHECK(ann.got().empty());  // not before the pause is over
    stage.advance(1s);
    CHECK(ann.got() == "* hi\n* there\n");
  }
  if (case_name == "shortened") {
    memory_is_back();
    stage.advance(1s);
    bob.block();
    bob.join(stage, room, "bob");
    stage.now([&] { room.publish("holds what is spare").value(); });
    CHECK(ann.got() == "* hi\n* holds what is spare\n");
    publish_without_memory();
    pass(9ms);
    pass(1ms);
    memory_is_back();
    CHECK(tries == "-+-+-+");
    stage.advance(20ms);
    CHECK(ann.got() == "* hi\n");
  }
  if (case_name == "gone") {
    ann.member = Member();
    pass(2s);
    memory_is_back();
    CHECK(tries == "-+-+-");
  }
  none.reset();  // and where the room goes, nothing is left behind
}

TEST_CASE("where there is no memory, nothing has changed") {
  if (!support::allocations_are_counted()) return;
  Stage stage;
  ChatRoom room({.history_messages = 1000});
  Person ann, bob;
  FullLines full;
  ann.join(stage, room, "ann");
  for (int i = 0; i < 20; ++i) stage.say(ann.member, "history " + std::to_string(i));
  const std::string long_name(100, 'n');
  const std::string text(900, 't');
  SECTION("join") {
    std::size_t failures = 0;
    for (std::size_t nth = 1;; ++nth) {
      std::error_code error;
      stage.now([&] {
        Result<Member> joined = Error::malformed;
        {
          const support::OutOfMemory none(nth);
          joined = room.join(bob.stream, long_name, {.format = &full});
        }
        error = joined.error();
        if (joined) bob.member = std::move(*joined);
      });
      if (!error) break;
      CHECK(error == std::errc::not_enough_memory);
      CHECK(room.size() == 1);
      CHECK(room.find(long_name) == no_member);
      ++failures;
    }
    CHECK(failures > 3);
    stage.turns();
    const std::string history = bob.got();
    CHECK(std::count(history.begin(), history.end(), '\n') == 20);
    CHECK(room.find(long_name) == bob.member.id());
  }
  SECTION("say, publish, tell, announce, rename") {
    bob.join(stage, room, "bob", {.format = &full});
    stage.turns();
    static_cast<void>(bob.got());
    static_cast<void>(ann.got());
    std::uint64_t expected = 20;
    std::size_t failures = 0;
    const auto attempt = [&](auto what) {
      for (std::size_t round = 0; round < 40; ++round) {
        for (std::size_t nth = 1;; ++nth) {
          Result<> outcome;
          stage.now([&] {
            const support::OutOfMemory none(nth);
            outcome = what();
          });
          CHECK(room.counters().messages == (outcome ? ++expected : expected));
          if (outcome) break;
          CHECK(outcome.error() == std::errc::not_enough_memory);
          ++failures;
          REQUIRE(nth < 100);
        }
      }
    };
    attempt([&] { return room.publish(text); });
    attempt([&] { return bob.member.tell(text); });
    attempt([&] { return ann.member.announce(text); });
    CHECK(failures > 10);
    stage.turns();
    std::istringstream got(bob.got());
    std::string line;
    for (std::uint64_t i = 21; i <= expected; ++i) {
      REQUIRE(std::getline(got, line));
      CHECK(line.starts_with(std::to_string(i) + " notice"));
    }
    CHECK_FALSE(std::getline(got, line));
    CHECK(expected == 140);
    Result<> renamed;
    {
      const support::OutOfMemory none;
      renamed = ann.member.rename(long_name);
    }
    CHECK(renamed.error() == std::errc::not_enough_memory);
    CHECK(ann.member.name() == "ann");
    CHECK(room.find("ann") == ann.member.id());
  }
  SECTION("from another thread") {
    Result<> outcome;
    std::thread([&] {
      const support::OutOfMemory none;
      outcome = room.publish(text);
    }).join();
    CHECK(outcome.error() == std::errc::not_enough_memory);
  }
}
