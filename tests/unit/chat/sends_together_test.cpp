// SPDX-License-Identifier: BSL-1.0
#include <parley/chat/detail/sends_together.hpp>

#include <parley/chat/chat_room.hpp>
#include <parley/net/socket.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <utility>

using namespace parley;
using namespace std::chrono_literals;

namespace {

bool has_io_uring() { return platform::IoUringPoller().open() == 0; }

// A room with members whose streams are sockets. The test holds the other ends.
class Hall {
 public:
  struct Person {
    Socket stream;
    Socket far_end;
    Member member;
    std::string got;
  };

  explicit Hall(PollerKind poller, RoomOptions options = {}) : loop_({.poller = poller}), room_(options) {}

  Person& join(std::pair<Socket, Socket> pair) {
    Person& person = people_.emplace_back();
    person.stream = std::move(pair.first);
    person.far_end = std::move(pair.second);
    now([&] { person.member = room_.join(person.stream, "p" + std::to_string(people_.size())).value(); });
    return person;
  }
  void publish(std::string_view text) {
    now([&] { room_.publish(text).value(); });
  }
  void now(std::function<void()> function) {
    loop_.post(std::move(function)).value();
    loop_.turn().value();
  }
  void turns(int count = 50) {
    while (count-- > 0) loop_.turn().value();
  }
  // What has arrived at somebody's end.
  static std::string& read(Person& person) {
    std::array<char, 65536> bytes;
    for (;;) {
      const auto got = person.far_end.recv(bytes).within(0s).wait();
      if (!got || *got == 0) return person.got;
      person.got.append(bytes.data(), *got);
    }
  }

  EventLoop loop_;
  ChatRoom room_;
  std::deque<Person> people_;
};

}  // namespace

TEST_CASE("a message to many sockets is few calls") {
  if (!has_io_uring()) return;
  constexpr std::size_t members = 200;
  RoomOptions options;
  options.max_flush = 1h;  // all of it in one turn, however slow the machine
  Hall hall(PollerKind::io_uring, options);
  for (std::size_t i = 0; i < members; ++i) hall.join(support::tcp_pair());
  hall.publish("hello");
  hall.turns(3);
  std::size_t calls = 0;
  {
    const support::Faults faults;
    hall.publish("again");
    calls = faults.count("io_uring_enter");
    CHECK(faults.count("send") == 0);
    CHECK(faults.count("sendmsg") == 0);
  }
  const std::size_t batches = (members + platform::SendBatch::capacity - 1) / platform::SendBatch::capacity;
  CHECK(calls >= batches);
  CHECK(calls <= batches + 2);  // and a wait
  for (Hall::Person& person : hall.people_) CHECK(Hall::read(person) == "* hello\n* again\n");
  CHECK(hall.room_.counters().deliveries == 2 * members);
}

TEST_CASE("members who are fast, slow and gone at once get what they would get one by one") {
  for (const PollerKind poller : {PollerKind::epoll, PollerKind::io_uring}) {
    if (poller == PollerKind::io_uring && !has_io_uring()) continue;
    constexpr std::size_t members = 150;
    RoomOptions options;
    options.max_lag = std::size_t{1} << 20;
    Hall hall(poller, options);
    const auto is_gone = [](std::size_t i) { return i % 10 == 3; };
    const auto is_slow = [](std::size_t i) { return i % 10 == 5; };
    for (std::size_t i = 0; i < members; ++i) hall.join(is_slow(i) ? support::narrow_pair() : socket_pair().value());
    std::string all;
    for (int message = 0; message < 60; ++message) {
      if (message == 20) {
        for (std::size_t i = 0; i < members; ++i) {
          if (is_gone(i)) hall.people_[i].far_end.close();
        }
      }
      const std::string text = support::pattern(500, static_cast<std::size_t>(message));
      hall.publish(text);
      all += "* " + text + "\n";
      hall.turns(2);
      for (std::size_t i = 0; i < members; ++i) {
        if (!is_gone(i) && !is_slow(i)) Hall::read(hall.people_[i]);
      }
    }
    for (int reads = 0; reads < 200; ++reads) {  // the slow ones take a little at a time
      for (std::size_t i = 0; i < members; ++i) {
        if (is_slow(i)) Hall::read(hall.people_[i]);
      }
      hall.turns(2);
    }
    for (std::size_t i = 0; i < members; ++i) {
      Hall::Person& person = hall.people_[i];
      CHECK(person.member.reason() == (is_gone(i) ? EndReason::broken : EndReason::none));
      if (!is_gone(i)) CHECK(Hall::read(person) == all);
    }
    const auto counters = hall.room_.counters();
    CHECK(counters.members == members - members / 10);
    CHECK(counters.disconnected == 0);
    CHECK(counters.deliveries >= 60 * (members - members / 10));
  }
}

TEST_CASE("a slow member skips to the newest, and is told what it missed, in a batch as by itself") {
  for (const PollerKind poller : {PollerKind::epoll, PollerKind::io_uring}) {
    if (poller == PollerKind::io_uring && !has_io_uring()) continue;
    constexpr int messages = 400;
    RoomOptions options;
    options.slow = SlowPolicy::skip;
    options.max_lag = 65536;
    Hall hall(poller, options);
    for (int i = 0; i < 3; ++i) hall.join(socket_pair().value());
    Hall::Person& slow = hall.join(support::narrow_pair());
    for (int message = 0; message < messages; ++message) {
      hall.publish(support::pattern(400));
      for (int i = 0; i < 3; ++i) Hall::read(hall.people_[static_cast<std::size_t>(i)]);
    }
    for (int reads = 0; reads < 100; ++reads) {
      Hall::read(slow);
      hall.turns(2);
    }
    hall.publish("the last");
    hall.turns(4);
    Hall::read(slow);
    CHECK(slow.got.find("missed") != std::string::npos);
    CHECK(slow.got.substr(slow.got.size() - 11) == "* the last\n");
    const auto counters = hall.room_.counters();
    CHECK(counters.dropped > 0);
    // All others got all; and of each message this one got it or it was counted.
    CHECK(counters.deliveries + counters.dropped == 4 * (messages + 1));
  }
}
