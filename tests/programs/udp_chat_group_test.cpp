// SPDX-License-Identifier: BSL-1.0
// udp_chat group: programs in a multicast group on the loopback interface, and a member made of plain system calls.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"
#include "support/lossy_relay.hpp"
#include "support/own_network.hpp"

using namespace programs;

namespace {

// Of this process alone: others on the machine may run the same tests.
struct Place {
  std::string group = "239.255." + std::to_string(::getpid() >> 8 & 255) + "." + std::to_string(::getpid() & 255);
  std::uint16_t port = RawSocket::udp().port();
  std::string name() const { return group + ":" + std::to_string(port); }
};

std::vector<std::string> group_words(const Place& place, const std::string& name,
                                     const std::string& over = "127.0.0.1") {
  return command("udp_chat", {"group", "--group", place.name(), "--interface", over, "--name", name});
}

struct Person : Process {
  Person(const Place& place, const std::string& name) : Process(group_words(place, name)) {
    REQUIRE(wait_for_line("* you are " + name + " in the group " + place.name()));
  }
};

// The version 1 of the format, written down once more.
std::string datagram(char kind, char speaker, char number, const std::string& name, const std::string& text = {}) {
  return std::string("PlyG\x01") + kind + std::string(7, '\0') + speaker + std::string(7, '\0') + number + name + '\0' +
         text;
}

class RawMember {
 public:
  explicit RawMember(const Place& place) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(place.port);
    ::inet_pton(AF_INET, place.group.c_str(), &address_.sin_addr);
    const in_addr loopback{htonl(INADDR_LOOPBACK)};
    const ip_mreq membership{address_.sin_addr, loopback};
    const int yes = 1;
    REQUIRE(::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0);
    REQUIRE(::setsockopt(socket_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership) == 0);
    REQUIRE(::setsockopt(socket_, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback) == 0);
  }
  RawMember(const RawMember&) = delete;
  RawMember& operator=(const RawMember&) = delete;
  ~RawMember() { ::close(socket_); }

  void send(const std::string& bytes) {
    REQUIRE(::sendto(socket_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address_),
                     sizeof address_) == static_cast<ssize_t>(bytes.size()));
  }
  // The next datagram of that kind that the person sends.
  std::string hear(char kind, const std::string& name) {
    for (;;) {
      pollfd polled{socket_, POLLIN, 0};
      if (::poll(&polled, 1, 10000) != 1) throw std::runtime_error("no datagram came");
      std::string bytes(2000, '\0');
      bytes.resize(static_cast<std::size_t>(::recv(socket_, bytes.data(), bytes.size(), 0)));
      if (bytes.size() > 22 && bytes[5] == kind && bytes.substr(22).starts_with(name + '\0')) return bytes;
    }
  }

 private:
  int socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address_{};
};

constexpr char presence = 1, text = 2, leave = 3;

std::size_t count_of(const std::string& output, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = output.find(word, at)) != std::string::npos; at += word.size()) ++count;
  return count;
}

}  // namespace

TEST_CASE("udp_chat group: three people see each other, talk and leave") {
  const Place place;
  Person ann(place, "Ann"), ben(place, "Ben"), cem(place, "Cem");
  for (Person* one : {&ann, &ben}) CHECK(one->wait_for_line("* Cem is here"));
  for (int others = 0; others < 2; ++others) CHECK(cem.wait_for(" is here"));  // which they tell soon
  ann.write("hello\n");
  CHECK(ben.wait_for_line("<Ann> ") == "<Ann> hello");
  CHECK(cem.wait_for("<Ann> hello"));
  ann.write("/who\n//who\n/what\n");
  CHECK(ann.wait_for_line("* here: ") == "* here: Ann (you), Ben, Cem");
  CHECK(ann.wait_for_line("! ") == "! there is no command /what; /help tells which there are");
  CHECK(ben.wait_for_line("<Ann> ") == "<Ann> /who");
  CHECK_FALSE(ann.has_output("<Ann>"));
  SECTION("at the end of the input") {
    ben.close_input();
    CHECK(ending(ben) == well);
  }
  SECTION("at Ctrl-C") {
    ben.send_signal(SIGINT);
    CHECK(ending_after(ben, SIGINT) == well);
  }
  SECTION("at /quit") {
    ben.write("/quit\n");
    CHECK(ending(ben) == well);
  }
  CHECK(ben.errors().empty());
  CHECK(ann.wait_for_line("* Ben left"));
  CHECK(cem.wait_for_line("* Ben left"));
}

TEST_CASE("udp_chat group: three on a cable hear each other once, by IPv4 and IPv6") {
  const support::OwnNetwork network;
  if (!network.why_not().empty()) {
    WARN(network.why_not() << ": not tested");
    return;
  }
  struct Way {
    std::string group, of_ann, of_ben, of_cem;
  };
  const auto way = GENERATE(Way{"239.255.77.77:7777", "10.77.0.1", "10.78.0.2", "10.78.0.2"},
                            Way{"[ff02::77]:7777", "fe80::1%left", "fd78::2", "fe80::2%right"},
                            Way{"[ff02::77%left]:7777", "fe80::1", "fd77::1", "fe80::1%left"},
                            Way{"[ff12::77]:7777", "::1", "::1", "::1"});
  INFO(way.group);
  const auto start = [&](const std::string& name, const std::string& over) {
    return command("udp_chat", {"group", "--group", way.group, "--interface", over, "--name", name});
  };
  Process ann(start("Ann", way.of_ann));
  REQUIRE(ann.wait_for_line("* you are Ann in the group "));
  Process ben(start("Ben", way.of_ben));
  REQUIRE(ann.wait_for_line("* Ben is here"));
  Process cem(start("Cem", way.of_cem));
  for (Process* one : {&ann, &ben}) CHECK(one->wait_for_line("* Cem is here"));
  for (int others = 0; others < 2; ++others) CHECK(cem.wait_for(" is here"));
  for (const auto& [one, words] : {std::pair{&ann, "from Ann\n"}, {&ben, "from Ben\n"}, {&cem, "from Cem\n"}}) {
    one->write(words);
    for (Process* other : {&ann, &ben, &cem})
      if (other != one) CHECK(other->wait_for_line("<").value_or("nothing").ends_with(std::string(words, 8)));
  }
  for (Process* one : {&ann, &ben, &cem}) {
    one->write("/stats\n");
    CHECK(one->wait_for_line("* received ") == "* received 2, lost 0, duplicated 0, out of order 0");
  }
  cem.close_input();
  CHECK(ending(cem) == well);
  CHECK(ann.wait_for_line("* Cem left"));
}

TEST_CASE("udp_chat group: a group of one interface is not joined on another") {
  const support::OwnNetwork network;
  if (!network.why_not().empty()) {
    WARN(network.why_not() << ": not tested");
    return;
  }
  const auto outcome = run_to_end(command(
      "udp_chat", {"group", "--group", "[ff02::77%left]:7777", "--interface", "fe80::2%right", "--name", "Ann"}));
  CHECK(outcome.exit == used_wrongly);
  CHECK(outcome.errors ==
        "udp_chat group: --group names another interface than --interface (udp_chat group --help tells more)\n");
}

TEST_CASE("udp_chat group: what was typed last still goes out") {
  const Place place;
  RawMember raw(place);
  Process ann(group_words(place, "Ann"));
  ann.write("1\n2\n3");
  ann.close_input();
  CHECK(ending(ann) == well);
  CHECK(raw.hear(presence, "Ann")[21] == 0);
  for (const std::string number : {"1", "2", "3"})
    CHECK(raw.hear(text, "Ann").ends_with("Ann" + std::string(1, '\0') + number));
  CHECK(raw.hear(leave, "Ann")[21] == 3);
}

TEST_CASE("udp_chat group puts in order, drops duplicates and says what was lost") {
  const Place place;
  Person ann(place, "Ann");
  RawMember raw(place);
  raw.send(datagram(presence, 7, 0, "Ben"));
  CHECK(ann.wait_for_line("* Ben is here"));
  for (const char number : {'\2', '\1', '\2', '\1', '\3', '\6'})
    raw.send(datagram(text, 7, number, "Ben", std::string(1, static_cast<char>('a' + number))));
  CHECK(ann.wait_for("<Ben> b\n<Ben> c\n<Ben> d\n"));
  CHECK(ann.wait_for_line("* 2 messages of Ben were lost"));
  CHECK(ann.wait_for_line("<Ben> g"));
  raw.send(datagram(text, 7, 5, "Ben", "f"));  // after all
  raw.send(datagram(presence, 7, 7, "Ben"));   // 7 was the last
  CHECK(ann.wait_for_line("* 1 message of Ben was lost"));
  CHECK_FALSE(ann.has_output("<Ben> f"));
  ann.write("/stats\n");
  CHECK(ann.wait_for_line("* received 4") == "* received 4, lost 3 (1 came too late), duplicated 2, out of order 1");
  raw.send(datagram(leave, 7, 7, "Ben"));
  CHECK(ann.wait_for_line("* Ben left"));
}

TEST_CASE("udp_chat group takes any bytes") {
  const Place place;
  Person ann(place, "Ann");
  RawMember raw(place);
  raw.send("hello");
  raw.send("");
  raw.send("PlyG");
  raw.send(std::string(60000, 'x'));
  raw.send(std::string("PlyG\x01\x02") + std::string(16, '\xff') + "Ben" + std::string(1, '\0') + "x");
  raw.send(datagram(presence, 9, 0, "B\x1b[2J"));
  raw.send(datagram(presence, 7, 0, "Ben"));
  raw.send(datagram(text, 7, 1, "Ben", "\x1b]52;c;eA==\x07<Cem> hi\nforged"));
  CHECK(ann.wait_for_line("<Ben> ") == "<Ben> ]52;c;eA==<Cem> hiforged");
  raw.send("PlyG\x02");
  CHECK(ann.wait_for_line("! somebody here has another version"));
  CHECK(ann.output().find('\x1b') == std::string::npos);
}

TEST_CASE("udp_chat group: two of one name are told apart, the same way by all") {
  const Place place;
  Person first(place, "Ann");
  Person eve(place, "Eve");
  REQUIRE(eve.wait_for_line("* Ann is here"));
  Process second(group_words(place, "Ann"));
  CHECK(second.wait_for_line("* somebody here") == "* somebody here is called Ann, too: you are shown as Ann~2");
  CHECK(second.wait_for_line("* Ann is here"));
  for (Person* one : {&first, &eve}) CHECK(one->wait_for_line("* Ann~2 is here"));
  second.write("hi\n");
  for (Person* one : {&first, &eve}) CHECK(one->wait_for_line("<Ann~2> hi"));
  eve.write("here\n");
  REQUIRE(second.wait_for_line("<Eve> here"));
  second.write("/Who\n");
  CHECK(second.wait_for_line("* here: Ann~2 (you), Ann, Eve"));
  first.close_input();
  CHECK(ending(first) == well);
  CHECK(first.output().find("shown as") == std::string::npos);
  CHECK(second.wait_for_line("* you are shown as Ann again"));
  CHECK(eve.wait_for_line("* Ann~2 is shown as Ann from now on"));
}

TEST_CASE("udp_chat group: over a network that loses, repeats and reorders, the count is right") {
  Place place, other_place;
  other_place.port = place.port;
  other_place.group = "239.254" + place.group.substr(7);
  const support::LossyRelay relay(support::TwoGroups{place.group, other_place.group, place.port},
                                  {.seed = 3, .drop = 15, .duplicate = 10, .reorder = 20});
  Person ben(other_place, "Ben");
  Person ann(place, "Ann");
  REQUIRE(ben.wait_for_line("* Ann is here", std::chrono::seconds(60)));
  const int said = 60;
  for (int i = 1; i <= said; ++i) ann.write("text " + std::to_string(i) + "\n");
  // The last texts may be among the lost: how many there are, he then hears with her presence, which she tells again
  // and again.
  std::string counters;
  const auto all_are_counted = [&] {
    ben.write("/stats\n");
    const auto line = ben.wait_for_line("* received ", std::chrono::seconds(60));
    REQUIRE(line);
    counters = *line;
    const auto number_after = [&](const std::string& word) {
      return std::stoi(counters.substr(counters.find(word) + word.size()));
    };
    if (number_after("received ") + number_after("lost ") == said) return true;
    static_cast<void>(ben.wait_for("never", std::chrono::milliseconds(100)));
    return false;
  };
  CHECK(comes_true(all_are_counted, std::chrono::seconds(60)));
  INFO(counters);
  CHECK(relay.counters().dropped > 0);
  // In order, and none twice.
  std::size_t at = 0;
  int shown = 0;
  for (int i = 1; i <= said; ++i) {
    const std::string line = "<Ann> text " + std::to_string(i) + "\n";
    CHECK(count_of(ben.output(), line) <= 1);
    const std::size_t found = ben.output().find(line);
    if (found == std::string::npos) continue;
    CHECK(found >= at);
    at = found;
    ++shown;
  }
  CHECK(counters.starts_with("* received " + std::to_string(shown) + ", lost " + std::to_string(said - shown)));
}

TEST_CASE("udp_chat group: what can go wrong at the beginning") {
  const Place place;
  RawSocket other = RawSocket::udp();
  Place taken = place;
  taken.port = other.port();
  Outcome outcome = run_to_end(group_words(taken, "Ann"));
  CHECK(outcome.exit == failed);
  CHECK(outcome.output.empty());
  CHECK(outcome.errors == "cannot listen on 0.0.0.0:" + std::to_string(taken.port) + ": Address already in use\n");
  outcome = run_to_end(group_words(place, "Ann", "192.0.2.77"));
  CHECK(outcome.exit == failed);
  CHECK(outcome.errors.starts_with("cannot use the interface 192.0.2.77: "));
  outcome = run_to_end(command("udp_chat", {"group"}));
  CHECK(outcome.errors == "udp_chat group: say --name NAME (udp_chat group --help tells more)\n");
}
