// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the tests of rooms on several loops share: loops on one thread, whose turns the test makes, and people on them.

#include <parley/chat/room_home.hpp>
#include <parley/chat/room_replica.hpp>

#include "harness.hpp"

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chat_test {

/// Somebody on another loop than the home's.
struct RemotePerson {
  std::string got() { return stream.take_sent(); }
  void block() { stream.set_max_sent(0); }
  void unblock() { stream.set_max_sent(std::size_t{1} << 30); }

  MemoryStream stream{{.max_sent = std::size_t{1} << 30}};
  RemoteMember member;
};

/// A loop with a replica of the room.
class Branch {
 public:
  explicit Branch(const RoomDoor& door) { open(door); }
  ~Branch() {
    stage.now([&] {
      tasks_.reset();
      room.reset();
    });
  }
  void open(const RoomDoor& door) {
    stage.now([&] { room.emplace(door); });
  }

  Outcome& join(RemotePerson& person, std::string_view name, const JoinOptions& options = {},
                Duration within = Duration::max()) {
    return start(
        [&, within](Outcome& outcome) { return joining(*room, person, std::string(name), options, within, outcome); });
  }
  Outcome& say(RemotePerson& person, std::string_view text, Duration within = Duration::max()) {
    return start([&, within](Outcome& outcome) { return saying(person, std::string(text), within, outcome); });
  }
  Outcome& say_to(RemotePerson& person, MemberId to, std::string_view text) {
    return start([&, to](Outcome& outcome) { return saying_to(person, to, std::string(text), outcome); });
  }
  Outcome& tell(RemotePerson& person, std::string_view text) {
    return start([&](Outcome& outcome) { return telling(person, std::string(text), outcome); });
  }
  Outcome& announce(RemotePerson& person, std::string_view text) {
    return start([&](Outcome& outcome) { return announcing(person, std::string(text), outcome); });
  }
  Outcome& rename(RemotePerson& person, std::string_view name) {
    return start([&](Outcome& outcome) { return renaming(person, std::string(name), outcome); });
  }
  Outcome& leave(RemotePerson& person, Duration within = Duration::max()) {
    return start([&, within](Outcome& outcome) { return leaving(person, within, outcome); });
  }
  Outcome& attach(RemotePerson& person, MemoryStream& stream, const ResumePoint& after) {
    return start([&](Outcome& outcome) { return attaching(person, stream, after, outcome); });
  }
  void drop(RemotePerson& person) {
    stage.now([&] { person.member = RemoteMember(); });
  }
  void stop_tasks() {
    tasks_->cancel();
    stage.turns();
  }
  void destroy_tasks() {
    stage.now([&] {
      tasks_.reset();
      tasks_.emplace();
    });
  }

  Stage stage;
  std::optional<RoomReplica> room;

 private:
  template <class Make>
  Outcome& start(Make make) {
    Outcome& outcome = outcomes_.emplace_back();
    stage.now([&] { tasks_->spawn(make(outcome)); });
    return outcome;
  }
  static Task<> joining(RoomReplica& room, RemotePerson& person, std::string name, JoinOptions options, Duration within,
                        Outcome& outcome) {
    auto joined = co_await room.join(person.stream, name, options).within(within);
    if (joined) person.member = std::move(*joined);
    outcome = {true, joined.error(), 0};
  }
  static Task<> saying(RemotePerson& person, std::string text, Duration within, Outcome& outcome) {
    const auto said = co_await person.member.say(text).within(within);
    outcome = {true, said.error(), said ? *said : 0};
  }
  static Task<> saying_to(RemotePerson& person, MemberId to, std::string text, Outcome& outcome) {
    const auto said = co_await person.member.say_to(to, text);
    outcome = {true, said.error(), said ? *said : 0};
  }
  static Task<> telling(RemotePerson& person, std::string text, Outcome& outcome) {
    const auto told = co_await person.member.tell(text);
    outcome = {true, told.error(), 0};
  }
  static Task<> announcing(RemotePerson& person, std::string text, Outcome& outcome) {
    const auto told = co_await person.member.announce(text);
    outcome = {true, told.error(), 0};
  }
  static Task<> renaming(RemotePerson& person, std::string name, Outcome& outcome) {
    const auto renamed = co_await person.member.rename(name);
    outcome = {true, renamed.error(), 0};
  }
  static Task<> leaving(RemotePerson& person, Duration within, Outcome& outcome) {
    const auto left = co_await person.member.leave().within(within);
    outcome = {true, left.error(), 0};
  }
  static Task<> attaching(RemotePerson& person, MemoryStream& stream, ResumePoint after, Outcome& outcome) {
    const auto attached = co_await person.member.attach(stream, after);
    outcome = {true, attached.error(), 0};
  }

  std::deque<Outcome> outcomes_;
  std::optional<Scope> tasks_{std::in_place};
};

/// A room with its home, and two other loops.
class Town {
 public:
  explicit Town(const RoomOptions& options = {}) {
    room.emplace(options);
    stage.now([&] { home.emplace(*room); });
    for (auto& branch : branches) branch = std::make_unique<Branch>(home->door());
    turns();
  }
  ~Town() {
    for (auto& branch : branches) branch.reset();
    stage.now([&] {
      home.reset();
      room.reset();
    });
  }
  /// Each loop in turn.
  void turns(int count = 6) {
    while (count-- > 0) {
      stage.turn();
      for (auto& branch : branches) {
        if (branch != nullptr) branch->stage.turn();
      }
    }
  }
  void advance(Duration duration) {
    stage.clock().advance(duration);
    for (auto& branch : branches) branch->stage.clock().advance(duration);
    turns();
  }
  Branch& north() { return *branches[0]; }
  Branch& south() { return *branches[1]; }
  std::error_code join(Branch& branch, RemotePerson& person, std::string_view name, const JoinOptions& options = {}) {
    const Outcome& joined = branch.join(person, name, options);
    turns();
    return joined.done ? joined.error : make_error_code(Error::would_block_loop);
  }

  Stage stage;
  std::optional<ChatRoom> room;
  std::optional<RoomHome> home;
  std::array<std::unique_ptr<Branch>, 2> branches;
};

}  // namespace chat_test
