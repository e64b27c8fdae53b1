// SPDX-License-Identifier: BSL-1.0
#pragma once

// The state of the chat: rooms, people, and those who are away and may come back.

#include <parley/core/channel.hpp>
#include <parley/core/rate_limit.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/send_line.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "../common/event_log.hpp"
#include "../common/password.hpp"
#include "directory.hpp"
#include "numbered_lines.hpp"
#include "password_attempts.hpp"
#include "room.hpp"
#include "server_line.hpp"
#include "server_options.hpp"
#include "token.hpp"

namespace tcp_chat {

class Server {
 public:
  static constexpr std::string_view lobby_name = "lobby";
  static constexpr std::size_t max_rooms = 1000;

  Server(const ServerOptions& options, std::string password, std::size_t max_clients)
      : options_(options),
        password_(std::move(password)),
        max_clients_(max_clients),
        log_(options.log == "json", options.quiet),
        lobby_(*open_room(lobby_name)) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const ServerOptions& options() const { return options_; }
  common::EventLog& log() { return log_; }
  Directory& people() { return people_; }
  Room& lobby() { return lobby_; }
  const std::map<std::string, std::unique_ptr<Room>>& rooms() const { return rooms_; }
  std::size_t max_clients() const { return max_clients_; }
  const common::Password& password() const { return password_; }
  PasswordAttempts& password_attempts() { return password_attempts_; }
  parley::Scope& tasks() { return tasks_; }
  parley::RateLimit rate_limit() const { return parley::RateLimit(options_.rate, options_.rate); }
  parley::Duration idle_timeout() const {
    return options_.idle_timeout_s == 0 ? parley::Duration::max() : std::chrono::seconds(options_.idle_timeout_s);
  }

  /// The room, opened if need be; null when there are too many.
  Room* open_room(std::string_view name) {
    const auto found = rooms_.find(name_key(name));
    if (found != rooms_.end()) return found->second.get();
    if (is_stopping_ || rooms_.size() >= max_rooms) return nullptr;
    if (!rooms_.empty()) log_.event("open", {{"room", name}});
    return rooms_.emplace(name_key(name), std::make_unique<Room>(std::string(name), room_options()))
        .first->second.get();
  }
  /// Rooms that nobody is in, nor about to be, are closed; while the server stops they stay, for they are being closed.
  void close_if_empty(Room& room) {
    if (room.present != 0 || &room == &lobby_ || is_stopping_) return;
    log_.event("close", {{"room", room.name}});
    add_to(past_, room.chat.counters());
    rooms_.erase(name_key(room.name));
  }

  /// Why nobody else can have the name: somebody has it, or keeps it while they are away or go from one room to another.
  /// Empty: it is free.
  std::string why_in_use(std::string_view name) const {
    const Person* const person = people_.find(name);
    if (person == nullptr && !kept_names_.contains(name_key(name))) return {};
    std::string why = "somebody has this name, or one that looks like it";
    if (person == nullptr || !is_away(*person)) return why;
    return why += "; they have lost the connection: unless they come back, it is free in " +
                  std::to_string(options_.resume_timeout_s) + " s";
  }
  /// Keeps the name for who has no place in a room at the moment.
  class KeptName {
   public:
    KeptName(Server& server, std::string_view name) : server_(server), key_(name_key(name)) {
      server_.kept_names_.insert(key_);
    }
    KeptName(const KeptName&) = delete;
    KeptName& operator=(const KeptName&) = delete;
    ~KeptName() { server_.kept_names_.erase(key_); }

   private:
    Server& server_;
    const std::string key_;
  };

  /// Makes the person a member of the room, where nobody has been told yet. The stream is free.
  parley::Result<> enter(Person& person, Room& room, std::string_view name) {
    parley::JoinOptions join;
    if (person.numbered()) {
      join.format = &numbered_lines;
      join.stays_when_broken = true;
      person.extra->entered = room.chat.newest().sequence;
    }
    auto member = person.peer.with_stream([&](auto& stream) { return room.chat.join(stream, name, join); });
    if (!member) return member.error();
    person.member = std::move(*member);
    person.room = &room;
    ++room.present;
    if (room.present == 1 && &room != &lobby_) room.operators.insert(person.member.id());
    log_.event("join", {{"room", room.name}, {"name", person.name()}});
    return {};
  }

  /// The person's member has left, or is about to. Rooms that nobody is in are closed.
  void forget_place(Person& person) {
    Room& room = *person.room;
    log_.event("leave", {{"room", room.name}, {"name", person.name()}});
    room.operators.erase(person.member.id());
    if (person.extra != nullptr) person.extra->expelled.clear();
    person.member = parley::Member();
    person.room = nullptr;
    --room.present;
    close_if_empty(room);
  }

  /// Behind what they are shown of what was said before they came, where there is any.
  void tell_present_begins(Person& person) {
    if (options_.history == 0 || person.room->is_big()) return;
    bool has_past = false;
    person.room->chat.for_each_recent(1, [&](const parley::Message&) { has_past = true; });
    if (has_past) static_cast<void>(person.member.tell(present_begins));
  }
  void tell_joined(Person& person) {
    Room& room = *person.room;
    if (room.is_big()) return sum_up(room, room.joined);
    static_cast<void>(person.member.announce(std::string(person.name()) + " joined"));
  }
  void tell_left(Person& person, std::string_view why = {}) {
    Room& room = *person.room;
    if (room.is_big()) return sum_up(room, room.left);
    const std::string text = std::string(person.name()) + " left" + (why.empty() ? "" : " (" + std::string(why) + ")");
    // Whose connection broke, or who was too slow, is no member any more, and cannot say so.
    if (!person.member.announce(text)) static_cast<void>(room.chat.publish(text));
  }

  /// Where messages are logged.
  void log_message(const Person& person, std::string_view text) {
    if (!options_.log_messages || person.room == nullptr) return;
    log_.event("message", {{"room", person.room->name}, {"name", person.name()}, {"text", text}});
  }

  /// Sends the person away as soon as they have been told why.
  void send_away(Person& person, std::string why) {
    if (is_away(person)) return let_go(resumable_.find(person.extra->token), why);
    person.more().why = std::move(why);
    person.peer.cancel_receive();
  }
  /// Sends the person to the lobby as soon as they have been told why. Who is away is there at once.
  void expel(Person& person, std::string why) {
    person.more().expelled = std::move(why);
    if (is_away(person)) return move_to_lobby(person);
    person.peer.cancel_receive();
  }

  // Coming back.

  /// The number of a connection that was just accepted: newer ones have higher numbers.
  std::uint64_t number_connection() { return ++connections_; }

  std::string give_token(Person& person, std::uint64_t connection) {
    person.more().token = make_token();
    person.extra->connection = connection;
    resumable_[person.extra->token] = {&person, nullptr, {}};
    return person.extra->token;
  }
  /// The person whose token it is: connected, or away.
  Person* find_token(std::string_view token) {
    const auto found = resumable_.find(std::string(token));
    return found == resumable_.end() ? nullptr : found->second.person;
  }
  /// The connection is gone; the person stays for a while.
  void keep_away(std::unique_ptr<Person> person) {
    person->member.make_absent();
    person->peer.close();
    const std::string token = person->extra->token;
    Resumable& entry = resumable_[token];
    entry.expires = parley::Clock::now() + std::chrono::seconds(options_.resume_timeout_s);
    entry.away = std::move(person);
    ++away_;
    if (entry.person->is_expelled()) move_to_lobby(*entry.person);
    tell_settled(token);
  }
  /// Whether the person is there over a newer connection than that one. Then that one has been given up by its client,
  /// though what it said last may be heard of only now.
  bool has_newer_connection(const Person& person, std::uint64_t connection) const {
    return person.numbered() && person.extra->connection > connection && !is_away(person);
  }
  /// Everything that the old person is goes over to the new one, who has another connection.
  void take_over(Person& old, Person& now, std::uint64_t connection) {
    people_.remove(old);
    now.member = std::move(old.member);
    now.room = std::exchange(old.room, nullptr);
    now.is_operator = old.is_operator;
    now.wrong_passwords = old.wrong_passwords;
    now.more().token = old.extra->token;
    now.extra->connection = connection;
    now.extra->taken = old.extra->taken;
    now.extra->entered = old.extra->entered;
    now.extra->expelled = std::move(old.extra->expelled);
    now.extra->moved_for = std::move(old.extra->moved_for);
    now.member.make_absent();  // until it is attached; the old connection may go away before
    people_.add(now);
    Resumable& entry = resumable_[now.extra->token];
    entry.person = &now;
    if (entry.away != nullptr) {
      --away_;
      entry.away.reset();
    } else {
      old.peer.cancel_receive();
    }
  }
  /// Nobody can come back with it any more.
  void drop_token(Person& person) {
    if (!person.numbered()) return;
    const auto found = resumable_.find(person.extra->token);
    if (found != resumable_.end() && found->second.person == &person) resumable_.erase(found);
    tell_settled(person.extra->token);
  }

  /// Waits until the person with that token is away or can come back no more. False: stopped.
  parley::Task<bool> settled(std::string token) {
    parley::Channel<int> told(1);
    const Waiting waiting(waiting_, token, told);
    const auto heard = co_await told.receive();
    co_return heard.has_value();
  }
  void tell_settled(const std::string& token) {
    const auto [begin, end] = waiting_.equal_range(token);
    for (auto it = begin; it != end; ++it) static_cast<void>(it->second->try_send(0));
  }
  std::size_t away() const { return away_; }

  /// Lets those go who have been away too long. Runs until it is stopped.
  parley::Task<> sweep() {
    const auto pause =
        std::chrono::milliseconds(std::clamp<std::uint64_t>(std::uint64_t{options_.resume_timeout_s} * 100, 100, 5000));
    while (co_await parley::sleep(pause)) {
      const auto now = parley::Clock::now();
      for (auto it = resumable_.begin(); it != resumable_.end();) {
        const auto here = it++;
        if (here->second.away != nullptr && here->second.expires <= now) let_go(here, "connection lost");
      }
    }
  }

  /// Has everybody told, and waits until they have got it.
  parley::Task<> say_goodbye() {
    is_stopping_ = true;
    parley::Scope closing;
    for (auto& [key, room] : rooms_) {
      static_cast<void>(room->chat.publish(server_is_stopping));
      closing.spawn(close_room(*room));
    }
    static_cast<void>(co_await closing.join().stop({}));
  }

  parley::RoomCounters totals() const {
    parley::RoomCounters sum = past_;
    for (const auto& [key, room] : rooms_) add_to(sum, room->chat.counters());
    return sum;
  }
  void log_stats() {
    const parley::RoomCounters sum = totals();
    log_.event("stats", {{"clients", std::to_string(people_.size() - away_)},
                         {"away", std::to_string(away_)},
                         {"rooms", std::to_string(rooms_.size())},
                         {"messages", std::to_string(sum.messages)},
                         {"deliveries", std::to_string(sum.deliveries)},
                         {"bytes", std::to_string(sum.bytes)},
                         {"dropped", std::to_string(sum.dropped)},
                         {"too_slow", std::to_string(sum.disconnected)},
                         {"largest_lag", std::to_string(sum.largest_lag)}});
  }

 private:
  using WaitingMap = std::multimap<std::string, parley::Channel<int>*>;
  // Somebody's place in it, as long as they wait.
  class Waiting {
   public:
    Waiting(WaitingMap& all, const std::string& token, parley::Channel<int>& told)
        : all_(all), place_(all.emplace(token, &told)) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { all_.erase(place_); }

   private:
    WaitingMap& all_;
    WaitingMap::iterator place_;
  };

  struct Resumable {
    Person* person = nullptr;
    std::unique_ptr<Person> away;  // while they are
    parley::TimePoint expires;
  };

  parley::RoomOptions room_options() const {
    parley::RoomOptions room;
    room.max_members = max_clients_;
    room.max_message = std::max<std::size_t>(options_.max_line, 512) + 512;  // answers quote what was typed
    room.history_messages = options_.history;
    room.max_lag = options_.max_lag;
    room.slow = options_.slow == "skip" ? parley::SlowPolicy::skip : parley::SlowPolicy::disconnect;
    room.rate = options_.rate;
    room.burst = std::max<std::uint32_t>(options_.rate, 1);
    room.unique_names = false;  // the directory sees to it
    return room;
  }

  bool is_away(const Person& person) const {
    if (!person.numbered()) return false;
    const auto found = resumable_.find(person.extra->token);
    return found != resumable_.end() && found->second.away.get() == &person;
  }

  // Of who is away; they learn of it when they come back.
  void move_to_lobby(Person& person) {
    const std::string name(person.name());
    const std::string why = person.extra->expelled;
    tell_left(person, why);
    people_.remove(person);
    forget_place(person);
    if (!enter(person, lobby_, name)) {
      --away_;
      resumable_.erase(person.extra->token);
      return;
    }
    person.member.make_absent();
    people_.add(person);
    tell_joined(person);
    static_cast<void>(person.member.tell(why, parley::MessageKind::error));
  }

  void let_go(std::map<std::string, Resumable>::iterator entry, std::string_view why) {
    const std::unique_ptr<Person> person = std::move(entry->second.away);
    --away_;
    tell_left(*person, why);
    people_.remove(*person);
    forget_place(*person);
    resumable_.erase(entry);
  }

  static void add_to(parley::RoomCounters& sum, const parley::RoomCounters& one) {
    sum.members += one.members;
    sum.messages += one.messages;
    sum.bytes += one.bytes;
    sum.deliveries += one.deliveries;
    sum.dropped += one.dropped;
    sum.disconnected += one.disconnected;
    sum.largest_lag = std::max(sum.largest_lag, one.largest_lag);
  }

  // "37 joined", a second later, in one message.
  void sum_up(Room& room, std::size_t& counter) {
    const bool first = room.joined == 0 && room.left == 0;
    ++counter;
    if (first) tasks_.spawn(tell_sum(name_key(room.name)));
  }
  parley::Task<> tell_sum(std::string key) {
    static_cast<void>(co_await parley::sleep(std::chrono::seconds(1)));
    const auto found = rooms_.find(key);
    if (found == rooms_.end()) co_return;
    Room& room = *found->second;
    if (room.joined != 0)
      static_cast<void>(room.chat.publish(std::to_string(std::exchange(room.joined, 0)) + " joined"));
    if (room.left != 0) static_cast<void>(room.chat.publish(std::to_string(std::exchange(room.left, 0)) + " left"));
  }

  static parley::Task<> close_room(Room& room) {
    static_cast<void>(co_await room.chat.close().stop({}).within(std::chrono::seconds(3)));
  }

  const ServerOptions options_;
  const common::Password password_;
  PasswordAttempts password_attempts_;
  const std::size_t max_clients_;
  common::EventLog log_;
  bool is_stopping_ = false;
  std::map<std::string, std::unique_ptr<Room>> rooms_;
  Room& lobby_;
  Directory people_;
  std::set<std::string> kept_names_;  // keys of them
  std::map<std::string, Resumable> resumable_;
  WaitingMap waiting_;  // in settled(), by token
  std::size_t away_ = 0;
  std::uint64_t connections_ = 0;  // accepted so far
  parley::RoomCounters past_;      // of rooms that are no more
  parley::Scope tasks_;            // last, so that they end first
};

}  // namespace tcp_chat
