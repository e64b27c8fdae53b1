// SPDX-License-Identifier: BSL-1.0
// Rooms on several loops, spoken to from several threads (case 16). For the thread sanitizer above all.

#include <parley/chat/chat_room.hpp>
#include <parley/core/loop_thread.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/memory_stream.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "chat_server.hpp"

using namespace parley;
using namespace std::chrono_literals;

namespace {

constexpr int people = 20;
constexpr int publishers = 2;

/// A room on a loop of its own, with a witness who reads all and people who come and go.
struct Place {
  Place() {
    thread.spawn([this] { return live(); }).value();
  }

  Task<> live() {
    {
      Member witness = room.join(witness_stream, "witness").value();
      ready = true;
      Scope scope;
      for (int i = 0; i < people; ++i) scope.spawn(come_and_go(i));
      scope.spawn(kick());
      static_cast<void>(co_await scope.join());
      stopped = true;
      while (!finished) static_cast<void>(co_await sleep(1ms));
      static_cast<void>(co_await witness.leave());
    }
    left = true;
  }

  Task<> come_and_go(int number) {
    const std::string name = "p" + std::to_string(number);
    for (int round = 0; round < rounds; ++round) {
      MemoryStream stream;
      auto member = room.join(stream, name);
      if (!member) continue;
      static_cast<void>(member->announce(name + " joined"));
      const std::string text = "text " + std::to_string(round);
      const auto said = co_await member->say(text);
      static_cast<void>(member->rename(name + "-" + std::to_string(round)));
      static_cast<void>(co_await sleep(std::chrono::microseconds(50 * (number % 5))));
      const auto again = member->try_say(text);
      texts += (said.has_value() ? 1u : 0u) + (again.has_value() ? 1u : 0u);
      const auto direct = co_await member->say_to(somebody(member->id()), "psst");
      directs += direct.has_value() ? 1u : 0u;
      if (round % 3 == 0) static_cast<void>(co_await member->leave().within(10ms));
      static_cast<void>(stream.take_sent());
    }
  }

  Task<> kick() {
    for (int round = 0; round < rounds * 4; ++round) {
      kicked += room.remove(somebody(no_member)) ? 1u : 0u;
      static_cast<void>(co_await sleep(100us));
    }
  }

  /// One of the people, but not this one; no_member when there is none.
  MemberId somebody(MemberId but) const {
    MemberId found = no_member;
    room.for_each([&](MemberId id, std::string_view name) {
      if (id != but && name.starts_with('p')) found = id;
    });
    return found;
  }

  static constexpr int rounds = 60;
  MemoryStream witness_stream{{.max_sent = std::size_t{1} << 26}};
  ChatRoom room{RoomOptions{.max_lag = std::size_t{1} << 26, .rate = 0}};
  std::atomic<bool> ready = false;
  std::atomic<bool> stopped = false;   // all people have gone
  std::atomic<bool> finished = false;  // nothing more is published
  std::atomic<bool> left = false;
  std::size_t texts = 0;  // of the loop's thread, until `left`
  std::size_t directs = 0;
  std::size_t kicked = 0;
  LoopThread thread;  // last, so that it ends first
};

}  // namespace

TEST_CASE("case 16: people join, leave, are kicked and renamed on two loops while other threads publish") {
  std::array<std::unique_ptr<Place>, 2> places{std::make_unique<Place>(), std::make_unique<Place>()};
  for (const auto& place : places) REQUIRE(stress::comes_true([&] { return place->ready.load(); }));

  std::array<std::array<std::size_t, publishers>, 2> published{};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < publishers; ++number) {
    threads.emplace_back([&, number] {
      for (std::size_t i = 0; !places[0]->stopped || !places[1]->stopped || i < 1000; ++i) {
        const std::size_t where = i % 2;
        const std::string text = "publisher" + std::to_string(number) + ' ' + std::to_string(published[where][number]);
        published[where][number] += places[where]->room.publish(text).has_value() ? 1u : 0u;
        if (i % 64 == 0) std::this_thread::yield();
      }
    });
  }
  std::array<std::string, 2> heard;
  const auto listen = [&] {
    for (std::size_t i = 0; i < 2; ++i) heard[i] += places[i]->witness_stream.take_sent();
  };
  CHECK(stress::comes_true(
      [&] {
        listen();
        return places[0]->stopped && places[1]->stopped;
      },
      60s));
  for (std::thread& thread : threads) thread.join();
  for (const auto& place : places) place->finished = true;
  CHECK(stress::comes_true([&] {
    listen();
    return places[0]->left && places[1]->left;
  }));
  listen();

  for (std::size_t i = 0; i < 2; ++i) {
    // Each of those that were taken, once and in order.
    std::array<std::size_t, publishers> next{};
    std::size_t texts = 0;
    std::size_t wrong = 0;
    for (const std::string& line : stress::lines_of(heard[i])) {
      texts += line.starts_with("<p");
      wrong += line.starts_with("[");
      if (!line.starts_with("* publisher")) continue;
      const auto number = static_cast<std::size_t>(line[11] - '0');
      wrong += std::stoul(line.substr(13)) != next[number]++;
    }
    CHECK(wrong == 0);
    CHECK(next == published[i]);
    CHECK(texts == places[i]->texts);
    CHECK(places[i]->texts > 0);
    CHECK(places[i]->directs > 0);
    CHECK(places[i]->kicked > 0);
    places[i]->thread.stop();
    CHECK(places[i]->thread.join().has_value());
    CHECK(places[i]->room.size() == 0);
  }
}
