// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/member.hpp>

#include "harness.hpp"
#include "support/catch.hpp"

#include <string>
#include <thread>
#include <vector>

using namespace chat_test;

namespace {

/// Fills the room's budget for this turn, so that whoever says something now waits.
void spend_budget(ChatRoom& room) {
  while (room.publish(std::string(4000, '.'))) {
  }
}

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

// ---- say(): backpressure and rate ------------------------------------------------------------------------------------

TEST_CASE("who says more than the room has sent yet waits until it has") {
  Stage stage;
  ChatRoom room({.max_lag = 64 << 10});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  const std::string text(1000, 'x');
  std::size_t said = 0;
  std::size_t most_in_a_turn = 0;
  bool over = false;
  const auto talk = [&]() -> Task<> {
    for (int i = 0; i < 200; ++i) {
      const auto sequence = co_await ann.member.say(text);
      if (!sequence || *sequence != ++said) break;
    }
    over = true;
  };
  Scope tasks;
  stage.now([&] { tasks.spawn(talk()); });
  std::string got;
  for (int i = 0; i < 100 && !over; ++i) {
    const std::size_t before = said;
    stage.turn();
    most_in_a_turn = std::max(most_in_a_turn, said - before);
    got += bob.got();
  }
  CHECK(said == 200);
  CHECK(most_in_a_turn > 0);
  CHECK(most_in_a_turn * 1067 <= (16 << 10) + 1067);
  CHECK(line_count(got) == 200);
  CHECK(bob.member.reason() == EndReason::none);
}

TEST_CASE("those who wait for the room's budget go on in the order in which they came") {
  Stage stage;
  ChatRoom room({.max_lag = 64 << 10});
  Person reader;
  reader.join(stage, room, "reader");
  std::deque<Person> people(40);
  for (std::size_t i = 0; i < people.size(); ++i) people[i].join(stage, room, "p" + std::to_string(i));
  std::vector<std::uint64_t> sequences(people.size());
  const auto talk = [&](std::size_t i, std::string text) -> Task<> {
    const auto said = co_await people[i].member.say(text);
    sequences[i] = said ? *said : 0;
  };
  Scope tasks;
  stage.now([&] {
    spend_budget(room);
    for (std::size_t i = 0; i < people.size(); ++i) tasks.spawn(talk(i, std::string(1000, 'x')));
  });
  CHECK(sequences[0] == 0);
  stage.turns(20);
  for (std::size_t i = 1; i < people.size(); ++i) CHECK(sequences[i] == sequences[i - 1] + 1);
}

TEST_CASE("waiting for the budget ends at a stop, in time, or with the coroutine, and nothing was said") {
  Stage stage;
  ChatRoom room({.max_lag = 64 << 10});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  std::uint64_t published = 0;
  Scope tasks;
  std::error_code error;
  bool done = false;
  StopSource stop;
  const auto talk = [&](Duration within) -> Task<> {
    error = (co_await ann.member.say("never said").within(within).stop(stop.token())).error();
    done = true;
  };
  const auto start_and = [&](Duration within, auto then) {
    stage.now([&] {
      spend_budget(room);
      published = room.counters().messages;
      tasks.spawn(talk(within));
      then();
    });
  };
  SECTION("a stop in the same turn") {
    start_and(Duration::max(), [&] { stop.request_stop(); });
    stage.turns(1);
    // Awake again for the budget, it may have said it before it heard of the stop.
    if (error) {
      CHECK(error == Error::cancelled);
      CHECK(room.counters().messages == published);
    } else {
      CHECK(room.counters().messages == published + 1);
    }
  }
  SECTION("no time at all") {
    start_and(0s, [] {});
    stage.turns();
    CHECK(done);
    if (error) {
      CHECK(error == Error::timed_out);
      CHECK(room.counters().messages == published);
    } else {
      CHECK(room.counters().messages == published + 1);
    }
  }
  SECTION("destroyed in the same turn") {
    Scope doomed;
    stage.now([&] {
      spend_budget(room);
      published = room.counters().messages;
      {
        Scope inner;
        inner.spawn(talk(Duration::max()));
        CHECK_FALSE(done);
      }
    });
    stage.turns();
    CHECK_FALSE(done);
    CHECK(room.counters().messages == published);
  }
  SECTION("its member is destroyed") {
    start_and(Duration::max(), [&] { ann.member = Member(); });
    stage.turns();
    CHECK(done);
    CHECK(error == Error::closed);
    CHECK(room.counters().messages == published);
  }
  SECTION("its member is removed") {
    start_and(Duration::max(), [&] { room.remove(ann.member.id()); });
    stage.turns();
    CHECK(error == Error::closed);
    CHECK(room.counters().messages == published);
  }
  SECTION("its member moves, which does not matter") {
    Member other;
    start_and(Duration::max(), [&] { other = std::move(ann.member); });
    stage.turns();
    CHECK(done);
    CHECK_FALSE(error);
    CHECK(room.counters().messages == published + 1);
  }
}

TEST_CASE("the rate lets a burst through, and then so many a second") {
  Stage stage;
  ChatRoom room({.rate = 10, .burst = 3});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  int said = 0;
  const auto talk = [&]() -> Task<> {
    while (co_await ann.member.say("x")) ++said;
  };
  Scope tasks;
  stage.now([&] { tasks.spawn(talk()); });
  stage.turns();
  CHECK(said == 3);
  for (int i = 1; i <= 20; ++i) {
    stage.advance(99ms);
    CHECK(said == 2 + i);
    stage.advance(1ms);
    CHECK(said == 3 + i);
  }
  // Others have a rate of their own, and what the room says has none.
  CHECK_FALSE(stage.say(bob.member, "mine").error);
  for (int i = 0; i < 10; ++i) stage.now([&] { CHECK(ann.member.tell("x").has_value()); });
  CHECK(said == 23);
}

TEST_CASE("after a rest there is one burst, not more") {
  Stage stage;
  ChatRoom room({.rate = 2, .burst = 4});
  Person ann;
  ann.join(stage, room, "ann");
  int said = 0;
  const auto talk = [&]() -> Task<> {
    while (co_await ann.member.say("x")) ++said;
  };
  stage.advance(1h);
  Scope tasks;
  stage.now([&] { tasks.spawn(talk()); });
  stage.turns();
  CHECK(said == 4);
  stage.advance(1000ms);
  CHECK(said == 6);
}

TEST_CASE("a burst of none is a burst of one") {
  Stage stage;
  ChatRoom room({.rate = 1, .burst = 0});
  Person ann;
  ann.join(stage, room, "ann");
  CHECK(stage.say(ann.member, "x").done);
  const Outcome& second = stage.say(ann.member, "y");
  CHECK_FALSE(second.done);
  stage.advance(1s);
  CHECK(second.done);
}

TEST_CASE("several says of one member share its rate") {
  Stage stage;
  ChatRoom room({.rate = 1, .burst = 1});
  Person ann;
  ann.join(stage, room, "ann");
  std::vector<const Outcome*> said;
  for (int i = 0; i < 4; ++i) said.push_back(&stage.say(ann.member, "x"));
  const auto count = [&] { return std::count_if(said.begin(), said.end(), [](auto* one) { return one->done; }); };
  for (int i = 1; i <= 4; ++i) {
    CHECK(count() == i);
    stage.advance(1s);
  }
}

TEST_CASE("waiting for the rate ends at a stop, in time, or with the coroutine, and nothing was said or counted") {
  Stage stage;
  ChatRoom room({.rate = 1, .burst = 1});
  Person ann;
  ann.join(stage, room, "ann");
  stage.say(ann.member, "x");
  SECTION("stopped") {
    const Outcome& said = stage.say(ann.member, "never");
    stage.stop_tasks();
    CHECK(said.error == Error::cancelled);
  }
  SECTION("timed out") {
    const Outcome& said = stage.say(ann.member, "never", 500ms);
    stage.advance(500ms);
    CHECK(said.error == Error::timed_out);
    stage.advance(500ms);
    CHECK(room.counters().messages == 1);
    CHECK(stage.say(ann.member, "now").done);
    return;
  }
  SECTION("destroyed") {
    stage.say(ann.member, "never");
    stage.destroy_tasks();
  }
  SECTION("the member is destroyed") {
    const Outcome& said = stage.say(ann.member, "never");
    stage.now([&] { ann.member = Member(); });
    stage.advance(1s);
    CHECK(said.error == Error::closed);
  }
  SECTION("the room closes") {
    const Outcome& said = stage.say(ann.member, "never");
    stage.close(room);
    stage.advance(1s);
    CHECK(said.error == Error::closed);
  }
  stage.advance(10s);
  CHECK(room.counters().messages == 1);
}

TEST_CASE("who does not want to wait is told that it would have to") {
  Stage stage;
  ChatRoom room({.max_message = 5000, .max_lag = 64 << 10, .rate = 1, .burst = 2});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  CHECK(ann.member.try_say("x").error() == Error::no_loop);
  stage.now([&] {
    CHECK(ann.member.try_say("one").value() == 1);
    CHECK(ann.member.try_say(std::string(5001, 'x')).error() == Error::too_long);
    CHECK(ann.member.try_say("two").value() == 2);
    CHECK(ann.member.try_say("three").error() == std::errc::operation_would_block);
    spend_budget(room);
    CHECK(bob.member.try_say("four").error() == std::errc::operation_would_block);
  });
  CHECK(bob.got().starts_with("<ann> one\n<ann> two\n* "));
  stage.advance(1s);
  const std::uint64_t before = room.counters().messages;
  stage.now([&] {
    CHECK(ann.member.try_say("three").value() == before + 1);
    CHECK(Member().try_say("x").error() == Error::closed);
    room.remove(ann.member.id());
    CHECK(ann.member.try_say("x").error() == Error::closed);
  });
  Stage other;
  other.now([&] { CHECK(bob.member.try_say("x").error() == Error::wrong_loop); });
}

TEST_CASE("what is refused costs nothing of the rate") {
  Stage stage;
  ChatRoom room({.max_message = 3, .rate = 1, .burst = 1});
  Person ann;
  ann.join(stage, room, "ann");
  CHECK(stage.say(ann.member, "long").error == Error::too_long);
  CHECK(stage.say(ann.member, "x").done);
}

TEST_CASE("nothing is said without a loop, or on another") {
  Stage stage;
  ChatRoom room;
  Person ann;
  ann.join(stage, room, "ann");
  CHECK(ann.member.say("x").wait().error() == Error::wrong_loop);
  Stage other;
  CHECK(other.say(ann.member, "x").error == Error::wrong_loop);
  CHECK(room.counters().messages == 0);
}

TEST_CASE("a member that is nobody") {
  Stage stage;
  Member nobody;
  CHECK_FALSE(nobody);
  CHECK(nobody.id() == no_member);
  CHECK(nobody.name().empty());
  CHECK(nobody.reason() == EndReason::left);
  CHECK(nobody.lag() == 0);
  CHECK(stage.say(nobody, "x").error == Error::closed);
  CHECK(stage.leave(nobody).error == Error::closed);
  CHECK(nobody.tell("x").error() == Error::closed);
  CHECK(nobody.rename("x").error() == Error::closed);
  nobody.make_absent();
}

// ---- Leaving ---------------------------------------------------------------------------------------------------------

TEST_CASE("a member that is destroyed leaves at once, wherever it is") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  SECTION("caught up") {}
  SECTION("behind") {
    stage.now([&] {
      room.publish("x").value();
      bob.member = Member();
    });
    CHECK(bob.got().empty());
  }
  SECTION("blocked") {
    bob.block();
    stage.now([&] { room.publish("x").value(); });
    CHECK(bob.stream.sender_waits());
    stage.now([&] { bob.member = Member(); });
    CHECK_FALSE(bob.stream.sender_waits());
    CHECK(room.counters().dropped == 1);
  }
  SECTION("about to go on") {
    bob.block();
    stage.now([&] { room.publish("x").value(); });
    stage.now([&] {
      bob.unblock();
      bob.member = Member();
    });
    CHECK(bob.got().empty());
  }
  SECTION("behind and blocked, with others so too") {
    ann.block();
    bob.block();
    stage.now([&] { room.publish("x").value(); });
    stage.now([&] {
      room.publish("y").value();
      bob.member = Member();
    });
    ann.unblock();
    stage.turns();
    CHECK(ann.got() == "* x\n* y\n");
  }
  bob.member = Member();
  CHECK_FALSE(bob.stream.send_was_shut_down());
  static_cast<void>(ann.got());
  CHECK(room.size() == 1);
  CHECK(room.find("bob") == no_member);
  stage.now([&] { room.publish("z").value(); });
  CHECK(ann.got() == "* z\n");
}

TEST_CASE("leave completes when the stream has taken what was said before") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  SECTION("at once where there is nothing") {
    const Outcome& left = stage.leave(bob.member);
    CHECK(left.done);
    CHECK_FALSE(left.error);
    CHECK(bob.member.reason() == EndReason::left);
  }
  SECTION("after what waits") {
    bob.block();
    stage.say(ann.member, "last");
    const Outcome& left = stage.leave(bob.member);
    CHECK_FALSE(left.done);
    CHECK(stage.leave(bob.member).error == Error::busy);
    bob.stream.set_max_sent(5);
    stage.turns();
    CHECK_FALSE(left.done);
    CHECK(bob.member.reason() == EndReason::none);
    bob.unblock();
    stage.turns();
    CHECK(left.done);
    CHECK_FALSE(left.error);
    CHECK(bob.got() == "<ann> last\n");
  }
  SECTION("said and left in one turn") {
    Outcome outcome;
    const auto last_words = [&]() -> Task<> {
      static_cast<void>(co_await ann.member.say("bye"));
      bob.member.tell("you may go").value();
      outcome.error = (co_await bob.member.leave()).error();
      outcome.done = true;
    };
    Scope tasks;
    stage.now([&] { tasks.spawn(last_words()); });
    stage.turns();
    CHECK(outcome.done);
    CHECK(bob.got() == "<ann> bye\n* you may go\n");
  }
  SECTION("published by another thread, and left before the loop has looked") {
    Scope tasks;
    Outcome outcome;
    const auto go = [&]() -> Task<> {
      std::thread([&] { room.publish("last call").value(); }).join();
      outcome.error = (co_await bob.member.leave()).error();
      outcome.done = true;
    };
    stage.now([&] { tasks.spawn(go()); });
    stage.turns();
    CHECK((outcome.done && !outcome.error));
    CHECK(bob.got() == "* last call\n");
  }
  stage.turns();
  CHECK(room.size() == 1);
  CHECK_FALSE(bob.stream.send_was_shut_down());
  CHECK(stage.say(ann.member, "gone").done);
  CHECK(bob.got().empty());
  // Once more says that it has left already.
  CHECK_FALSE(stage.leave(bob.member).error);
}

TEST_CASE("leave does not wait for what is said after it, however busy the room") {
  Stage stage;
  ChatRoom room({.max_lag = 1 << 20});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  bob.stream.set_max_sent(4);
  stage.say(ann.member, "before");
  const Outcome& left = stage.leave(bob.member);
  std::string got;
  for (int i = 0; i < 20 && !left.done; ++i) {
    stage.say(ann.member, "after");
    got += bob.got();
    stage.turn();
  }
  CHECK(left.done);
  CHECK_FALSE(left.error);
  CHECK(got.starts_with("<ann> before\n"));
}

TEST_CASE("a leave that ends otherwise") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  bob.block();
  stage.say(ann.member, "last");
  SECTION("in time") {
    const Outcome& left = stage.leave(bob.member, 1s);
    stage.advance(1s);
    CHECK(left.error == Error::timed_out);
    CHECK(bob.member.reason() == EndReason::left);
    CHECK(room.counters().dropped == 1);
  }
  SECTION("stopped") {
    const Outcome& left = stage.leave(bob.member);
    stage.stop_tasks();
    CHECK(left.error == Error::cancelled);
    CHECK(bob.member.reason() == EndReason::left);
  }
  SECTION("destroyed: it is still there") {
    stage.leave(bob.member);
    stage.destroy_tasks();
    CHECK(bob.member.reason() == EndReason::none);
    const Outcome& left = stage.leave(bob.member);
    bob.unblock();
    stage.turns();
    CHECK(left.done);
    CHECK_FALSE(left.error);
    CHECK(bob.got() == "<ann> last\n");
  }
  SECTION("removed") {
    const Outcome& left = stage.leave(bob.member);
    stage.now([&] { room.remove(bob.member.id()); });
    stage.turns();
    CHECK(left.error == Error::closed);
    CHECK(bob.member.reason() == EndReason::removed);
  }
  SECTION("broken") {
    const Outcome& left = stage.leave(bob.member);
    bob.stream.fail_send(std::make_error_code(std::errc::connection_reset));
    stage.turns();
    CHECK(left.error == Error::closed);
    CHECK(bob.member.reason() == EndReason::broken);
  }
  SECTION("the member is destroyed") {
    const Outcome& left = stage.leave(bob.member);
    stage.now([&] { bob.member = Member(); });
    stage.turns();
    CHECK(left.done);
  }
  SECTION("it becomes absent: there is nobody to send to") {
    const Outcome& left = stage.leave(bob.member);
    stage.now([&] { bob.member.make_absent(); });
    stage.turns();
    CHECK(left.done);
    CHECK_FALSE(left.error);
  }
  SECTION("the room closes") {
    const Outcome& left = stage.leave(bob.member);
    stage.close(room, 0s);
    stage.turns();
    CHECK(left.error == Error::closed);
    CHECK(bob.member.reason() == EndReason::closed);
  }
}

TEST_CASE("a member that takes another's place leaves first") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  stage.now([&] {
    ann.member = Member();
    ann.member = room.join(ann.stream, "ann2").value();
    CHECK(room.size() == 1);
    ann.member = room.join(bob.stream, "ann3").value();
  });
  CHECK(room.size() == 1);
  stage.now([&] { room.publish("x").value(); });
  CHECK(ann.got().empty());
  CHECK(bob.got() == "* x\n");
}

// ---- Absence ---------------------------------------------------------------------------------------------------------

TEST_CASE("who was absent goes on where it was, with all that was said to it and by it") {
  Stage stage;
  ChatRoom room;
  FullLines full;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob", {.format = &full});
  const MemberId id = bob.member.id();
  const auto line = [&](std::uint64_t sequence, MessageKind kind, MemberId from, MemberId to, std::string_view name,
                        std::string_view text) {
    Message message;
    message.sequence = sequence;
    message.kind = kind;
    message.sender = from;
    message.recipient = to;
    message.name = name;
    message.text = text;
    return FullLines::line(message);
  };
  stage.say(ann.member, "one");
  CHECK(bob.got() == line(1, MessageKind::text, ann.member.id(), no_member, "ann", "one"));
  stage.say(bob.member, "lost on the way?");  // 2
  stage.say(ann.member, "two");               // 3
  static_cast<void>(bob.got());               // the connection breaks: these are lost
  bool during = false;
  SECTION("it broke quietly") {}
  SECTION("it broke while it was blocked, within a record") {
    bob.stream.set_max_sent(3);
    during = true;
  }
  stage.say_to(ann.member, id, "psst");  // 4
  stage.now([&] { bob.member.make_absent(); });
  CHECK(bob.member.reason() == EndReason::none);
  CHECK(room.find("bob") == id);
  CHECK_FALSE(bob.stream.send_was_shut_down());
  stage.now([&] { room.publish("five").value(); });                     // 5
  stage.say(bob.member, "six");                                         // 6
  stage.now([&] { CHECK(bob.member.tell("seven").has_value()); });      // 7
  stage.now([&] { CHECK(bob.member.announce("eight").has_value()); });  // 8
  CHECK(bob.got().size() == (during ? 3 : line(4, MessageKind::direct, ann.member.id(), id, "ann", "psst").size()));

  MemoryStream again;
  const std::uint64_t epoch = room.newest().epoch;
  stage.now([&] {
    CHECK(bob.member.attach(again, {epoch + 1, 1}).error() == Error::not_found);
    CHECK(bob.member.attach(again, {epoch, 9}).error() == Error::not_found);
    CHECK(bob.member.attach(again, {epoch, 1}).has_value());
  });
  stage.say(bob.member, "nine");  // its own, as ever
  stage.say(ann.member, "ten");
  CHECK(again.take_sent() == line(2, MessageKind::text, id, no_member, "bob", "lost on the way?") +
                                 line(3, MessageKind::text, ann.member.id(), no_member, "ann", "two") +
                                 line(4, MessageKind::direct, ann.member.id(), id, "ann", "psst") +
                                 line(5, MessageKind::notice, no_member, no_member, "", "five") +
                                 line(6, MessageKind::text, id, no_member, "bob", "six") +
                                 line(7, MessageKind::notice, no_member, id, "", "seven") +
                                 line(8, MessageKind::notice, id, no_member, "bob", "eight") +
                                 line(10, MessageKind::text, ann.member.id(), no_member, "ann", "ten"));
  bob.member = Member();
}

TEST_CASE("a member may change over to another stream without being absent") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  bob.stream.set_max_sent(4);
  stage.say(ann.member, "one");
  stage.say(ann.member, "two");
  MemoryStream other;
  stage.now([&] { bob.member.attach(other, {room.newest().epoch, 0}).value(); });
  CHECK_FALSE(bob.stream.sender_waits());
  CHECK(other.take_sent() == "<ann> one\n<ann> two\n");
  stage.say(ann.member, "three");
  CHECK(other.take_sent() == "<ann> three\n");
  CHECK(bob.got() == "<ann");
  bob.member = Member();
}

TEST_CASE("who stayed away too long cannot go on, and is still there") {
  Stage stage;
  ChatRoom room({.max_lag = 64 << 10});
  Person ann, bob;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  stage.now([&] { bob.member.make_absent(); });
  const ResumePoint left_at = room.newest();
  for (int i = 0; i < 200; ++i) stage.say(ann.member, std::string(1000, 'x'));
  CHECK(bob.member.reason() == EndReason::none);
  MemoryStream again;
  stage.now([&] {
    CHECK(bob.member.attach(again, left_at).error() == Error::not_found);
    CHECK(bob.member.reason() == EndReason::none);
    CHECK(bob.member.attach(again, room.newest()).has_value());
  });
  stage.say(ann.member, "now");
  CHECK(again.take_sent() == "<ann> now\n");
  bob.member = Member();
}

TEST_CASE("an absent member is removed and found like others, and holds its name") {
  Stage stage;
  ChatRoom room;
  Person ann, bob;
  ann.join(stage, room, "ann");
  stage.now([&] { ann.member.make_absent(); });
  CHECK(bob.join(stage, room, "ann") == Error::busy);
  CHECK(room.size() == 1);
  const Outcome& closed_early = stage.leave(ann.member);
  CHECK(closed_early.done);
  CHECK(ann.member.reason() == EndReason::left);
  CHECK_FALSE(bob.join(stage, room, "ann"));
  stage.now([&] { bob.member.make_absent(); });
  stage.now([&] { CHECK(room.remove(bob.member.id())); });
  CHECK(bob.member.reason() == EndReason::removed);
  CHECK_FALSE(bob.stream.send_was_shut_down());
}
