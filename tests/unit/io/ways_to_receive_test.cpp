// SPDX-License-Identifier: BSL-1.0
// Bytes and connections come whole and in order whichever operations take them, and on whichever loop, also where the
// kernel hands them over before they are asked for (io_uring).
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/recv_file.hpp>
#include <parley/net/tcp_listener.hpp>

#include "support/catch.hpp"
#include "unit/io/file_transfer_harness.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;
using support::pattern;
using support::tcp_pair;

namespace {

class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed) {}
  std::size_t below(std::size_t limit) {
    state_ = state_ * 1664525 + 1013904223;
    return (state_ >> 8) % limit;
  }

 private:
  std::uint32_t state_;
};

// On a loop that sleeps in no time.
void run(Task<> task) {
  ManualClock clock(ManualClock::Idle::skip);
  EventLoop({.time = &clock}).run(std::move(task)).value();
}

Task<> send_in_pieces(Socket& socket, const std::string& text, std::uint32_t seed) {
  Random random(seed);
  for (std::size_t sent = 0; sent < text.size();) {
    const std::size_t size = std::min(text.size() - sent, 1 + random.below(random.below(8) == 0 ? 60'000 : 300));
    static_cast<void>(co_await parley::sleep(1ms));  // so that it is waited for
    (co_await socket.send_all(ConstBytes(text).after(sent).first(size))).value();
    sent += size;
  }
  socket.shutdown(ShutdownWay::send).value();
}

// When somebody waits for it already.
Task<> send_later(Socket& socket, std::string_view text) {
  static_cast<void>(co_await parley::sleep(1ms));
  (co_await socket.send_all(text)).value();
}

// Some of it in one of the ways that there are; nothing at the end.
Task<std::string> receive_somehow(Socket& socket, Random& random, const File& file) {
  std::string text(1 + random.below(random.below(6) == 0 ? 50'000 : 200), '\0');
  switch (random.below(6)) {
    case 0: {
      const auto received = co_await socket.recv_text(text.size());
      co_return received.value();
    }
    case 1: {
      const auto exactly = co_await socket.recv_exactly(text);
      text.resize(exactly.bytes());
      co_return text;
    }
    case 2: {
      const FileRange range{.offset = 0, .size = text.size()};
      const auto received = co_await recv_file(socket, file, range);
      text.resize(received.bytes());
      if (!text.empty()) file.read_at(0, text).value();
      co_return text;
    }
    case 3: {
      const auto received = co_await socket.recv_from(text);
      text.resize(received.value().bytes);
      co_return text;
    }
    case 4: {
      std::string seen(text.size(), '\0');
      seen.resize(*co_await socket.peek(seen));
      text.resize(seen.size());
      if (text.empty()) co_return text;
      (co_await socket.recv_exactly(text)).value();
      CHECK(text == seen);
      co_return text;
    }
    default: {
      // In vain, or not: a time that is over loses nothing.
      const auto received = co_await socket.recv(text).within(random.below(2) == 0 ? 0ms : 1h);
      if (received.error() == Error::timed_out) co_return co_await receive_somehow(socket, random, file);
      text.resize(received.value());
      co_return text;
    }
  }
}

}  // namespace

TEST_CASE("a stream comes whole and in order, in whatever ways it is received") {
  const file_test::Target target;
  // Many streams: one that was received in some of the ways is never again received for before it is asked for.
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    const std::string text = pattern(seed % 10 == 0 ? 200'000 : 3000);
    auto pair = tcp_pair();
    std::string received(seed % 7, '\0');
    const auto receive = [&]() -> Task<> {
      Random random(seed);
      (co_await pair.second.recv_exactly(received)).value();
      for (;;) {
        const std::string some = co_await receive_somehow(pair.second, random, target.file);
        if (some.empty()) break;
        received += some;
      }
    };
    const auto both = [&]() -> Task<> {
      Scope scope;
      scope.spawn(send_in_pieces(pair.first, text, seed));
      co_await receive();
      static_cast<void>(co_await scope.join());
    };
    run(both());
    CHECK((received == text));
  }
}

TEST_CASE("what a loop has received before it was asked for goes with the socket to whoever receives next") {
  const std::string text = pattern(5000);
  for (const bool next_is_a_loop : {false, true}) {
    auto pair = tcp_pair();
    std::string received;
    const auto receive_one = [&]() -> Task<> {
      char byte = 0;
      Scope scope;
      scope.spawn(send_in_pieces(pair.first, text, 1));
      (co_await pair.second.recv(MutableBytes(&byte, 1))).value();
      received += byte;
      static_cast<void>(co_await scope.join());
    };
    run(receive_one());
    CHECK((support::loops_use_io_uring() || pair.second.received_ahead() == 0));
    std::string rest(text.size() - 1, '\0');
    const auto receive_rest = [&]() -> Task<Transferred> { co_return co_await pair.second.recv_exactly(rest); };
    if (next_is_a_loop) {
      CHECK(EventLoop().run(receive_rest()));
    } else {
      CHECK(pair.second.recv_exactly(rest).wait());
    }
    CHECK((received + rest == text));
    CHECK(pair.second.recv_text(10).wait().value().empty());
  }
}

TEST_CASE("a socket that is released has given out all that it had received") {
  auto pair = tcp_pair();
  std::string line, rest;
  Socket adopted;
  const auto receive_line = [&]() -> Task<> {
    Scope scope;
    scope.spawn(send_later(pair.first, "head: and the rest"));
    line.resize(6);
    const auto head = co_await pair.second.recv_exactly(line);
    CHECK(head);
    static_cast<void>(co_await scope.join());
    (co_await pair.first.send_all(", and more")).value();
    while (const std::size_t ahead = pair.second.received_ahead()) {
      rest += (co_await pair.second.recv_text(ahead)).value();
    }
    // At once, without a turn.
    REQUIRE(platform::send(pair.first.native_handle(), " of it", 6).count == 6);
    adopted = Socket::adopt(pair.second.release()).value();
  };
  // A turn passes at each operation, and what came meanwhile is there after it.
  EventLoop({.max_inline = 1}).run(receive_line()).value();
  pair.first.close();
  CHECK(line == "head: ");
  for (std::string more; !(more = adopted.recv_text(100).wait().value()).empty();) rest += more;
  CHECK(rest == "and the rest, and more of it");
}

TEST_CASE("what a stranger sends is never taken for a connection, nor a connection for bytes") {
  auto pair = tcp_pair();
  auto listener = Socket::open(family::ipv4, type::stream).value();
  listener.bind(Address::loopback_v4(0)).value();
  listener.listen().value();
  const auto confuse = [&]() -> Task<> {
    Scope scope;
    scope.spawn(send_later(pair.first, std::string_view("x\0\0\0\0rest", 9)));
    std::string text(1, '\0');
    (co_await pair.second.recv_exactly(text)).value();
    const auto not_accepted = co_await pair.second.accept().within(1h);
    CHECK(not_accepted.error() == std::errc::invalid_argument);
    text.resize(8);
    (co_await pair.second.recv_exactly(text)).value();
    const auto nor_now = co_await pair.second.accept().within(1h);
    CHECK(nor_now.error() == std::errc::invalid_argument);
    scope.spawn(send_later(pair.first, "more"));
    const auto more = co_await pair.second.recv_text(4);
    CHECK(more.value() == "more");

    Socket clients[2];
    for (Socket& client : clients) {
      client = Socket::open(family::ipv4, type::stream).value();
      (co_await client.connect(listener.local_address().value())).value();
      const auto accepted = co_await listener.accept();
      CHECK(accepted);
      const auto not_received = co_await listener.recv(text).within(1h);
      CHECK(not_received.error() == std::errc::not_connected);
    }
    static_cast<void>(co_await scope.join());
  };
  run(confuse());
}

TEST_CASE("lines that came with one segment are read one by one, and what follows them by anybody") {
  auto pair = tcp_pair();
  const auto read = [&]() -> Task<> {
    Scope scope;
    scope.spawn(send_later(pair.first, "one\ntwo\nrest"));
    LineReader reader(pair.second);
    for (const std::string_view expected : {"one", "two"}) {
      const auto line = co_await reader.next();
      CHECK(line.value() == expected);
    }
    static_cast<void>(co_await scope.join());
    std::string rest(4, '\0');
    rest.resize(reader.take_rest(rest));
    if (rest.size() < 4) rest += (co_await pair.second.recv_text(4)).value();
    CHECK(rest == "rest");
  };
  run(read());
}

TEST_CASE("connections that came in a crowd are accepted one by one, with their addresses, by a loop and after it") {
  auto listener = TcpListener::bind(Address::loopback_v4(0)).value();
  const Address address = listener.local_address().value();
  constexpr std::size_t crowd = 90;
  std::vector<Socket> clients(crowd);
  std::vector<Socket> accepted;
  std::vector<Address> from;
  const auto accept_some = [&]() -> Task<> {
    Scope scope;
    const auto connect_all = [&]() -> Task<> {
      for (Socket& client : clients) {
        client = Socket::open(family::ipv4, type::stream).value();
        (co_await client.connect(address)).value();
      }
    };
    scope.spawn(connect_all());
    for (int i = 0; i < 5; ++i) {
      Address peer;
      accepted.push_back((co_await listener.accept(peer)).value());
      from.push_back(peer);
    }
    static_cast<void>(co_await scope.join());
    static_cast<void>((co_await listener.accept()).value());  // which is closed at once
  };
  support::run(accept_some());
  while (accepted.size() < crowd - 1) {
    Address peer;
    accepted.push_back(listener.accept(peer).within(10s).wait().value());
    from.push_back(peer);
  }
  for (std::size_t i = 0; i < accepted.size(); ++i) {
    CHECK(accepted[i].peer_address().value() == from[i]);
    accepted[i].send_all("x").wait().value();
  }
  std::size_t greeted = 0;
  for (Socket& client : clients) greeted += client.recv_text(10).within(10s).wait().value() == "x" ? 1 : 0;
  CHECK(greeted == crowd - 1);
}
