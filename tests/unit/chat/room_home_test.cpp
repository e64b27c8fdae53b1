// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/room_home.hpp>

#include "branch.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace chat_test;

TEST_CASE("while a room has a home it stays on that loop, members or not") {
  Stage stage, other;
  ChatRoom room;
  std::optional<RoomHome> home;
  stage.now([&] { home.emplace(room); });
  Person ann;
  CHECK(ann.join(other, room, "ann") == Error::wrong_loop);
  CHECK_FALSE(ann.join(stage, room, "ann"));
  ann.member = Member();
  CHECK(ann.join(other, room, "ann") == Error::wrong_loop);
  stage.now([&] { home.reset(); });
  CHECK_FALSE(ann.join(other, room, "ann"));
}

TEST_CASE("a room that is quiet wakes no loop") {
  Town town;
  RemotePerson bob;
  town.join(town.north(), bob, "bob");
  town.turns();
  for (int i = 0; i < 3; ++i) {
    // A wait that nothing ends takes all its time.
    const auto before = Clock::now();
    CHECK(town.stage.loop().turn(2ms));
    CHECK(town.north().stage.loop().turn(2ms));
    CHECK(Clock::now() - before >= 4ms);
  }
}

TEST_CASE("a loop full of people who talk leaves its share of the budget to the others") {
  Town town({.max_lag = 64 << 10});
  std::deque<RemotePerson> crowd(40);
  RemotePerson one;
  for (std::size_t i = 0; i < crowd.size(); ++i) town.join(town.north(), crowd[i], "n" + std::to_string(i));
  town.join(town.south(), one, "one");
  std::size_t said_there = 0;
  std::size_t said_here = 0;
  const auto talk = [](RemotePerson& person, std::size_t& said) -> Task<> {
    const std::string text(1000, 'x');
    while (co_await person.member.say(text)) ++said;
  };
  Scope there, here;
  town.north().stage.now([&] {
    for (RemotePerson& person : crowd) there.spawn(talk(person, said_there));
  });
  town.south().stage.now([&] { here.spawn(talk(one, said_here)); });
  for (int i = 0; i < 200; ++i) {
    town.turns(1);
    for (RemotePerson& person : crowd) static_cast<void>(person.got());
    static_cast<void>(one.got());
  }
  CHECK(said_there > 500);
  CHECK(said_here > 50);
  town.north().stage.now([&] { there.cancel(); });
  town.south().stage.now([&] { here.cancel(); });
  town.turns();
}

// ---- Against a model -------------------------------------------------------------------------------------------------

namespace {

/// Loops that turn at random, and what members on them should see.
class TownModel {
 public:
  TownModel(unsigned seed, SlowPolicy policy, bool echo)
      : random_(seed), echo_(echo), town_({.max_lag = 64 << 10, .slow = policy, .echo = echo}) {}

  void play(int steps) {
    for (int i = 0; i < steps; ++i) {
      act();
      const auto which = random_() % 4;
      if (which == 0) town_.stage.turn();
      if (which == 1) town_.north().stage.turn();
      if (which == 2) town_.south().stage.turn();
      if (which == 3) town_.turns(1);
      for (auto& player : players_) collect(*player);
      note_said();
    }
    for (auto& player : players_) player->unblock();
    town_.turns(60);
    note_said();
    CHECK(pending_.empty());
    for (auto& player : players_) {
      collect(*player);
      compare(*player);
    }
    CHECK(town_.room->counters().messages == records_.size());
    // Whoever was ended for lagging, or left with something unsent, has it counted.
    // What is finished before a skip is not counted as delivered.
    CHECK(town_.room->counters().deliveries <= lines_);
    if (told_missed_ == 0) CHECK(town_.room->counters().deliveries == lines_);
    for (auto& player : players_) leave(*player);
    town_.turns(3);
    CHECK(town_.room->size() == 0);
  }
  std::uint64_t told_missed() const { return told_missed_; }
  std::uint64_t ended() const { return ended_; }
  std::uint64_t moved() const { return moved_; }
  std::uint64_t too_slow() const { return town_.room->counters().disconnected; }

 private:
  struct Player {
    int place = 0;  // 0: at home
    Person person;
    RemotePerson remote;
    std::string name;
    MemberId id = no_member;
    std::uint64_t start = 0;  // the first record that it is to get, if it is for it
    std::string got;
    bool over = false;

    MemoryStream& stream() { return place == 0 ? person.stream : remote.stream; }
    EndReason reason() const { return place == 0 ? person.member.reason() : remote.member.reason(); }
    bool is_in() const { return !over && reason() == EndReason::none; }
    void unblock() {
      stream().set_max_sent(std::size_t{1} << 30);
      stream().set_max_per_send(SIZE_MAX);
    }
  };
  struct Pending {
    const Outcome* outcome;
    Message message;
    std::string name;
    std::string text;
  };

  Branch& branch(int place) { return *town_.branches[static_cast<std::size_t>(place - 1)]; }

  void act() {
    if (players_.size() < 4 || random_() % 30 == 0) return join(town_.room->newest().sequence);
    Player& player = *players_[random_() % players_.size()];
    if (!player.is_in()) return;
    const auto what = random_() % 100;
    const std::string text(random_() % 1500, 'a');
    if (what < 3) {
      leave(player);
    } else if (what < 5) {
      const MemberId id = player.id;
      town_.stage.now([&] { town_.room->remove(id); });
    } else if (what < 8) {
      come_back(player);
    } else if (what < 16) {
      player.stream().set_max_sent(0);
    } else if (what < 24) {
      player.stream().set_max_sent(random_() % 3000);
    } else if (what < 30) {
      player.unblock();
    } else if (what < 35) {
      player.stream().set_max_per_send(400 + random_() % 1500);
    } else if (what < 75) {
      say(player, no_member, text);
    } else if (what < 85) {
      const Player& to = *players_[random_() % players_.size()];
      if (to.is_in()) say(player, to.id, text);
    } else if (what < 95) {
      publish(text);
    } else {
      rename(player, "r" + std::to_string(random_()));
    }
  }

  void publish(const std::string& text) {
    town_.stage.now([&] {
      if (!town_.room->publish(text)) return;
      Message message;
      message.kind = MessageKind::notice;
      message.text = text;
      note(town_.room->newest().sequence, message);
    });
  }

  void say(Player& player, MemberId to, const std::string& text) {
    Message message;
    message.kind = to == no_member ? MessageKind::text : MessageKind::direct;
    message.sender = player.id;
    message.recipient = to;
    const Outcome* outcome = nullptr;
    if (player.place == 0) {
      outcome = to == no_member ? &town_.stage.say(player.person.member, text)
                                : &town_.stage.say_to(player.person.member, to, text);
    } else if (to == no_member) {
      outcome = &branch(player.place).say(player.remote, text);
    } else {
      outcome = &branch(player.place).say_to(player.remote, to, text);
    }
    pending_.push_back({outcome, message, player.name, text});
  }

  void rename(Player& player, const std::string& name) {
    settle();  // so that it is known what it has said under which name
    if (!player.is_in()) return;
    if (player.place == 0) {
      CHECK(player.person.member.rename(name).has_value());
    } else {
      const Outcome& renamed = branch(player.place).rename(player.remote, name);
      settle();
      CHECK(renamed.done);
      if (renamed.error) return;
    }
    player.name = name;
  }

  // Everything that was asked for is answered.
  void settle() {
    town_.turns(30);
    note_said();
    CHECK(pending_.empty());
  }

  void join(std::uint64_t after) {
    auto player = std::make_unique<Player>();
    player->place = static_cast<int>(random_() % 3);
    player->start = after + 1;
    player->name = "p" + std::to_string(++joined_);
    const JoinOptions options{.format = &full_, .after = ResumePoint{town_.room->newest().epoch, after}};
    std::error_code error;
    if (player->place == 0) {
      error = player->person.join(town_.stage, *town_.room, player->name, options);
    } else {
      const Outcome& joined = branch(player->place).join(player->remote, player->name, options);
      settle();
      REQUIRE(joined.done);
      error = joined.error;
    }
    if (error) {
      REQUIRE(error == Error::not_found);  // the log reaches back so far no more
      return;
    }
    player->id = player->place == 0 ? player->person.member.id() : player->remote.member.id();
    players_.push_back(std::move(player));
  }

  // Over another connection, on whichever loop, after the last message that was seen whole.
  void come_back(Player& player) {
    leave(player);
    const std::size_t end = player.got.rfind('\n');
    if (end == std::string::npos || end == 0) return;
    const std::size_t begin = player.got.rfind('\n', end - 1);
    ++moved_;
    join(std::stoull(player.got.substr(begin == std::string::npos ? 0 : begin + 1)));
  }

  void leave(Player& player) {
    if (player.over) return;
    ended_ += !player.is_in();
    player.over = true;
    if (player.place == 0) {
      town_.stage.now([&] { player.person.member = Member(); });
    } else {
      branch(player.place).drop(player.remote);
    }
    collect(player);
  }

  static void collect(Player& player) { player.got += player.stream().take_sent(); }

  void note(std::uint64_t sequence, Message message) {
    message.sequence = sequence;
    REQUIRE(records_.count(sequence) == 0);
    records_[sequence] = {message.sender, message.recipient, FullLines::line(message)};
  }
  void note_said() {
    std::erase_if(pending_, [&](Pending& said) {
      if (!said.outcome->done) return false;
      if (!said.outcome->error) {
        said.message.name = said.name;
        said.message.text = said.text;
        note(said.outcome->sequence, said.message);
      }
      return true;
    });
  }

  // Line by line: each is the next record that the player is to get, or says exactly how many are left out.
  void compare(const Player& player) {
    const bool complete = player.is_in();
    std::uint64_t next = player.start;
    const auto visible_until = [&](std::uint64_t end) {
      std::uint64_t count = 0;
      for (; next < end; ++next) {
        REQUIRE(records_.count(next) == 1);
        const Record& record = records_[next];
        const bool all = record.recipient == no_member && (echo_ || record.sender != player.id);
        count += all || record.recipient == player.id;
      }
      return count;
    };
    std::string_view rest = player.got;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      if (end == rest.npos) {
        CHECK_FALSE(complete);
        return;
      }
      const std::string line(rest.substr(0, end + 1));
      rest.remove_prefix(line.size());
      const std::uint64_t sequence = std::stoull(line);
      if (line.find(" missed 0>") == line.find(' ')) {
        const std::uint64_t told = std::stoull(line.substr(line.find(": ") + 2));
        REQUIRE(visible_until(sequence + 1) == told);
        told_missed_ += told;
        continue;
      }
      ++lines_;
      REQUIRE(visible_until(sequence) == 0);
      REQUIRE(visible_until(sequence + 1) == 1);
      if (line != records_[sequence].line) {
        FAIL("expected " << records_[sequence].line.substr(0, 40) << " got " << line.substr(0, 40));
      }
    }
    if (complete) REQUIRE(visible_until(records_.size() + 1) == 0);
  }

  struct Record {
    MemberId sender = no_member;
    MemberId recipient = no_member;
    std::string line;
  };

  std::mt19937 random_;
  bool echo_;
  FullLines full_;
  Town town_;
  std::map<std::uint64_t, Record> records_;
  std::vector<Pending> pending_;
  std::vector<std::unique_ptr<Player>> players_;
  std::uint64_t lines_ = 0;
  std::uint64_t told_missed_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t moved_ = 0;
  int joined_ = 0;
};

}  // namespace

TEST_CASE("loops that turn at random: nothing is lost or torn, nothing comes twice; those too slow are ended") {
  std::uint64_t moved = 0;
  std::uint64_t ended = 0;
  std::uint64_t too_slow = 0;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    TownModel model(seed, SlowPolicy::disconnect, seed % 2 == 0);
    model.play(1500);
    CHECK(model.told_missed() == 0);
    moved += model.moved();
    too_slow += model.too_slow();
    ended += model.ended();
  }
  CHECK(moved > 50);
  CHECK(ended > 50);
  CHECK(too_slow > 10);
}

TEST_CASE("loops that turn at random: nothing is lost or torn, nothing comes twice; those too slow skip") {
  std::uint64_t missed = 0;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    TownModel model(seed, SlowPolicy::skip, seed % 2 == 0);
    model.play(1500);
    missed += model.told_missed();
  }
  CHECK(missed > 100);
}
