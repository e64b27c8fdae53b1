// SPDX-License-Identifier: BSL-1.0
// A chat room whose members come over a reliable channel, through a path that loses a fifth of everything.

#include <parley/chat/chat_room.hpp>

#include <parley/io/line_reader.hpp>
#include <parley/io/reliable_stream.hpp>
#include <parley/io/send_line.hpp>

#include "support/catch.hpp"
#include "support/lossy_proxy.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {

Task<> session(ChatRoom& room, ReliableUdp peer) {
  ReliableStream stream{peer};
  {
    LineReader lines{stream};
    const auto name = co_await lines.next();
    if (!name) co_return;
    auto member = room.join(stream, *name);
    if (!member) co_return;
    for (auto line = co_await lines.next(); line; line = co_await lines.next()) {
      const auto said = co_await member->say(*line);
      if (!said) break;
    }
    static_cast<void>(co_await member->leave().within(2s));
  }
  static_cast<void>(co_await peer.close().within(2s));
}

Task<> hub(ChatRoom& room, ReliableListener& listener) {
  Scope sessions;
  for (auto peer = co_await listener.accept(); peer; peer = co_await listener.accept()) {
    sessions.spawn(session(room, std::move(*peer)));
  }
  static_cast<void>(co_await sessions.cancel_and_join());
}

Task<> talk(ReliableUdp& peer, std::string name, int count) {
  ReliableStream stream{peer};
  static_cast<void>(co_await send_line(stream, name));
  for (int i = 0; i < count; ++i) {
    const std::string text = name + " " + std::to_string(i);
    static_cast<void>(co_await send_line(stream, text));
  }
}

// Until it has heard so many texts of each of so many others.
Task<> listen(ReliableUdp& peer, int texts, std::vector<std::string>& heard) {
  ReliableStream stream{peer};
  LineReader lines{stream};
  while (static_cast<int>(heard.size()) < texts) {
    const auto line = co_await lines.next();
    if (!line) co_return;
    heard.emplace_back(*line);
  }
}

}  // namespace

TEST_CASE("members of a room over a lossy path hear each other, all and in order") {
  EventLoop loop;
  loop.run([]() -> Task<> {
        ChatRoom room({.history_messages = 1000});
        auto listener = ReliableListener::bind(Address::loopback_v4(0)).value();
        Scope background;
        test::LossyProxy proxy(background, listener.local_address().value(), {.loss = 0.2, .duplicate = 0.05});
        const Address front = proxy.address();
        background.spawn(hub(room, listener));
        constexpr int people = 4;
        constexpr int texts = 30;
        std::vector<ReliableUdp> clients;
        std::vector<std::vector<std::string>> heard(people);
        for (int i = 0; i < people; ++i) {
          auto client = co_await ReliableUdp::connect(front).within(20s);
          REQUIRE(client.has_value());
          clients.push_back(std::move(*client));
        }
        Scope scope;
        for (std::size_t i = 0; i < people; ++i) {
          scope.spawn(talk(clients[i], "p" + std::to_string(i), texts));
          scope.spawn(listen(clients[i], (people - 1) * texts, heard[i]));
        }
        const auto done = co_await scope.join().within(60s);
        CHECK(done.has_value());
        for (std::size_t i = 0; i < people; ++i) {
          std::vector<int> next(people);
          for (const std::string& line : heard[i]) {
            for (std::size_t j = 0; j < people; ++j) {
              const std::string text = "p" + std::to_string(j) + " " + std::to_string(next[j]);
              if (line.ends_with(text)) ++next[j];
            }
          }
          for (std::size_t j = 0; j < people; ++j) CHECK(next[j] == (i == j ? 0 : texts));
        }
        for (ReliableUdp& client : clients) static_cast<void>(co_await client.close().within(5s));
        static_cast<void>(co_await background.cancel_and_join());
      }())
      .value();
}
