// SPDX-License-Identifier: BSL-1.0
#pragma once

// One connection to the chat: a name, then lines.

#include <parley/core/task_operation.hpp>
#include <parley/io/quiet_scope.hpp>
#include <parley/io/send_line.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "change_room.hpp"
#include "commands.hpp"
#include "server.hpp"
#include "server_line.hpp"

namespace tcp_chat {

/// Gets a person from a connection: by their name, or by the token of who they were before.
class Admission {
 public:
  Admission(Server& server, Connection peer)
      : server_(server),
        connection_(server.number_connection()),
        address_(server.options().quiet ? std::string() : peer.peer()),
        person_(std::make_unique<Person>(std::move(peer), server.options().max_line)) {}

  /// Null: nobody came in, and who it was has been told why.
  parley::Task<std::unique_ptr<Person>> person() {
    const auto timeout = std::chrono::seconds(server_.options().name_timeout_s);
    auto asked = co_await parley::as_operation(ask()).within(timeout);
    if (asked) co_return std::move(person_);
    if (asked.error() == parley::Error::timed_out) co_await tell("! no name came in time");
    if (asked.error() == parley::Error::too_long) co_await tell("! that is too long");
    if (asked.error() == parley::Error::cancelled) co_await tell("* the server is stopping");
    co_return nullptr;
  }

 private:
  static constexpr int most_attempts = 10;

  parley::Task<parley::Result<>> ask() {
    if (!server_.options().motd.empty()) co_await tell("* " + parley::make_printable(server_.options().motd));
    co_await tell(std::string(welcome_line));
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      const auto line = co_await person_->lines.next();
      if (!line) co_return line.error();
      const std::string answer(*line);
      const bool is_in = co_await come_in(answer);
      if (is_in) co_return parley::Result<>();
      if (over_) break;
    }
    co_return parley::Error::malformed;
  }

  parley::Task<bool> come_in(const std::string& answer) {
    const Line line = parse_line(answer);
    if (line.command == "resume") co_return co_await resume(line.text);
    if (line.command == "quit") {
      over_ = true;
      co_return false;
    }
    std::string name(line.command.empty() ? without_spaces_around(answer) : std::string_view());
    if (line.command == "numbered") {
      const FirstWord words = first_word(line.text);
      if (words.word != "1") co_return co_await refuse("this version of numbered lines is not known here");
      name = words.rest;
    } else if (!line.command.empty()) {
      co_return co_await refuse("say your name first");
    }
    if (const NameCheck check = check_name(name); !check) co_return co_await refuse(check.reason);
    if (const std::string why = server_.why_in_use(name); !why.empty()) co_return co_await refuse(why);
    if (server_.lobby().banned.contains(name_key(name))) co_return co_await refuse("this name is banned");
    co_return co_await enter(line.command == "numbered", name);
  }

  parley::Task<bool> enter(bool numbered, const std::string& name) {
    Room& lobby = server_.lobby();
    if (lobby.chat.size() >= lobby.chat.options().max_members) co_return co_await refuse(server_is_full);
    const Server::KeptName kept(server_, name);
    if (numbered) server_.give_token(*person_, connection_);
    over_ = !co_await introduce(*person_, lobby, name, lobby.chat.newest().sequence);
    log_with_address("connect", name);
    const auto entered = over_ ? parley::Result<>(parley::Error::closed) : server_.enter(*person_, lobby, name);
    if (!entered) {
      server_.drop_token(*person_);
      person_->extra.reset();
      co_return co_await refuse(entered.error().message());
    }
    server_.people().add(*person_);
    server_.tell_present_begins(*person_);
    server_.tell_joined(*person_);
    co_return true;
  }

  void log_with_address(std::string_view event, std::string_view name) {
    if (server_.options().quiet) return;
    server_.log().event(event, {{"name", name}, {"address", address_}});
  }

  // "/resume TOKEN EPOCH SEQUENCE", and "count" where the client wants to know how many lines were taken
  parley::Task<bool> resume(std::string_view text) {
    const FirstWord token = first_word(text);
    const FirstWord numbers = first_word(token.rest);
    Person* old = co_await find_resumable(token.word);
    if (old == nullptr) co_return co_await refuse("there is nothing to resume");
    over_ = server_.has_newer_connection(*old, connection_);
    if (over_) co_return co_await refuse(goes_on_elsewhere);
    const FirstWord sequence = first_word(numbers.rest);
    parley::ResumePoint after{number(numbers.word), number(sequence.word)};
    Room& room = *old->room;
    const std::string name(old->name());
    const bool has_moved = after.epoch != room.chat.newest().epoch;  // and has not heard of it
    if (has_moved) after = {room.chat.newest().epoch, old->extra->entered};
    server_.take_over(*old, *person_, connection_);
    person_->extra->wants_count = sequence.rest == "count";
    if (has_moved) {
      static_cast<void>(co_await introduce(*person_, room, name, after.sequence));
    } else {
      co_await tell(session_line(*person_, room, after.sequence, name));
    }
    if (!person_->member || person_->sent_away()) {
      over_ = true;  // meanwhile it went on over yet another connection, or was sent away
      if (person_->member) give_up_place();
      co_return false;
    }
    if (!attach(after)) {
      if (!attach(room.chat.newest())) {
        over_ = true;
        give_up_place();
        co_return false;
      }
      static_cast<void>(
          person_->member.tell("what was said meanwhile is not all here any more", parley::MessageKind::error));
    }
    if (has_moved && !person_->extra->moved_for.empty()) {
      static_cast<void>(person_->member.tell(person_->extra->moved_for, parley::MessageKind::error));
    }
    log_with_address("resume", name);
    co_return true;
  }

  // Null: nobody. A line that is just attended to over the older connection has its effect first, and is the last one
  // there: that takes as long as the rate and the others have it wait, or a change of rooms.
  parley::Task<Person*> find_resumable(std::string_view token) {
    for (;;) {
      Person* old = server_.find_token(token);
      if (old == nullptr || old == person_.get() || old->sent_away() || old->said_goodbye) co_return nullptr;
      if (server_.has_newer_connection(*old, connection_)) co_return old;
      if (!old->is_attended) co_return old->member ? old : nullptr;
      old->more().is_wanted = true;
      const bool settled = co_await server_.settled(std::string(token));
      if (!settled) co_return nullptr;
    }
  }
  bool attach(const parley::ResumePoint& after) {
    return person_->peer.with_stream([&](auto& stream) { return person_->member.attach(stream, after).has_value(); });
  }
  void give_up_place() {
    server_.drop_token(*person_);
    server_.people().remove(*person_);
    server_.forget_place(*person_);
  }

  static std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  parley::Task<bool> refuse(std::string_view why) {
    co_await tell("! " + std::string(why));
    co_return false;
  }
  parley::Task<> tell(std::string line) {
    static_cast<void>(co_await parley::send_line(person_->peer, line).stop({}).within(std::chrono::seconds(5)));
  }

  Server& server_;
  const std::uint64_t connection_;
  const std::string address_;  // asked for early, since it is lost with the connection; for the log
  std::unique_ptr<Person> person_;
  bool over_ = false;  // no further attempt
};

/// What a connection does from its line on that is not simply said: waits for the rate, carries out commands.
/// False: the connection ends.
inline parley::Task<bool> act_on(Server& server, Person& person, parley::Result<std::string_view> line) {
  if (!person.member || person.sent_away() || person.is_wanted()) co_return false;
  if (person.is_expelled()) {
    const bool is_there = co_await go_to_lobby(server, person);
    const bool was_woken = !line && line.error() == parley::Error::cancelled;
    const bool is_of_the_room = line && !line->starts_with('/');  // what was meant for it is not said in the lobby
    if (is_of_the_room) person.note_taken();
    if (!is_there || was_woken || is_of_the_room) co_return is_there;
  }
  if (!line) {
    if (line.error() == parley::Error::too_long) {
      server.send_away(person, "a line has at most " + std::to_string(server.options().max_line) + " bytes");
    } else if (line.error() == parley::Error::timed_out) {
      server.send_away(person, "nothing was said for too long");
    } else if (line.error() == parley::Error::truncated && !person.numbered()) {  // typed in a program that adds no end
      const parley::ConstBytes rest = person.lines.rest();
      line = std::string_view(reinterpret_cast<const char*>(rest.data()), rest.size());
      static_cast<void>(co_await act_on(server, person, line));
    }
    co_return false;
  }
  const Line parsed = parse_line(*line);
  if (!parsed.command.empty()) {
    Commands commands(server, person);
    co_return co_await commands.carry_out(parsed) && !person.sent_away();
  }
  if (parsed.text.empty()) {
    person.note_taken();
    co_return true;
  }
  if (person.room->muted.contains(name_key(person.name()))) {
    person.note_taken();
    static_cast<void>(person.member.tell("you are muted", parley::MessageKind::error));
    co_return true;
  }
  const auto said = co_await person.member.say(parsed.text);
  if (!said) co_return false;
  person.note_taken();
  server.log_message(person, parsed.text);
  co_return true;
}

/// The end of a connection: the person goes, is told why, or stays for a while to come back.
inline parley::Task<> depart(Server& server, std::unique_ptr<Person> person, parley::EndReason reason) {
  if (!person->member) co_return server.drop_token(*person);  // went on over another connection, or found no room
  const bool may_return =
      person->numbered() && !person->said_goodbye && !person->sent_away() && (reason == parley::EndReason::none);
  if (may_return) co_return server.keep_away(std::move(person));
  const std::string why = person->sent_away()                     ? person->extra->why
                          : reason == parley::EndReason::too_slow ? "too slow"
                                                                  : "";
  server.drop_token(*person);  // first: from here on nobody takes their place over
  if (person->sent_away()) static_cast<void>(person->member.tell(why, parley::MessageKind::error));
  server.people().remove(*person);  // before anybody hears of it, so that the name is free by then
  server.tell_left(*person, why);
  // What they have asked for last is still answered.
  static_cast<void>(co_await person->member.leave().stop({}).within(std::chrono::seconds(2)));
  if (person->numbered() && person->sent_away()) {
    static_cast<void>(co_await parley::send_line(person->peer, end_line).stop({}).within(std::chrono::seconds(2)));
  }
  server.forget_place(*person);
}

/// How the lines of those who are in are attended to (parley::QuietScope).
class Attendance {
 public:
  explicit Attendance(Server& server) : server_(server) {}

  /// True: said, and nothing had to be waited for. The usual case.
  bool attend_at_once(Person& person, std::string_view line) noexcept {
    if (line.empty() || line.front() == '/' || !person.member || person.sent_away()) return false;
    if (person.is_expelled() || person.is_wanted()) return false;
    if (!person.room->muted.empty() || server_.options().log_messages) return false;
    if (!person.member.try_say(line)) return false;
    person.note_taken();
    return true;
  }

  /// The person, unless they have departed.
  parley::Task<std::unique_ptr<Person>> attend(std::unique_ptr<Person> person, parley::Result<std::string_view> line) {
    person->is_attended = true;
    bool stays = co_await act_on(server_, *person, line);
    if (stays && person->is_expelled()) stays = co_await go_to_lobby(server_, *person);  // meanwhile
    person->is_attended = false;
    if (stays && !person->is_wanted() && person->member && !person->sent_away()) co_return std::move(person);
    const parley::EndReason reason = person->member.reason();
    co_await depart(server_, std::move(person), reason);
    co_return nullptr;
  }

 private:
  Server& server_;
};

using Sessions = parley::QuietScope<Person, Attendance>;

/// Lets somebody in.
inline parley::Task<> arrive(Server& server, Sessions& sessions, Connection peer) {
  Admission admission(server, std::move(peer));
  std::unique_ptr<Person> person = co_await admission.person();
  // Until they wait for a line nothing wakes them, whatever has happened since they came in.
  if (person != nullptr && (!person->member || person->sent_away() || person->is_expelled())) {
    Attendance attendance(server);
    person = co_await attendance.attend(std::move(person), parley::Error::cancelled);
  }
  if (person != nullptr) sessions.keep(std::move(person));
}

}  // namespace tcp_chat
