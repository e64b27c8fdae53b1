// SPDX-License-Identifier: BSL-1.0
#include <parley/io/relayed_socket.hpp>

#include <parley/core/loop_pool.hpp>
#include <parley/io/exact.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/send_line.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {

/// How something came out, once it has.
struct Outcome {
  bool done = false;
  std::error_code error;
  std::size_t bytes = 0;
  std::string text;
};

Task<> receiving(RelayedSocket& stream, std::size_t size, Outcome& outcome) {
  std::string text(size, '\0');
  const auto received = co_await recv_exactly(stream, MutableBytes(text.data(), text.size()));
  outcome = {true, received.error(), received.bytes(), text.substr(0, received.bytes())};
}
Task<> sending(RelayedSocket& stream, std::string text, Outcome& outcome) {
  const auto sent = co_await send_all(stream, ConstBytes(text));
  outcome = {true, sent.error(), sent.bytes(), {}};
}

/// Two loops on one thread, whose turns and time the test makes; a peer of plain calls, whose socket the far loop serves
/// and the home uses.
class Pair {
 public:
  explicit Pair(const RelayOptions& options = {}, std::pair<Socket, Socket> sockets = socket_pair().value())
      : peer(std::move(sockets.first)) {
    stream.emplace(RelayedSocket::serve_on(*far, std::move(sockets.second), options).value());
    turns();
  }
  ~Pair() {
    tasks_->cancel();
    turns();
    on_home([this] { tasks_.reset(); });
    stream.reset();
  }

  Outcome& receive(std::size_t size) {
    return start([&, size](Outcome& outcome) { return receiving(*stream, size, outcome); });
  }
  Outcome& send(std::string text) {
    return start([&](Outcome& outcome) { return sending(*stream, std::move(text), outcome); });
  }
  void turns() {
    for (int i = 0; i < 6; ++i) {
      home.turn().value();
      if (far) far->turn().value();
    }
  }
  void advance(Duration time) {
    clock.advance(time);
    turns();
  }
  /// What the peer has got, without waiting for more.
  std::string got() {
    std::string all;
    char buffer[65536];
    for (;;) {
      turns();
      const auto count = peer.recv(MutableBytes(buffer, sizeof buffer)).within(0s).wait();
      if (!count || *count == 0) return all;
      all.append(buffer, *count);
    }
  }
  /// What receiving comes to for the peer: 0 at the end of the stream.
  Result<std::size_t> peer_receives() {
    turns();
    char byte = 0;
    return peer.recv(MutableBytes(&byte, 1)).within(0s).wait();
  }
  void peer_sends(std::string_view text) { peer.send_all(text).wait().value(); }

  ManualClock clock;
  EventLoop home{{.time = &clock}};
  std::optional<EventLoop> far{std::in_place, LoopOptions{.time = &clock}};
  Socket peer;
  std::optional<RelayedSocket> stream;

 private:
  template <class Function>
  void on_home(Function function) {
    home.post(function).value();
    turns();
  }
  template <class Make>
  Outcome& start(Make make) {
    outcomes_.push_back(std::make_unique<Outcome>());
    Outcome& outcome = *outcomes_.back();
    on_home([&] { tasks_->spawn(make(outcome)); });
    return outcome;
  }

  std::vector<std::unique_ptr<Outcome>> outcomes_;
  std::optional<Scope> tasks_{std::in_place};
};

}  // namespace

TEST_CASE("bytes pass between a stream on one loop and the socket on another") {
  Pair pair;
  const Outcome& received = pair.receive(5);
  CHECK_FALSE(received.done);
  pair.peer_sends("hello");
  pair.turns();
  CHECK(received.text == "hello");
  CHECK(pair.send("good day").done);
  CHECK(pair.got() == "good day");
}

TEST_CASE("a relayed socket: what has come goes before the end, which stays") {
  Pair pair;
  pair.peer_sends("last words");
  pair.peer.shutdown(ShutdownWay::send).value();
  pair.turns();
  CHECK(pair.receive(10).text == "last words");
  CHECK(pair.receive(1).error == Error::end_of_stream);
  CHECK(pair.receive(1).error == Error::end_of_stream);
  CHECK_FALSE(pair.send("still heard").error);
  CHECK(pair.got() == "still heard");
}

TEST_CASE("a relayed socket receives no more until one batch has been taken") {
  Pair pair({.max_batch = 1000}, support::narrow_pair());
  const std::string text = support::pattern(1 << 20);
  std::size_t sent = 0;
  const auto push = [&] {
    while (sent != text.size()) {
      pair.turns();
      const auto some = pair.peer.send(std::string_view(text).substr(sent)).within(0s).wait();
      if (!some) return;
      sent += *some;
    }
  };
  push();
  CHECK(sent < 64 << 10);  // the kernel's room, and one batch
  std::string all;
  while (all.size() != text.size()) {
    push();
    const Outcome& received = pair.receive(std::min<std::size_t>(1000, text.size() - all.size()));
    push();
    REQUIRE(received.done);
    all += received.text;
  }
  CHECK(all == text);
}

TEST_CASE("a relayed socket: a sender waits while the queue is full, and nothing is lost or out of order") {
  Pair pair({.max_queue = 1000}, support::narrow_pair());
  const std::string text = support::pattern(1 << 20);
  const Outcome& sent = pair.send(text);
  CHECK_FALSE(sent.done);
  pair.advance(1h);  // a peer that takes nothing may do so as long as the stream is there
  CHECK_FALSE(sent.done);
  std::string all;
  while (all.size() < text.size()) {
    const std::string some = pair.got();
    REQUIRE_FALSE(some.empty());
    all += some;
  }
  CHECK(all == text);
  CHECK(sent.done);
  CHECK(sent.bytes == text.size());
}

TEST_CASE("a relayed socket that is destroyed sends what was queued, then closes") {
  Pair pair;
  pair.send("goodbye");
  pair.send(support::pattern(50000));
  pair.stream.reset();
  CHECK(pair.got() == "goodbye" + support::pattern(50000));
  CHECK(pair.peer_receives().value() == 0);
}

TEST_CASE("a relayed socket lingers no longer than it may for a peer that takes nothing") {
  Pair pair({.linger = 2s}, support::narrow_pair());
  pair.send(support::pattern(60000));
  pair.stream.reset();
  pair.turns();
  const auto still_open = [&] { return pair.peer.send("x").within(0s).wait().has_value(); };
  CHECK(still_open());
  pair.advance(2s);
  CHECK(still_open());
  pair.advance(2s);
  pair.advance(2s);
  CHECK_FALSE(still_open());
}

TEST_CASE("shutdown of a relayed socket") {
  Pair pair;
  const Outcome& waiting = pair.receive(1);
  pair.send("before");
  SECTION("of sending: the peer gets what was queued, and the end") {
    pair.stream->shutdown(ShutdownWay::send).value();
    CHECK(pair.got() == "before");
    CHECK(pair.peer_receives().value() == 0);
    CHECK(pair.send("after").error == std::errc::broken_pipe);
    CHECK_FALSE(waiting.done);
    pair.peer_sends("x");
    pair.turns();
    CHECK(waiting.text == "x");
  }
  SECTION("of receiving: who waits is told of the end") {
    pair.stream->shutdown(ShutdownWay::receive).value();
    pair.turns();
    CHECK(waiting.error == Error::end_of_stream);
    CHECK_FALSE(pair.send(" after").error);
    CHECK(pair.got() == "before after");
  }
  SECTION("of both") {
    pair.stream->shutdown(ShutdownWay::both).value();
    pair.turns();
    CHECK(waiting.error == Error::end_of_stream);
    CHECK(pair.got() == "before");
    CHECK(pair.peer_receives().value() == 0);
  }
}

TEST_CASE("a relayed socket whose peer has reset the connection") {
  Pair pair({}, support::tcp_pair());
  const Outcome& waiting = pair.receive(1);
  pair.peer.set(Linger{true, 0s}).value();
  pair.peer.close();
  for (int i = 0; i < 1000 && !waiting.done; ++i) pair.turns();
  CHECK(waiting.error == std::errc::connection_reset);
  pair.send("nobody gets this");
  pair.turns();
  CHECK(pair.send("nor this").error == std::errc::broken_pipe);
}

TEST_CASE("a relayed socket: one operation that receives and one that sends") {
  Pair pair({.max_queue = 1}, support::narrow_pair());
  pair.receive(1);
  CHECK(pair.receive(1).error == Error::busy);
  pair.send(support::pattern(1 << 20));
  CHECK(pair.send("x").error == Error::busy);
}

TEST_CASE("a relayed socket whose loop ends") {
  Pair pair;
  const Outcome& waiting = pair.receive(1);
  pair.send("on its way");
  SECTION("it was stopped, and sends what was queued first") {
    pair.far->stop();
    pair.far->run().value();
  }
  SECTION("it is destroyed") { pair.far.reset(); }
  pair.turns();
  CHECK(waiting.error == Error::closed);
  CHECK(pair.send("too late").error == Error::closed);
  CHECK(pair.got() == "on its way");
  CHECK(pair.peer_receives().value() == 0);
}

TEST_CASE("a relayed socket whose loop never begins") {
  auto sockets = socket_pair().value();
  std::optional<EventLoop> far(std::in_place, LoopOptions{.max_posted = 1});
  auto stream = RelayedSocket::serve_on(*far, std::move(sockets.second)).value();
  CHECK(RelayedSocket::serve_on(*far, socket_pair().value().first).error() == Error::queue_full);
  CHECK(RelayedSocket::serve_on(*far, Socket()).error() == Error::closed);
  far.reset();
  char byte = 0;
  CHECK(sockets.first.recv(MutableBytes(&byte, 1)).wait().value() == 0);
  CHECK(recv_exactly(stream, MutableBytes(&byte, 1)).wait().error() == Error::closed);
  CHECK(send_all(stream, ConstBytes("x", 1)).wait().error() == Error::closed);
}

namespace {

Task<> echo_lines(RelayedSocket stream) {
  LineReader lines{stream};
  for (;;) {
    const auto line = co_await lines.next();
    if (!line) break;
    const auto sent = co_await send_line(stream, *line);
    if (!sent) break;
  }
}

Task<> talk(Socket peer, int rounds, int& heard) {
  LineReader lines{peer};
  for (int i = 0; i < rounds; ++i) {
    const std::string text = std::to_string(i) + std::string(static_cast<std::size_t>(i * 131) % 30000, '.');
    const auto sent = co_await send_line(peer, text);
    if (!sent) break;
    const auto line = co_await lines.next();
    if (!line || *line != text) break;
    ++heard;
  }
}

}  // namespace

TEST_CASE("sockets that a pool of loops serves for one") {
  constexpr int connections = 20;
  constexpr int rounds = 50;
  int heard = 0;
  {
    LoopPool pool(3);
    EventLoop loop;
    loop.run([](LoopPool& loops, int& count) -> Task<> {
          Scope servers;
          Scope clients;
          for (int i = 0; i < connections; ++i) {
            auto sockets = socket_pair().value();
            auto stream = RelayedSocket::serve_on(loops.next().loop(), std::move(sockets.first)).value();
            servers.spawn(echo_lines(std::move(stream)));
            clients.spawn(talk(std::move(sockets.second), rounds, count));
          }
          const auto talked = co_await clients.join();
          const auto ended = co_await servers.join();
          static_cast<void>(talked);
          static_cast<void>(ended);
        }(pool, heard))
        .value();
  }
  CHECK(heard == connections * rounds);
}
