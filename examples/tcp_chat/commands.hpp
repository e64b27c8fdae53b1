// SPDX-License-Identifier: BSL-1.0
#pragma once

// The commands that clients have.

#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "../common/text.hpp"
#include "change_room.hpp"
#include "command_line.hpp"
#include "server.hpp"
#include "server_line.hpp"

namespace tcp_chat {

/// Carries out one person's commands. Answers go to that person in order with what is said.
class Commands {
 public:
  Commands(Server& server, Person& person) : server_(server), person_(person) {}

  /// False: the person wants to go, or cannot be reached any more.
  parley::Task<bool> carry_out(Line line) {
    const std::string command = common::small_letters(line.command);
    if (command == "quit") {
      person_.said_goodbye = true;
      co_return false;
    }
    // Commands are limited as what is said is (--rate), but counted for themselves.
    const parley::RateLimit limit = server_.rate_limit();
    while (!limit.try_take(person_.more().commands, parley::Clock::now())) {
      const auto waited = co_await parley::sleep(limit.due(person_.more().commands) - parley::Clock::now());
      if (!waited || !person_.member || person_.sent_away()) co_return false;
    }
    person_.note_taken();
    if (command == "join" || command == "leave") {
      const std::string room = command == "join" ? room_to_go_to(line.text) : way_back();
      if (room.empty()) co_return true;
      co_return co_await change_room(server_, person_, room, "went to " + room);
    }
    if (command == "msg") {
      co_await message(first_word(line.text));
      co_return true;
    }
    if (command == "me") {
      co_await act(line.text);
      co_return true;
    }
    at_once(command, line);
    co_return true;
  }

 private:
  using Handler = void (Commands::*)(std::string_view);
  struct Entry {
    std::string_view name;
    std::string_view usage;
    std::string_view meaning;
    Handler handler;  // null: in carry_out()
  };
  static constexpr std::array<Entry, 20> table();

  void at_once(std::string_view command, Line line) {
    for (const Entry& entry : table()) {
      if (entry.name == command && entry.handler != nullptr) return (this->*entry.handler)(line.text);
    }
    const std::string_view name = line.command == " " ? "" : line.command;
    refuse("there is no command /" + std::string(name) + "; /help tells which there are");
  }

  void tell(std::string_view text) { static_cast<void>(person_.member.tell(text)); }
  void refuse(std::string_view why) { static_cast<void>(person_.member.tell(why, parley::MessageKind::error)); }
  Room& room() { return *person_.room; }
  std::string own_name() const { return std::string(person_.name()); }

  /// Refuses where the person does not operate the room.
  bool may_operate() {
    if (room().is_operator(person_)) return true;
    refuse("only operators of " + room().name + " can do that");
    return false;
  }
  /// Refuses where nobody of that name is in the room.
  Person* somebody_here(std::string_view name) {
    Person* other = server_.people().find(name);
    if (other != nullptr && other->room == person_.room) return other;
    refuse(name.empty() ? "say whom" : "there is no " + std::string(name) + " in " + room().name);
    return nullptr;
  }
  void announce(const std::string& text) { static_cast<void>(room().chat.publish(text)); }

  void help(std::string_view) {
    tell("what you type is said to all in the room; // at the beginning says a /");
    for (const Entry& entry : table()) {
      tell('/' + std::string(entry.name) + (entry.usage.empty() ? "" : " ") + std::string(entry.usage) + ": " +
           std::string(entry.meaning));
    }
  }

  void nick(std::string_view name) {
    if (name.empty()) return refuse("say which name");
    if (const NameCheck check = check_name(name); !check) return refuse(check.reason);
    const bool is_own = server_.people().find(name) == &person_;
    if (const std::string why = server_.why_in_use(name); !is_own && !why.empty()) return refuse(why);
    if (is_banned_here(name) && !person_.is_operator) return refuse("this name is banned here");
    if (room().muted.contains(name_key(own_name()))) return refuse("you are muted here, and keep your name");
    const std::string before = own_name();
    server_.people().remove(person_);
    const auto renamed = person_.member.rename(name);
    server_.people().add(person_);
    if (!renamed) return refuse(renamed.error().message());
    server_.log().event("rename", {{"name", before}, {"to", name}});
    announce(before + " is now " + own_name());
  }

  void rooms(std::string_view) {
    constexpr std::size_t most = 100;
    std::size_t shown = 0;
    for (const auto& [key, one] : server_.rooms()) {
      if (++shown > most) break;
      tell(one->name + ": " + std::to_string(one->present) + (one->topic.empty() ? "" : ", " + one->topic));
    }
    if (server_.rooms().size() > most) tell("and " + std::to_string(server_.rooms().size() - most) + " more");
  }

  void who(std::string_view) {
    constexpr std::size_t most = 200;
    std::size_t shown = 0;
    std::string line = room().name + ":";
    room().chat.for_each([&](parley::MemberId id, std::string_view name) {
      if (++shown > most) return;
      if (line.size() > 400) tell(std::exchange(line, room().name + ":"));
      line += ' ' + std::string(room().operators.contains(id) ? "@" : "") + std::string(name);
    });
    if (shown > most) line += " and " + std::to_string(shown - most) + " more";
    tell(line);
  }

  void topic(std::string_view text) {
    if (text.empty()) return tell(room().topic.empty() ? "there is no topic" : "topic: " + room().topic);
    if (!may_operate()) return;
    constexpr std::size_t most = 400;  // bytes
    room().topic = parley::make_printable(text.substr(0, common::complete_utf8(text.substr(0, most))));
    announce(own_name() + " set the topic: " + room().topic);
  }

  void history(std::string_view text) {
    std::size_t count = 20;
    if (!text.empty() && (!parse_number(text, count) || count == 0)) return refuse("say how many, at least 1");
    count = std::min<std::size_t>(count, 200);
    std::vector<std::string> lines;
    room().chat.for_each_recent(count, [&](const parley::Message& message) {
      lines.push_back(clock_time(message.time_ms) + " <" + std::string(message.name) + "> " +
                      std::string(message.text));
    });
    for (const std::string& line : lines) tell(line);
    if (lines.empty()) tell("nothing has been said yet");
  }

  void ping(std::string_view text) { tell(text.empty() ? "pong" : "pong " + std::string(text)); }

  void oper(std::string_view password) {
    if (password.empty()) return refuse("say the password");  // which is no wrong one
    constexpr std::uint8_t most_attempts = PasswordAttempts::most_wrong;
    PasswordAttempts& attempts = server_.password_attempts();
    const std::string address = person_.peer.peer();
    const auto now = parley::Clock::now();
    const auto may_try = [&] { return person_.wrong_passwords < most_attempts && attempts.may_try(address, now); };
    if (!may_try()) return refuse("too many wrong passwords; try again later");
    if (server_.password().matches(password)) {
      person_.is_operator = true;
      server_.log().event("operator", {{"name", own_name()}});
      return tell("you are an operator of this server");
    }
    ++person_.wrong_passwords;
    attempts.note_wrong(address, now);
    server_.log().event("wrong-password", {{"name", own_name()}, {"address", address}});
    refuse("wrong password");
    if (!may_try()) server_.send_away(person_, "too many wrong passwords");
  }

  void op(std::string_view name) {
    Person* other = may_operate() ? somebody_here(name) : nullptr;
    if (other == nullptr) return;
    room().operators.insert(other->member.id());
    announce(own_name() + " made " + std::string(other->name()) + " an operator");
  }
  void deop(std::string_view name) {
    Person* other = may_operate() ? somebody_here(name) : nullptr;
    if (other == nullptr) return;
    room().operators.erase(other->member.id());
    announce(own_name() + " made " + std::string(other->name()) + " no operator");
  }

  void kick(std::string_view text) {
    const FirstWord words = first_word(text);
    Person* other = may_operate() ? somebody_here(words.word) : nullptr;
    if (other == nullptr) return;
    if (is_leaving(*other)) return refuse(std::string(other->name()) + " is leaving");
    end_stay(*other, "kicked", words.rest);
  }
  void ban(std::string_view text) {
    if (!may_operate()) return;
    const FirstWord words = first_word(text);
    const std::string key = name_key(words.word);
    if (key.empty()) return refuse(words.word.empty() ? "say whom" : "that is no name");
    if (room().banned.size() >= max_list) return refuse("too many are banned");
    room().banned.insert(key);
    Person* other = server_.people().find(words.word);
    const bool is_affected = other != nullptr && (is_lobby(room()) || other->room == person_.room);
    if (is_affected && !is_leaving(*other)) return end_stay(*other, "banned", words.rest);
    server_.log().event("banned", {{"room", room().name}, {"name", words.word}, {"by", own_name()}});
    announce(own_name() + " banned " + std::string(words.word) + because(words.rest));
  }
  void unban(std::string_view name) {
    if (!may_operate()) return;
    if (name.empty()) return refuse("say whom");
    if (room().banned.erase(name_key(name)) == 0) return refuse("nobody of this name is banned");
    announce(own_name() + " lets " + std::string(name) + " in again");
  }
  void mute(std::string_view name) {
    Person* other = may_operate() ? somebody_here(name) : nullptr;
    if (other == nullptr) return;
    if (room().muted.size() >= max_list) return refuse("too many are muted");
    room().muted.insert(name_key(other->name()));
    announce(own_name() + " muted " + std::string(other->name()));
  }
  void unmute(std::string_view name) {
    if (!may_operate()) return;
    if (name.empty()) return refuse("say whom");
    if (room().muted.erase(name_key(name)) == 0) return refuse("nobody of this name is muted");
    announce(own_name() + " lets " + std::string(name) + " speak again");
  }

  bool is_lobby(const Room& one) const { return &one == &server_.lobby(); }
  // Who is banned from the lobby is so from the server.
  bool is_banned_here(std::string_view name) {
    return room().banned.contains(name_key(name)) || server_.lobby().banned.contains(name_key(name));
  }

  // Their stay here has been ended for a reason, which they will be told: it is not replaced by another.
  bool is_leaving(const Person& other) { return other.sent_away() || (other.is_expelled() && !is_lobby(room())); }
  static std::string because(std::string_view why) { return why.empty() ? std::string() : ": " + std::string(why); }
  // Of this room; of the lobby, with the connection.
  void end_stay(Person& other, const std::string& what, std::string_view why) {
    const std::string reason = what + " by " + own_name() + because(why);
    server_.log().event(what, {{"room", room().name}, {"name", other.name()}, {"by", own_name()}});
    if (is_lobby(room())) return server_.send_away(other, reason);
    server_.expel(other, reason);
  }

  // Empty, both: refused.
  std::string way_back() {
    if (person_.room != &server_.lobby()) return room_to_go_to(Server::lobby_name);
    refuse("this is the lobby; /quit goes away");
    return {};
  }
  std::string room_to_go_to(std::string_view text) {
    const std::string_view wanted = room_name(text);
    const NameCheck check = check_room(wanted);
    if (!check) refuse(wanted.empty() ? std::string_view("say which room") : check.reason);
    if (!check) return {};
    const auto found = server_.rooms().find(name_key(wanted));
    if (found == server_.rooms().end()) {
      if (server_.rooms().size() < Server::max_rooms) return std::string(wanted);
      refuse(too_many_rooms);
    } else if (found->second.get() == person_.room) {
      refuse(already_there);
    } else if (found->second->banned.contains(name_key(own_name())) && !person_.is_operator) {
      refuse("you are banned there");
    } else {
      return found->second->name;
    }
    return {};
  }

  parley::Task<> message(FirstWord words) {
    if (words.word.empty()) co_return refuse("say whom, and what");
    Person* other = server_.people().find(words.word);
    if (other == nullptr || other->room == nullptr)
      co_return refuse("there is no " + std::string(words.word) + " here");
    if (words.rest.empty()) co_return refuse("say what");
    if (other->room == person_.room) {
      const auto said = co_await person_.member.say_to(other->member.id(), words.rest);
      if (!said) refuse(said.error().message());
      co_return;
    }
    if (!other->room->chat.say_to(other->member.id(), own_name(), words.rest)) refuse("that could not be sent");
  }

  parley::Task<> act(std::string_view text) {
    if (text.empty()) co_return refuse("say what you do");
    if (room().muted.contains(name_key(own_name()))) co_return refuse("you are muted");
    const std::string action = "*" + std::string(text) + "*";
    const auto said = co_await person_.member.say(action);
    if (!said) co_return refuse(said.error().message());
    server_.log_message(person_, action);
  }

  static std::string clock_time(std::int64_t time_ms) {
    const auto seconds = static_cast<std::time_t>(time_ms / 1000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    char text[16];
    return std::string(text, std::strftime(text, sizeof text, "%H:%M", &parts));
  }

  static constexpr std::size_t max_list = 1000;
  Server& server_;
  Person& person_;
};

constexpr std::array<Commands::Entry, 20> Commands::table() {
  return {{{"help", "", "this list", &Commands::help},
           {"nick", "NAME", "changes your name", &Commands::nick},
           {"join", "ROOM", "goes to a room, and opens it if need be", nullptr},
           {"leave", "", "goes back to the lobby", nullptr},
           {"rooms", "", "which rooms there are", &Commands::rooms},
           {"who", "", "who is in the room", &Commands::who},
           {"msg", "NAME TEXT", "says something to one person", nullptr},
           {"me", "ACTION", "says what you do", nullptr},
           {"topic", "[TEXT]", "shows or sets the topic", &Commands::topic},
           {"history", "[N]", "what was said last", &Commands::history},
           {"ping", "[TEXT]", "whether the server answers", &Commands::ping},
           {"quit", "", "goes away", nullptr},
           {"oper", "PASSWORD", "makes you an operator of the server", &Commands::oper},
           {"op", "NAME", "makes somebody an operator of the room", &Commands::op},
           {"deop", "NAME", "takes that back", &Commands::deop},
           {"kick", "NAME [WHY]", "sends somebody to the lobby; from there, away", &Commands::kick},
           {"ban", "NAME [WHY]", "the same, and lets nobody of that name in", &Commands::ban},
           {"unban", "NAME", "takes that back", &Commands::unban},
           {"mute", "NAME", "lets somebody say nothing", &Commands::mute},
           {"unmute", "NAME", "takes that back", &Commands::unmute}}};
}

}  // namespace tcp_chat
