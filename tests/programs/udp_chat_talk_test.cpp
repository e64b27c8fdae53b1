// SPDX-License-Identifier: BSL-1.0
// What a member of a group makes of datagrams: GroupTalk without a network, and over one that loses, repeats and
// reorders.

#include "../../examples/udp_chat/group_talk.hpp"

#include "support/catch.hpp"
#include "support/lossy_path.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace udp_chat;
using namespace std::chrono_literals;
using parley::Address;
using parley::TimePoint;
using Kind = GroupDatagram::Kind;

namespace {

constexpr TimePoint start{std::chrono::hours(1)};
const Address elsewhere = Address::ip("192.0.2.7", 7777).value();

std::string datagram(Kind kind, std::uint64_t speaker, std::uint64_t number, std::string_view name,
                     std::string_view text = {}) {
  return write_group_datagram({kind, speaker, number, name, text});
}

std::string in_words(const GroupEvent& event) {
  switch (event.kind) {
    case GroupEvent::Kind::joined: return "+" + event.name;
    case GroupEvent::Kind::left: return "-" + event.name;
    case GroupEvent::Kind::fell_silent: return "?" + event.name;
    case GroupEvent::Kind::lost: return event.name + " lost " + std::to_string(event.count);
    case GroupEvent::Kind::said: return event.name + ": " + event.text;
    case GroupEvent::Kind::renamed: return event.text + "=" + event.name;
    case GroupEvent::Kind::renamed_you: return "you=" + event.name + (event.text.empty() ? "" : " by " + event.text);
    case GroupEvent::Kind::renumbered: return "many " + event.name;
    case GroupEvent::Kind::too_many_people: return "too many";
    case GroupEvent::Kind::other_version: return "other version";
  }
  return {};
}

// Ann, who listens.
struct Listener {
  GroupTalk talk{"Ann", 1, start};

  std::string hear(const std::string& bytes, TimePoint now = start, const Address& from = elsewhere) {
    talk.take(bytes, from, now);
    return news();
  }
  std::string wait_until(TimePoint now) {
    talk.pass(now);
    return news();
  }
  std::string news() {
    std::string all;
    while (const auto event = talk.next_event()) all += (all.empty() ? "" : ", ") + in_words(*event);
    return all;
  }
  std::string people() const {
    std::string all;
    for (const auto& member : talk.members()) all += (all.empty() ? "" : " ") + member.name;
    return all;
  }
};

}  // namespace

// ---- Datagrams ------------------------------------------------------------------------------------------------------

TEST_CASE("udp_chat: a group's datagram, byte for byte") {
  const std::string bytes = datagram(Kind::text, 0x0102030405060708, 0x1122, "Ann", "hi");
  CHECK(bytes == std::string("PlyG\x01\x02\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\0\0\0\x11\x22"
                             "Ann\0hi",
                             28));
  GroupDatagram read;
  REQUIRE(read_group_datagram(bytes, read) == GroupReading::fine);
  CHECK(read.kind == Kind::text);
  CHECK(read.speaker == 0x0102030405060708);
  CHECK(read.number == 0x1122);
  CHECK(read.name == "Ann");
  CHECK(read.text == "hi");
  CHECK(max_group_datagram <= 1232);
}

TEST_CASE("udp_chat: what is no datagram of a group is refused") {
  GroupDatagram read;
  const std::string good = datagram(Kind::text, 7, 1, "Ann", "hi");
  for (std::size_t size = 0; size < good.size() - 1; ++size)
    CHECK(read_group_datagram(good.substr(0, size), read) != GroupReading::fine);
  const auto changed = [&](std::size_t at, char to) {
    std::string bytes = good;
    bytes[at] = to;
    return read_group_datagram(bytes, read);
  };
  CHECK(changed(0, 'p') == GroupReading::foreign);
  CHECK(changed(4, 2) == GroupReading::other_version);
  CHECK(changed(5, 0) == GroupReading::malformed);
  CHECK(changed(5, 4) == GroupReading::malformed);
  CHECK(changed(14, '\x7f') == GroupReading::malformed);  // a number that nobody can have counted to
  const auto reading = [&](Kind kind, std::uint64_t number, std::string_view name, const std::string& text) {
    return read_group_datagram(datagram(kind, 7, number, name, text), read);
  };
  CHECK(reading(Kind::text, 0, "Ann", "hi") == GroupReading::malformed);
  CHECK(reading(Kind::text, 1, "Ann", "") == GroupReading::malformed);
  CHECK(reading(Kind::presence, 1, "Ann", "hi") == GroupReading::malformed);
  CHECK(reading(Kind::text, 1, "Ann", std::string(max_group_text, 'x')) == GroupReading::fine);
  CHECK(reading(Kind::text, 1, "Ann", std::string(max_group_text + 1, 'x')) == GroupReading::malformed);
  for (const auto* name : {"", "a b", "Ann\x1b[2J", "operator", "\xff", "a~2"})
    CHECK(reading(Kind::presence, 0, name, "") == GroupReading::malformed);
}

// ---- People ---------------------------------------------------------------------------------------------------------

TEST_CASE("udp_chat: people come, speak and go") {
  Listener ann;
  CHECK(ann.hear(datagram(Kind::presence, 2, 0, "Ben")) == "+Ben");
  CHECK(ann.hear(datagram(Kind::text, 2, 1, "Ben", "hi\x1b[2J")) == "Ben: hi[2J");
  CHECK(ann.people() == "Ben");
  CHECK(ann.hear(datagram(Kind::leave, 2, 1, "Ben")) == "-Ben");
  CHECK(ann.people().empty());
  // What comes late, or again, does not bring him back.
  CHECK(ann.hear(datagram(Kind::text, 2, 1, "Ben", "hi")).empty());
  CHECK(ann.hear(datagram(Kind::presence, 2, 0, "Ben")).empty());
  CHECK(ann.wait_until(start + 1min).empty());
  CHECK(ann.hear(datagram(Kind::leave, 3, 0, "Cem")).empty());  // who never came
}

TEST_CASE("udp_chat: who leaves has said all before") {
  Listener ann;
  ann.hear(datagram(Kind::presence, 2, 0, "Ben"));
  CHECK(ann.hear(datagram(Kind::leave, 2, 2, "Ben")).empty());
  CHECK(ann.hear(datagram(Kind::text, 2, 2, "Ben", "b")).empty());
  SECTION("and it comes") { CHECK(ann.hear(datagram(Kind::text, 2, 1, "Ben", "a")) == "Ben: a, Ben: b, -Ben"); }
  SECTION("or does not") { CHECK(ann.wait_until(start + 1s) == "Ben lost 1, Ben: b, -Ben"); }
}

TEST_CASE("udp_chat: who is not heard for 20 seconds is not there any more") {
  Listener ann;
  ann.hear(datagram(Kind::presence, 2, 0, "Ben"));
  ann.hear(datagram(Kind::presence, 2, 0, "Ben"), start + 5s);
  CHECK(ann.wait_until(start + 25s - 1ns).empty());
  CHECK(ann.people() == "Ben");
  CHECK(ann.wait_until(start + 25s) == "?Ben");
  CHECK(ann.people().empty());
  CHECK(ann.hear(datagram(Kind::presence, 2, 4, "Ben"), start + 40s) == "+Ben");
}

TEST_CASE("udp_chat: one's own datagrams are none of another") {
  Listener ann;
  CHECK(ann.hear(ann.talk.say("me", start)).empty());
  CHECK(ann.people().empty());
}

TEST_CASE("udp_chat: names that are alike are told apart, and nobody can forge the sign") {
  Listener ann;
  CHECK(ann.hear(datagram(Kind::presence, 2, 0, "ANN")) == "+ANN~2");
  CHECK(ann.hear(datagram(Kind::presence, 3, 0, "Ben")) == "+Ben");
  CHECK(ann.hear(datagram(Kind::presence, 4, 0, "Ben")) == "+Ben~2");
  CHECK(ann.hear(datagram(Kind::presence, 6, 0, "Ben")) == "+Ben~3");
  CHECK(ann.hear(datagram(Kind::text, 4, 1, "Ben", "hi")) == "Ben~2: hi");
  // A name stays; and from elsewhere nobody speaks for another.
  CHECK(ann.hear(datagram(Kind::text, 4, 2, "Cem", "hi")).empty());
  CHECK(ann.talk.dropped().malformed == 1);
  const Address third = Address::ip("192.0.2.8", 7777).value();
  CHECK(ann.hear(datagram(Kind::text, 4, 900, "Ben", "hi"), start, third) == "Ben~3=Ben~4, +Ben~3");
  CHECK(ann.hear(datagram(Kind::text, 4, 2, "Ben", "still me")) == "Ben~2: still me");
}

TEST_CASE(
    "udp_chat: whoever sees several of one name shows the same one without a number, in whatever order they came") {
  const std::vector<std::string> names{"Ann", "ANN", "Ben", "Ann", "Ann"};
  std::vector<std::size_t> order{0, 1, 2, 3, 4};
  do {
    GroupTalk second("ANN", 11, start);
    for (const std::size_t i : order) second.take(datagram(Kind::presence, 10 + i, 0, names[i]), elsewhere, start);
    CHECK(second.shown_name() == "ANN~2");
    std::string others;
    for (const auto& member : second.members()) others += member.name + ' ';
    CHECK(others == "Ann Ann~3 Ann~4 Ben ");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("udp_chat: one is told how the others show one, and when it changes") {
  GroupTalk talk("Ann", 10, start);
  Listener ann{std::move(talk)};
  CHECK(ann.hear(datagram(Kind::presence, 11, 0, "Ann")) == "+Ann~2");  // who came later; nothing changes for oneself
  CHECK(ann.hear(datagram(Kind::presence, 5, 0, "Ann")) == "you=Ann~2 by Ann, Ann~2=Ann~3, +Ann");
  CHECK(ann.hear(datagram(Kind::presence, 5, 0, "Ann")).empty());
  CHECK(ann.hear(datagram(Kind::presence, 7, 0, "ann"), start + 10s) == "you=Ann~3 by Ann, Ann~3=Ann~4, +ann~2");
  CHECK(ann.hear(datagram(Kind::leave, 7, 0, "ann"), start + 10s) == "-ann~2, you=Ann~2 by Ann, Ann~4=Ann~3");
  CHECK(ann.hear(datagram(Kind::presence, 11, 0, "Ann"), start + 19s).empty());
  CHECK(ann.wait_until(start + 20s) == "?Ann, you=Ann, Ann~3=Ann~2");
  CHECK(ann.people() == "Ann~2");
}

TEST_CASE("udp_chat: where one has many of a name come and go, that is told in a few words") {
  Listener ann;
  for (std::uint64_t i = 0; i < 40; ++i) ann.hear(datagram(Kind::presence, 100 + i, 0, "Mallory"));
  CHECK(ann.hear(datagram(Kind::presence, 99, 0, "Mallory")) ==
        "Mallory=Mallory~2, Mallory~2=Mallory~3, Mallory~3=Mallory~4, many Mallory, +Mallory");
}

TEST_CASE("udp_chat: the number of a member says since when it is there") {
  using std::chrono::system_clock;
  const system_clock::time_point now = system_clock::from_time_t(1800000000);
  CHECK(speaker_number(now, ~std::uint64_t{0}) < speaker_number(now + 1ms, 0));
  CHECK(speaker_number(now, 0) != speaker_number(now, std::uint64_t{1} << 63));
  CHECK(speaker_number(now, 0) == std::uint64_t{1800000000000} << 20);
}

TEST_CASE("udp_chat: when a member speaks up by itself") {
  GroupTalk ann("Ann", 1, start);
  CHECK(ann.due() == start);
  REQUIRE(ann.presence(start));
  CHECK_FALSE(ann.presence(start));
  CHECK(ann.due() >= start + 4s);
  CHECK(ann.due() <= start + 6s);
  SECTION("a second after it has said something") {
    (void)ann.say("a", start + 1s);
    (void)ann.say("b", start + 1500ms);
    CHECK(ann.due() == start + 2s);
    const auto bytes = ann.presence(start + 2s);
    REQUIRE(bytes);
    GroupDatagram read;
    REQUIRE(read_group_datagram(*bytes, read) == GroupReading::fine);
    CHECK(read.number == 2);
  }
  SECTION("soon after somebody came") {
    ann.take(datagram(Kind::presence, 2, 0, "Ben"), elsewhere, start + 1s);
    CHECK(ann.due() >= start + 1s);
    CHECK(ann.due() <= start + 1500ms);
  }
}

// ---- Bounds ---------------------------------------------------------------------------------------------------------

TEST_CASE("udp_chat: a flood of made-up people is bounded, and those who are here stay") {
  Listener ann;
  ann.hear(datagram(Kind::presence, 2, 0, "Ben"));
  std::size_t told = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const Address from =
        Address::ip("10.0." + std::to_string(i / 50 % 200) + "." + std::to_string(i % 50), 7777).value();
    const std::string news = ann.hear(datagram(Kind::presence, 1000 + i, 0, "Mallory"), start + i * 10ms, from);
    told += news == "too many";
    if (i % 100 == 0) ann.hear(datagram(Kind::presence, 2, 0, "Ben"), start + i * 10ms);
  }
  CHECK(told >= 1);
  CHECK(ann.talk.members().size() <= GroupTalk::max_members);
  CHECK(ann.talk.dropped().no_room > 0);
  CHECK(ann.hear(datagram(Kind::text, 2, 1, "Ben", "here"), start + 100s) == "Ben: here");
}

TEST_CASE("udp_chat: from one address not everybody can come") {
  Listener ann;
  for (std::uint64_t i = 0; i < 90; ++i) ann.hear(datagram(Kind::presence, 100 + i, 0, "Mallory"));
  CHECK(ann.talk.members().size() == GroupTalk::max_at_host);
  const Address other = Address::ip("192.0.2.8", 7777).value();
  CHECK(ann.hear(datagram(Kind::presence, 2, 0, "Ben"), start + 10s, other) == "+Ben");
}

TEST_CASE("udp_chat: who speaks too fast is not heard so often, others are") {
  Listener ann;
  ann.hear(datagram(Kind::presence, 2, 0, "Ben"));
  ann.hear(datagram(Kind::presence, 3, 0, "Mallory"));
  for (std::uint64_t i = 1; i <= 1000; ++i) ann.hear(datagram(Kind::text, 3, i, "Mallory", "x"));
  CHECK(ann.talk.members()[1].counters.received < 200);
  CHECK(ann.talk.members()[1].counters.too_fast > 800);
  CHECK(ann.hear(datagram(Kind::text, 2, 1, "Ben", "hi")) == "Ben: hi");
}

TEST_CASE("udp_chat: what is held for all is bounded") {
  Listener ann;
  const std::string big(max_group_text, 'x');
  std::uint64_t shown = 0;
  // Each leaves a gap, so that nothing can be shown yet.
  for (std::uint64_t who = 0; who < 100; ++who) {
    const Address from = Address::ip("10.0.0." + std::to_string(who), 7777).value();
    ann.hear(datagram(Kind::presence, 100 + who, 0, "Mallory"), start, from);
    for (std::uint64_t i = 2; i < 60; ++i) {
      const std::string news = ann.hear(datagram(Kind::text, 100 + who, i, "Mallory", big), start, from);
      shown += news.size() / big.size();
    }
  }
  const std::uint64_t sent = ann.talk.members().size() * 58;
  CHECK(shown + GroupTalk::max_held_bytes / max_group_text >= sent - 58);
}

TEST_CASE("udp_chat: another version is told once") {
  Listener ann;
  std::string other = datagram(Kind::presence, 2, 0, "Ben");
  other[4] = 2;
  CHECK(ann.hear(other) == "other version");
  CHECK(ann.hear(other).empty());
  CHECK(ann.talk.dropped().other_version == 2);
  CHECK(ann.hear("hello").empty());
  CHECK(ann.talk.dropped().foreign == 1);
}

// ---- Over a bad network ---------------------------------------------------------------------------------------------

namespace {

// Three members, each of whom hears each over a path of its own, under a clock that jumps to what happens next.
class Network {
 public:
  explicit Network(const support::LossyPathOptions& options) {
    for (std::size_t i = 0; i < size; ++i) {
      talks_.push_back(std::make_unique<GroupTalk>(names[i], options.seed * 100 + i, start));
      for (std::size_t j = 0; j < size; ++j) {
        support::LossyPathOptions own = options;
        own.seed = options.seed * 1000 + i * size + j;
        paths_.push_back(std::make_unique<support::LossyPath>(own));
      }
    }
  }

  GroupTalk& talk(std::size_t who) { return *talks_[who]; }

  void say(std::size_t who) {
    const std::string text = std::to_string(talk(who).said() + 1);
    send(who, talk(who).say(text, now_));
  }

  void run_until(TimePoint end) {
    for (;;) {
      TimePoint next = end;
      for (const auto& talk : talks_) next = std::min(next, talk->due());
      for (const auto& path : paths_) next = std::min(next, path->due());
      now_ = std::max(now_, next);
      for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t from = 0; from < size; ++from)
          while (const auto bytes = paths_[from * size + i]->pop(now_)) talk(i).take(*bytes, elsewhere, now_);
        talk(i).pass(now_);
        if (const auto presence = talk(i).presence(now_)) send(i, *presence);
        listen(i);
      }
      if (now_ >= end) return;
    }
  }

  TimePoint now() const { return now_; }

  // The number of the last text of another that was shown or told to be lost; 0 when nothing was shown since they came.
  std::uint64_t position(std::size_t listener, const std::string& name) { return positions_[listener][name]; }

  static constexpr std::size_t size = 3;
  static inline const std::vector<std::string> names{"Ann", "Ben", "Cem"};

 private:
  void send(std::size_t who, const std::string& bytes) {
    for (std::size_t to = 0; to < size; ++to) paths_[who * size + to]->push(bytes, now_);
  }

  // Nothing twice, nothing out of order, and each gap told.
  void listen(std::size_t who) {
    while (const auto event = talk(who).next_event()) {
      std::uint64_t& position = positions_[who][event->name];
      if (event->kind == GroupEvent::Kind::fell_silent) position = 0;
      if (event->kind == GroupEvent::Kind::lost && position != 0) position += event->count;
      if (event->kind != GroupEvent::Kind::said) continue;
      const std::uint64_t number = std::stoull(event->text);
      CHECK((position == 0 || number == position + 1));
      position = number;
    }
  }

  TimePoint now_ = start;
  std::vector<std::unique_ptr<GroupTalk>> talks_;
  std::vector<std::unique_ptr<support::LossyPath>> paths_;
  std::map<std::size_t, std::map<std::string, std::uint64_t>> positions_;
};

// All speak for a minute, then are silent for a while. Returns the network.
void converse(Network& network, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  network.run_until(start + 2s);
  while (network.now() < start + 62s) {
    network.say(random() % Network::size);
    network.run_until(network.now() + std::chrono::milliseconds(random() % 400));
  }
  network.run_until(network.now() + 60s);
}

}  // namespace

TEST_CASE("udp_chat: over a network that reorders and repeats, all is heard once and in order") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Network network({.seed = seed, .duplicate = 20, .reorder = 30, .delay = 2ms, .reorder_delay = 250ms});
    converse(network, seed);
    for (std::size_t who = 0; who < Network::size; ++who) {
      const GroupCounters& counters = network.talk(who).counters();
      CHECK(counters.lost == 0);
      CHECK(counters.duplicates > 0);
      CHECK(counters.out_of_order > 0);
      std::uint64_t said = 0;
      for (std::size_t other = 0; other < Network::size; ++other) {
        if (other == who) continue;
        said += network.talk(other).said();
        CHECK(network.position(who, Network::names[other]) == network.talk(other).said());
      }
      CHECK(counters.received == said);
    }
  }
}

TEST_CASE("udp_chat: over a network that loses as well, each loss is told, and all agree on the count") {
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Network network({.seed = seed, .drop = 20, .duplicate = 10, .reorder = 20, .delay = 2ms, .reorder_delay = 250ms});
    converse(network, seed);
    for (std::size_t who = 0; who < Network::size; ++who) {
      lost += network.talk(who).counters().lost;
      for (std::size_t other = 0; other < Network::size; ++other) {
        if (other == who) continue;
        const std::uint64_t position = network.position(who, Network::names[other]);
        CHECK((position == 0 || position == network.talk(other).said()));
      }
    }
  }
  CHECK(lost > 1000);
}
