// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/detail/room_core.hpp>

#include <parley/core/sleep.hpp>

#include "harness.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cstdio>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace chat_test;

namespace {

constexpr std::size_t small_lag = 64 << 10;

/// So many records of 1,000 bytes as RoomLog counts them, one a turn.
void publish(Stage& stage, ChatRoom& room, int count, std::string& expected) {
  for (int i = 0; i < count; ++i) {
    std::string text = std::to_string(room.counters().messages);
    text.resize(1000 - RoomLog::record_overhead, '.');
    stage.now([&] { room.publish(text).value(); });
    expected += "* " + text + '\n';
  }
}

/// A stream that takes everything and keeps nothing.
class Drain {
 public:
  Step poll_recv(Operation& operation, MutableBytes, std::size_t& count) noexcept {
    count = 0;
    operation.succeed();
    return Step::done;
  }
  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip,
                 std::size_t& count) noexcept {
    count = total_size(pieces) - skip;
    bytes += count;
    ++sends;
    operation.succeed();
    return Step::done;
  }
  Result<> shutdown(ShutdownWay) noexcept { return {}; }
  std::nullptr_t descriptor() const noexcept { return nullptr; }
  std::size_t bytes = 0;
  std::size_t sends = 0;

 private:
  static std::size_t total_size(std::span<const ConstBytes> pieces) {
    std::size_t total = 0;
    for (const ConstBytes& piece : pieces) total += piece.size();
    return total;
  }
};
static_assert(ByteStream<Drain>);

}  // namespace

// ---- Those who are too slow ------------------------------------------------------------------------------------------

TEST_CASE("a member that lags further behind than max_lag is ended, and others are not") {
  Stage stage;
  ChatRoom room({.max_lag = small_lag});
  Person slow, quick;
  slow.join(stage, room, "slow");
  quick.join(stage, room, "quick");
  slow.stream.set_max_sent(2500);
  std::string expected;
  publish(stage, room, 67, expected);
  CHECK(slow.member.reason() == EndReason::none);
  CHECK(slow.member.lag() == 65 * 1000);  // two were taken whole
  CHECK(room.counters().largest_lag == 65 * 1000);
  publish(stage, room, 1, expected);
  CHECK(slow.member.reason() == EndReason::too_slow);
  CHECK(slow.stream.send_was_shut_down());
  CHECK_FALSE(slow.stream.sender_waits());
  CHECK((slow.got() == expected.substr(0, 2500)));
  CHECK((quick.got() == expected));
  CHECK(quick.member.reason() == EndReason::none);
  CHECK(room.size() == 1);
  CHECK(room.counters().disconnected == 1);
  CHECK(room.counters().dropped == 66);
  CHECK(room.counters().deliveries == 68 + 2);
  publish(stage, room, 1, expected);
  CHECK(quick.got().size() == expected.size() / 69);
}

TEST_CASE("a member that skips finishes what was begun, is told how many it missed, and goes on") {
  Stage stage;
  ChatRoom room({.max_lag = small_lag, .slow = SlowPolicy::skip});
  Person slow, quick;
  slow.join(stage, room, "slow");
  quick.join(stage, room, "quick");
  const std::size_t record = 2 + 936 + 1;
  std::size_t begun = 0;
  SECTION("between two records") { begun = 0; }
  SECTION("with one begun") { begun = 500; }
  SECTION("with one almost done") { begun = record - 1; }
  slow.stream.set_max_sent(2 * record + begun);
  std::string expected;
  publish(stage, room, 70, expected);
  CHECK(slow.member.reason() == EndReason::none);
  CHECK(slow.member.lag() < small_lag);
  const std::size_t whole = begun == 0 ? 2 : 3;
  const std::size_t skipped_at = 2 + 65 + 1;  // more than 64 KiB behind: 66 records
  const std::size_t missed = skipped_at - whole;
  CHECK(room.counters().dropped == missed);
  CHECK(room.counters().disconnected == 0);
  CHECK((slow.got() == expected.substr(0, 2 * record + begun)));
  slow.unblock();
  stage.turns();
  const std::string note = "* you missed " + std::to_string(missed) + " messages\n";
  CHECK((slow.got() == expected.substr(2 * record + begun, (whole - 2) * record - begun) + note +
                           expected.substr(skipped_at * record)));
  CHECK((quick.got() == expected));
  CHECK(slow.member.lag() == 0);
  publish(stage, room, 1, expected);
  CHECK((slow.got() == expected.substr(70 * record)));
}

TEST_CASE("a member that skips again and again is told of all it missed") {
  Stage stage;
  ChatRoom room({.max_lag = small_lag, .slow = SlowPolicy::skip});
  Person slow;
  FullLines full;
  slow.join(stage, room, "slow", {.format = &full});
  slow.block();
  std::string expected;
  publish(stage, room, 1000, expected);
  CHECK(slow.member.reason() == EndReason::none);
  const std::uint64_t dropped = room.counters().dropped;
  CHECK(dropped >= 1000 - 66);
  const std::string note = " missed 0>" + std::to_string(static_cast<std::uint64_t>(slow.member.id())) + " : ";
  slow.stream.set_max_sent(10);
  stage.turns();
  std::string got = slow.got();  // the note was begun
  slow.block();
  publish(stage, room, 200, expected);
  slow.unblock();
  stage.turns();
  got += slow.got();
  const std::uint64_t later = room.counters().dropped - dropped;
  const std::string first_note = std::to_string(dropped) + note + std::to_string(dropped) + '\n';
  CHECK(got.starts_with(first_note));
  // What stood between the two skips was dropped too, so the second note follows at once.
  const std::string second_note = std::to_string(dropped + later) + note + std::to_string(later) + '\n';
  CHECK(got.substr(first_note.size()).starts_with(second_note));
  CHECK(
      got.substr(first_note.size() + second_note.size()).starts_with(std::to_string(dropped + later + 1) + " notice"));
}

TEST_CASE("one turn may say as much as it may; who skips loses no place and no part of a record") {
  Stage stage;
  ChatRoom room({.max_lag = small_lag, .slow = SlowPolicy::skip});
  Person slow, other;
  slow.join(stage, room, "slow");
  other.join(stage, room, "other");
  slow.stream.set_max_sent(100);
  const std::string text(1000, 'x');
  std::string got;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 55; ++i) stage.now([&] { room.publish("begun and not finished" + text).value(); });
    stage.now([&] {
      while (room.publish(text)) {
      }
      // Records for others do not count as missed.
      static_cast<void>(other.member.tell("yours"));
    });
    REQUIRE(slow.member.reason() == EndReason::none);
    slow.unblock();
    stage.turns();
    got += slow.got();
    slow.stream.set_max_sent(100);
  }
  std::uint64_t seen = 0;
  for (std::size_t at = 0; at < got.size();) {
    const std::size_t end = got.find('\n', at);
    const std::string line = got.substr(at, end - at);
    at = end + 1;
    unsigned missed = 0;
    if (std::sscanf(line.c_str(), "* you missed %u", &missed) == 1) {
      seen += missed;
    } else {
      REQUIRE((line == "* " + text || line == "* begun and not finished" + text));
      ++seen;
    }
  }
  // All are accounted for: they were seen, or told to be missed.
  std::uint64_t yours = 0;
  const std::string others = other.got();
  for (std::size_t at = 0; (at = others.find("* yours\n", at)) != std::string::npos; ++at) ++yours;
  CHECK(seen == room.counters().messages - yours);
}

TEST_CASE("what a room keeps is bounded, whatever a member does that takes nothing") {
  if (!support::allocations_are_counted()) return;
  Stage stage;
  ChatRoom room({.max_lag = small_lag, .slow = SlowPolicy::skip});
  std::deque<Person> people(20);
  for (std::size_t i = 0; i < people.size(); ++i) {
    people[i].join(stage, room, std::to_string(i));
    people[i].block();
  }
  Drain drain;
  Member reader;
  stage.now([&] { reader = room.join(drain, "reader").value(); });
  const std::string text(500, 'x');
  const auto talk = [&](int turns) {
    for (int i = 0; i < turns; ++i) {
      stage.now([&] {
        for (int k = 0; k < 8; ++k) room.publish(text).value();
      });
    }
  };
  talk(500);
  const std::size_t before = support::allocations();
  talk(500);
  // Only the test's own: a function that is posted for each turn.
  CHECK(support::allocations() - before <= 500);
}

TEST_CASE("a stream that fails breaks its member, and nobody else") {
  Stage stage;
  ChatRoom room;
  Person ann, bob, cid;
  ann.join(stage, room, "ann");
  bob.join(stage, room, "bob");
  cid.join(stage, room, "cid");
  SECTION("at once") { bob.stream.fail_send(std::make_error_code(std::errc::connection_reset)); }
  SECTION("while it is blocked") {
    bob.block();
    stage.now([&] { room.publish("before").value(); });
    bob.stream.fail_send(std::make_error_code(std::errc::connection_reset));
  }
  SECTION("shut down by somebody else") { CHECK(bob.stream.shutdown(ShutdownWay::both)); }
  stage.now([&] { room.publish("after").value(); });
  stage.turns();
  CHECK(bob.member.reason() == EndReason::broken);
  CHECK(bob.stream.send_was_shut_down());
  CHECK(room.size() == 2);
  CHECK(ann.got().ends_with("* after\n"));
  CHECK(cid.got().ends_with("* after\n"));
  CHECK(room.counters().disconnected == 0);
}

TEST_CASE("a blocked member waits with one send, and others pass it") {
  Stage stage;
  ChatRoom room({.max_lag = 1 << 20});
  std::deque<Person> people(5);
  for (std::size_t i = 0; i < people.size(); ++i) people[i].join(stage, room, std::to_string(i));
  people[1].block();
  people[3].block();
  std::string expected;
  publish(stage, room, 100, expected);
  for (const std::size_t i : {0u, 2u, 4u}) CHECK((people[i].got() == expected));
  for (const std::size_t i : {1u, 3u}) {
    CHECK(people[i].stream.sender_waits());
    people[i].unblock();
  }
  stage.turns(2);
  for (const std::size_t i : {1u, 3u}) CHECK((people[i].got() == expected));
}

TEST_CASE("a stream that takes little at a time gets all of it, and does not hold the loop") {
  Stage stage;
  ChatRoom room;
  Person ann(MemoryStreamOptions{.max_sent = SIZE_MAX, .max_per_send = 100});
  ann.join(stage, room, "ann");
  std::string expected;
  stage.now([&] {
    for (int i = 0; i < 100; ++i) room.publish("message " + std::to_string(i)).value();
  });
  for (int i = 0; i < 100; ++i) expected += "* message " + std::to_string(i) + '\n';
  std::string got = ann.got();
  CHECK(got.size() < expected.size());  // not in one turn
  CHECK(ann.member.lag() > 0);
  for (int i = 0; i < 100; ++i) stage.turn();
  got += ann.got();
  CHECK(got == expected);
}

// ---- Cost ------------------------------------------------------------------------------------------------------------

TEST_CASE("a message to 100 members is one send each, and allocates nothing once the room is warm") {
  Stage stage;
  ChatRoom room({.max_lag = small_lag});
  std::deque<Drain> drains(100);
  std::vector<Member> members(100);
  std::uint64_t said = 0;
  std::uint64_t allocated = 0;
  const auto talk = [&](int turns) -> Task<> {
    for (int i = 0; i < turns; ++i) {
      for (std::size_t k = 0; k < 8; ++k) {
        said +=
            (co_await members[k].say("sixty-four bytes of text, as people who chat might well say it..")).has_value();
      }
      static_cast<void>(co_await sleep(1ms));
    }
  };
  stage.now([&] {
    for (std::size_t i = 0; i < members.size(); ++i) members[i] = room.join(drains[i], "m" + std::to_string(i)).value();
  });
  Scope tasks;
  const auto run = [&](int turns) {
    stage.now([&] { tasks.spawn(talk(turns)); });
    const std::size_t before = support::allocations();
    const std::uint64_t until = said + static_cast<std::uint64_t>(8 * (turns - 1));
    while (said < until) {
      stage.clock().advance(1ms);
      stage.turn();
    }
    allocated = support::allocations() - before;
    stage.clock().advance(1ms);
    stage.turns();
  };
  run(1000);
  std::size_t sends = 0;
  for (const Drain& drain : drains) sends += drain.sends;
  run(1000);
  if (support::allocations_are_counted()) CHECK(allocated == 0);
  std::size_t more = 0;
  for (const Drain& drain : drains) more += drain.sends;
  CHECK(more - sends <= 1001 * 100);
  CHECK(room.counters().deliveries == 16000 * 99);
}

// ---- Against a model -------------------------------------------------------------------------------------------------

namespace {

/// What a room should do, said plainly.
class Model {
 public:
  struct Record {
    std::uint64_t sequence;
    MessageKind kind;
    MemberId sender, recipient;
    std::string name, text;
  };
  struct Player {
    Person person;
    std::string name;
    bool full = false;
    std::uint64_t joined_at = 1;  // the first record after it
    std::string got;
  };

  Model(unsigned seed, SlowPolicy policy, bool echo)
      : random_(seed), policy_(policy), echo_(echo), room_({.max_lag = small_lag, .slow = policy, .echo = echo}) {}

  void play(int turns) {
    for (int i = 0; i < turns; ++i) {
      stage_.now([&] {
        for (std::size_t k = random_() % 6; k != 0; --k) act();
      });
      for (auto& player : players_) collect(*player);
    }
    for (auto& player : players_) {
      player->person.unblock();
      player->person.stream.set_max_per_send(SIZE_MAX);
    }
    stage_.turns(20);
    while (!players_.empty()) {
      collect(*players_.back());
      compare(*players_.back(), players_.back()->person.member.reason() == EndReason::none);
      retire(players_.size() - 1);
    }
    CHECK(room_.size() == 0);
    CHECK(room_.counters().messages == records_.size());
  }
  const RoomCounters counters() const { return room_.counters(); }
  std::uint64_t ended() const { return ended_; }
  std::uint64_t told_missed() const { return told_missed_; }

 private:
  void act() {
    const auto what = random_() % 100;
    if (players_.size() < 3 || what < 4) return join();
    const std::size_t at = random_() % players_.size();
    Player& player = *players_[at];
    Member& member = player.person.member;
    if (member.reason() != EndReason::none) return leave(at);
    const std::string text = std::to_string(records_.size()) + ' ' + std::string(random_() % 2000, 'a');
    if (what < 7) {
      leave(at);
    } else if (what < 10) {
      player.person.stream.set_max_sent(0);
    } else if (what < 25) {
      player.person.stream.set_max_sent(random_() % 3000);
    } else if (what < 40) {
      player.person.unblock();
    } else if (what < 45) {
      player.person.stream.set_max_per_send(1 + random_() % 1500);
    } else if (what < 70) {
      if (const auto said = member.try_say(text)) record(*said, MessageKind::text, member, no_member, text);
    } else if (what < 80) {
      const Player& to = *players_[random_() % players_.size()];
      if (to.person.member.reason() != EndReason::none) return;
      if (room_.say_to(to.person.member.id(), "room", text)) {
        records_.push_back(
            {room_.newest().sequence, MessageKind::direct, no_member, to.person.member.id(), "room", text});
      }
    } else if (what < 87) {
      if (member.tell(text)) {
        records_.push_back({room_.newest().sequence, MessageKind::notice, no_member, member.id(), "", text});
      }
    } else if (what < 92) {
      if (member.announce(text)) record(room_.newest().sequence, MessageKind::notice, member, no_member, text);
    } else if (what < 97) {
      if (room_.publish(text)) {
        records_.push_back({room_.newest().sequence, MessageKind::notice, no_member, no_member, "", text});
      }
    } else if (member.rename("r" + std::to_string(random_()))) {
      player.name = std::string(member.name());
    }
  }

  void record(std::uint64_t sequence, MessageKind kind, const Member& sender, MemberId to, const std::string& text) {
    records_.push_back({sequence, kind, sender.id(), to, std::string(sender.name()), text});
  }

  void join() {
    auto player = std::make_unique<Player>();
    player->name = "p" + std::to_string(++joined_);
    player->full = random_() % 2 == 0;
    const JoinOptions options{.format = player->full ? static_cast<const WireFormat*>(&full_) : &plain_lines};
    player->joined_at = records_.size() + 1;
    auto member = room_.join(player->person.stream, player->name, options);
    REQUIRE(member);
    player->person.member = std::move(*member);
    players_.push_back(std::move(player));
  }

  void leave(std::size_t at) {
    collect(*players_[at]);
    compare(*players_[at], false);
    retire(at);
  }
  void retire(std::size_t at) {
    ended_ += players_[at]->person.member.reason() != EndReason::none;
    players_[at]->person.member = Member();
    std::swap(players_[at], players_.back());
    players_.pop_back();
  }

  static void collect(Player& player) { player.got += player.person.got(); }

  std::string line(const Player& player, const Record& record) const {
    if (player.full) {
      Message message;
      message.kind = record.kind;
      message.sequence = record.sequence;
      message.sender = record.sender;
      message.recipient = record.recipient;
      message.name = record.name;
      message.text = record.text;
      return FullLines::line(message);
    }
    switch (record.kind) {
      case MessageKind::text: return '<' + record.name + "> " + record.text + '\n';
      case MessageKind::direct: return '[' + record.name + "] " + record.text + '\n';
      default: return "* " + record.text + '\n';
    }
  }

  // How many it was told it missed, when the line says so.
  std::optional<std::uint64_t> missed(const Player& player, std::string_view text) const {
    if (player.full) {
      const std::size_t at = text.find(" missed 0>");
      if (at == text.npos || text.find(' ') != at) return std::nullopt;
      return std::stoull(std::string(text.substr(text.find(": ") + 2)));
    }
    constexpr std::string_view note = "* you missed ";
    if (!text.starts_with(note)) return std::nullopt;
    return std::stoull(std::string(text.substr(note.size())));
  }

  static std::string head(std::string_view text) { return std::string(text.substr(0, 30)); }

  // Line by line: each is the next record that the player is to get, or says how many are left out here.
  void compare(const Player& player, bool complete) {
    std::size_t next = player.joined_at - 1;
    const auto visible = [&](const Record& record) {
      const MemberId self = player.person.member.id();
      if (record.recipient != no_member) return record.recipient == self;
      return echo_ || record.sender != self;
    };
    const auto skip_invisible = [&] {
      while (next < records_.size() && !visible(records_[next])) ++next;
    };
    std::string_view rest = player.got;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      const std::string_view text = rest.substr(0, end == rest.npos ? end : end + 1);
      rest.remove_prefix(text.size());
      const bool torn = end == rest.npos;
      if (torn && complete) FAIL("a line was not finished: " << head(text));
      if (const auto count = torn ? std::nullopt : missed(player, text)) {
        told_missed_ += *count;
        for (std::uint64_t i = 0; i < *count; ++i) {
          skip_invisible();
          if (next == records_.size()) FAIL("missed more than there was");
          ++next;
        }
        continue;
      }
      skip_invisible();
      if (torn && policy_ == SlowPolicy::skip) return;  // it may be the note that was not finished
      if (next == records_.size()) FAIL("more than was said: " << head(text));
      const std::string expected = line(player, records_[next]);
      if (torn ? !expected.starts_with(text) : text != expected)
        FAIL("expected " << head(expected) << " got " << head(text));
      ++next;  // where it was torn, the last
    }
    skip_invisible();
    if (complete && next != records_.size()) FAIL("not all came: " << records_.size() - next << " are missing");
  }

  std::mt19937 random_;
  SlowPolicy policy_;
  bool echo_;
  FullLines full_;
  Stage stage_;
  ChatRoom room_;
  std::vector<Record> records_;
  std::vector<std::unique_ptr<Player>> players_;
  std::uint64_t ended_ = 0;
  std::uint64_t told_missed_ = 0;
  int joined_ = 0;
};

}  // namespace

TEST_CASE("nothing is lost, nothing comes twice, no record is torn: against a model, those too slow are ended") {
  std::uint64_t ended = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Model model(seed, SlowPolicy::disconnect, seed % 2 == 0);
    model.play(400);
    CHECK(model.counters().disconnected == model.ended());
    CHECK(model.told_missed() == 0);
    ended += model.ended();
  }
  CHECK(ended > 10);
}

TEST_CASE("nothing is lost, nothing comes twice, no record is torn: against a model, those too slow skip") {
  std::uint64_t missed = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Model model(seed, SlowPolicy::skip, seed % 2 == 0);
    model.play(400);
    CHECK(model.counters().disconnected == 0);
    CHECK(model.ended() == 0);
    missed += model.told_missed();
  }
  CHECK(missed > 100);
}
