// SPDX-License-Identifier: BSL-1.0
#pragma once

// GroupTalk: what a member of a group knows and does, without input and output and with the caller's clock. Datagrams
// go in, events come out: who came and went, what was said, what was lost.
//
// Every program says every five seconds that it is there, and a second after it has said something, so that the others
// learn how much it has said. Who is not heard for 20 seconds has left. Whoever hears somebody new says soon after, at
// a time drawn at random, that it is there as well.
//
// Bounds: `max_members` people, of them `max_at_host` from one address; a minute's worth of newcomers; datagrams a second
// of each; texts held in all, beyond which nobody's are waited for. What is beyond a bound is dropped and counted.
//
// Of those who have one name, or names that are alike, the one with the smallest number is shown by it, the next as
// Ann~2, and so on: everybody who hears the same people names them the same way, also himself.
//
// Nothing proves who sent a datagram. A member is its number together with the address it comes from, so that
// from elsewhere nobody can speak for it; somebody at the same address can.

#include <parley/chat/printable.hpp>
#include <parley/net/address.hpp>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "group_datagram.hpp"
#include "rate_limit.hpp"
#include "speaker_order.hpp"

namespace udp_chat {

struct GroupEvent {
  enum class Kind : std::uint8_t {
    joined,
    said,
    lost,
    left,
    fell_silent,
    renamed,      // is shown otherwise than before
    renamed_you,  // one is shown so oneself
    renumbered,   // many of one name are shown otherwise than before
    too_many_people,
    other_version
  };
  Kind kind;
  std::string name;         // as it is to be shown
  std::string text;         // of `said`: fit for a terminal; of `renamed`: the name so far;
                            // of `renamed_you`: the name of who has it without a number; empty where one has so oneself
  std::uint64_t count = 0;  // of `lost`
};

/// Texts of one speaker, or of all.
struct GroupCounters {
  std::uint64_t received = 0, lost = 0, too_late = 0, duplicates = 0, out_of_order = 0, too_fast = 0;
};

class GroupTalk {
 public:
  static constexpr std::size_t max_members = 256;
  static constexpr std::size_t max_at_host = 64;
  static constexpr std::size_t max_held_bytes = std::size_t{1} << 20;
  static constexpr parley::Duration presence_interval = std::chrono::seconds(5);
  static constexpr parley::Duration silence = std::chrono::seconds(20);

  struct MemberView {
    std::string name;
    parley::TimePoint heard_at;
    GroupCounters counters;
  };
  struct Dropped {
    std::uint64_t foreign = 0, other_version = 0, malformed = 0, made_up = 0, no_room = 0;
  };

  /// `number` is this program's among the others (speaker_number()), and the seed of its pauses.
  GroupTalk(std::string name, std::uint64_t number, parley::TimePoint now)
      : name_(std::move(name)),
        key_(tcp_chat::name_key(name_)),
        id_(number),
        shown_name_(name_),
        seed_(number),
        presence_at_(now) {}

  // ---- What is to be sent: datagrams, one each

  /// At most max_group_text bytes of UTF-8, not empty. A second later the others are told that it was said.
  std::string say(std::string_view text, parley::TimePoint now) {
    presence_at_ = std::min(presence_at_, now + std::chrono::seconds(1));
    ++said_;
    return write(GroupDatagram::Kind::text, text);
  }
  /// When it is time to say that one is there.
  std::optional<std::string> presence(parley::TimePoint now) {
    if (now < presence_at_) return std::nullopt;
    presence_at_ = now + presence_interval * 4 / 5 + pause(presence_interval * 2 / 5);
    return write(GroupDatagram::Kind::presence, {});
  }
  std::string leave() const { return write(GroupDatagram::Kind::leave, {}); }

  // ---- What came

  void take(std::string_view bytes, const parley::Address& from, parley::TimePoint now) {
    GroupDatagram datagram;
    const GroupReading reading = read_group_datagram(bytes, datagram);
    if (reading != GroupReading::fine) return drop(reading);
    if (datagram.speaker == id_) return;  // one's own
    Person* const person = find(datagram, from, now);
    if (person == nullptr) return;
    if (!person->rate.take(now)) {
      count(*person, 1, &GroupCounters::too_fast);
      return;
    }
    person->heard_at = now;
    if (!person->has_left) hear(*person, datagram, now);
    if (held_bytes() > max_held_bytes) show(*person, now, true);
  }

  /// What is due by now: texts that were waited for in vain, people that are not heard any more.
  void pass(parley::TimePoint now) {
    for (auto each = people_.begin(); each != people_.end();) {
      Person& person = each->second;
      show(person, now, false);
      if (now - person.heard_at < silence) {
        ++each;
        continue;
      }
      show(person, now, true);
      const bool was_here = !std::exchange(person.has_left, true);
      if (was_here) events_.push_back({GroupEvent::Kind::fell_silent, person.name, {}});
      if (was_here) name_all_like(person.key);
      each = people_.erase(each);
      has_told_full_ = false;
    }
  }
  /// When presence() or pass() has something to do.
  parley::TimePoint due() const {
    parley::TimePoint due = presence_at_;
    for (const auto& [id, person] : people_) due = std::min({due, person.heard_at + silence, person.order.due()});
    return due;
  }

  /// To be called, after each of the calls above, until there is none.
  std::optional<GroupEvent> next_event() {
    if (events_.empty()) return std::nullopt;
    GroupEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  // ---- What is known

  /// As the others show it.
  const std::string& shown_name() const noexcept { return shown_name_; }
  std::uint64_t said() const noexcept { return said_; }
  const Dropped& dropped() const noexcept { return dropped_; }
  /// Of those who are gone, too.
  const GroupCounters& counters() const noexcept { return total_; }
  /// The others who are here, by name.
  std::vector<MemberView> members() const {
    std::vector<MemberView> views;
    for (const auto& [id, person] : people_)
      if (!person.has_left) views.push_back({person.name, person.heard_at, person.counters});
    std::sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return views;
  }

 private:
  struct Id {
    std::uint64_t number;
    parley::Address from;
    auto operator<=>(const Id&) const = default;
  };
  struct Person {
    std::string sent_name, name, key;
    parley::TimePoint heard_at;
    SpeakerOrder order;
    RateLimit rate{50, 150};
    GroupCounters counters;
    bool is_leaving = false;  // once its texts have come
    bool has_left = false;    // known for a while yet, so that a late datagram does not make it anew
  };

  std::string write(GroupDatagram::Kind kind, std::string_view text) const {
    return write_group_datagram({kind, id_, said_, name_, text});
  }

  void drop(GroupReading reading) {
    if (reading == GroupReading::foreign) ++dropped_.foreign;
    if (reading == GroupReading::malformed) ++dropped_.malformed;
    if (reading == GroupReading::other_version && dropped_.other_version++ == 0)
      events_.push_back({GroupEvent::Kind::other_version, {}, {}});
  }

  // Null: it is nobody.
  Person* find(const GroupDatagram& datagram, const parley::Address& from, parley::TimePoint now) {
    const Id id{datagram.speaker, from};
    if (const auto found = people_.find(id); found != people_.end()) {
      if (found->second.sent_name == datagram.name) return &found->second;
      ++dropped_.malformed;
      return nullptr;
    }
    if (datagram.kind == GroupDatagram::Kind::leave) return nullptr;
    if (!has_room_for(from) || !newcomers_.take(now)) {
      ++dropped_.no_room;
      if (!std::exchange(has_told_full_, true)) events_.push_back({GroupEvent::Kind::too_many_people, {}, {}});
      return nullptr;
    }
    Person& person = people_[id];
    person.sent_name = datagram.name;
    person.key = tcp_chat::name_key(datagram.name);
    name_all_like(person.key);
    presence_at_ = std::min(presence_at_, now + pause(std::chrono::milliseconds(500)));
    events_.push_back({GroupEvent::Kind::joined, person.name, {}});
    return &person;
  }

  bool has_room_for(const parley::Address& from) {
    std::size_t at_host = 0;
    auto oldest_gone = people_.end();
    for (auto each = people_.begin(); each != people_.end(); ++each) {
      at_host += each->first.from.with_port(0) == from.with_port(0);
      const bool is_older = oldest_gone == people_.end() || each->second.heard_at < oldest_gone->second.heard_at;
      if (each->second.has_left && is_older) oldest_gone = each;
    }
    if (at_host >= max_at_host) return false;
    if (people_.size() < max_members) return true;
    if (oldest_gone == people_.end()) return false;
    people_.erase(oldest_gone);
    return true;
  }

  // Nobody gives out names here. Who has one that another has longer, or that looks like it, is shown with a sign that no
  // name has, and a number.
  static std::string name_of_rank(const std::string& name, std::size_t rank) {
    return rank == 1 ? name : name + '~' + std::to_string(rank);
  }

  // Those who have a name with this key, anew, since one of them came or went.
  void name_all_like(const std::string& key) {
    std::size_t rank = 0, renamed = 0;
    bool am_named = key != key_;
    const std::string* first = nullptr;  // the name of the first of them
    const auto name_oneself = [&] {
      am_named = true;
      std::string name = name_of_rank(name_, ++rank);
      if (name != std::exchange(shown_name_, name))
        events_.push_back({GroupEvent::Kind::renamed_you, name, first == nullptr ? std::string() : *first});
      if (first == nullptr) first = &name_;
    };
    for (auto& [id, person] : people_) {  // by their numbers
      if (person.key != key || person.has_left) continue;
      if (!am_named && id_ < id.number) name_oneself();
      std::string name = name_of_rank(person.sent_name, ++rank);
      if (first == nullptr) first = &person.sent_name;
      const std::string before = std::exchange(person.name, name);
      if (before.empty() || before == name || ++renamed > most_renamed) continue;
      events_.push_back({GroupEvent::Kind::renamed, std::move(name), before});
    }
    if (!am_named) name_oneself();
    if (renamed > most_renamed) events_.push_back({GroupEvent::Kind::renumbered, *first, {}});
  }

  void hear(Person& person, const GroupDatagram& datagram, parley::TimePoint now) {
    using Taken = SpeakerOrder::Taken;
    const bool is_text = datagram.kind == GroupDatagram::Kind::text;
    const Taken taken = is_text ? person.order.take_text(datagram.number, datagram.text, now)
                                : person.order.take_last(datagram.number, now);
    if (taken == Taken::made_up) {
      ++dropped_.made_up;
      return;
    }
    count(person, taken == Taken::duplicate, &GroupCounters::duplicates);
    count(person, taken == Taken::too_late, &GroupCounters::too_late);
    count(person, taken == Taken::out_of_order, &GroupCounters::out_of_order);
    if (datagram.kind == GroupDatagram::Kind::leave) person.is_leaving = true;
    show(person, now, false);
  }

  void count(Person& person, std::uint64_t times, std::uint64_t GroupCounters::*which) {
    person.counters.*which += times;
    total_.*which += times;
  }

  void show(Person& person, parley::TimePoint now, bool at_once) {
    while (auto ready = person.order.next(now, at_once)) {
      count(person, ready->lost == 0, &GroupCounters::received);
      count(person, ready->lost, &GroupCounters::lost);
      if (ready->lost != 0) {
        events_.push_back({GroupEvent::Kind::lost, person.name, {}, ready->lost});
      } else {
        events_.push_back({GroupEvent::Kind::said, person.name, parley::make_printable(ready->text)});
      }
    }
    if (person.has_left || !person.is_leaving || !person.order.is_idle()) return;
    person.has_left = true;
    events_.push_back({GroupEvent::Kind::left, person.name, {}});
    name_all_like(person.key);
  }

  std::size_t held_bytes() const {
    std::size_t bytes = 0;
    for (const auto& [id, person] : people_) bytes += person.order.held_bytes();
    return bytes;
  }

  // Up to so long, so that not all speak at once (splitmix64, S. Vigna).
  parley::Duration pause(parley::Duration most) {
    std::uint64_t z = seed_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return parley::Duration(static_cast<std::int64_t>((z ^ z >> 31) % static_cast<std::uint64_t>(most.count() + 1)));
  }

  static constexpr std::size_t most_renamed = 3;  // told of one by one; so who has many come and go tells little

  const std::string name_, key_;
  const std::uint64_t id_;
  std::string shown_name_;
  std::uint64_t seed_;
  std::uint64_t said_ = 0;
  parley::TimePoint presence_at_;
  std::map<Id, Person> people_;
  RateLimit newcomers_{10, 100};
  bool has_told_full_ = false;
  std::deque<GroupEvent> events_;
  GroupCounters total_;
  Dropped dropped_;
};

}  // namespace udp_chat
