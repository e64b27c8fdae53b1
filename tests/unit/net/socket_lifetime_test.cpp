// SPDX-License-Identifier: BSL-1.0
// Sockets that are moved, closed, shared and destroyed while operations are in flight, and coroutines that are ended at
// each point where they wait.
#include <parley/net/socket.hpp>

#include <parley/core/sleep.hpp>
#include <parley/core/when_all.hpp>
#include <parley/net/udp_socket.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace parley;
using namespace std::chrono_literals;
using support::narrow_pair;
using support::pattern;
using support::run;
using support::tcp_pair;

namespace {

Task<> receive_into(Socket& socket, Result<std::size_t>& outcome) {
  char buffer[10];
  outcome = co_await socket.recv(buffer);
}

Task<> fill(Socket& socket, const std::string& text, Transferred& outcome) { outcome = co_await socket.send_all(text); }

}  // namespace

TEST_CASE("close and destruction complete what is in flight with cancelled") {
  enum class How { close, destroy, assign, release };
  for (const How how : {How::close, How::destroy, How::assign, How::release}) {
    auto pair = narrow_pair();
    auto socket = std::make_unique<Socket>(std::move(pair.first));
    const std::string text = pattern(100000);
    Result<std::size_t> received = 0u;
    Transferred sent;
    EventLoop loop;
    Scope scope;
    const auto begin = [&]() -> Task<> {
      scope.spawn(receive_into(*socket, received));
      scope.spawn(fill(*socket, text, sent));
      co_return;
    };
    loop.run(begin()).value();
    CHECK(scope.size() == 2);
    if (how == How::close) socket->close();
    if (how == How::destroy) socket.reset();
    if (how == How::assign) *socket = Socket();
    if (how == How::release) static_cast<void>(platform::NativeHandle(socket->release()));
    CHECK(support::turn_until(loop, [&] { return scope.size() == 0; }));
    CAPTURE(static_cast<int>(how));
    CHECK(received.error() == Error::cancelled);
    CHECK(sent.error() == Error::cancelled);
    CHECK(sent.bytes() > 0);
    CHECK(pair.second.recv_text(SIZE_MAX).wait().value() == text.substr(0, sent.bytes()));
  }
}

TEST_CASE("an operation that is told to end finds its socket closed already") {
  auto [a, b] = socket_pair().value();
  StopSource source;
  const auto go = [&, &x = a]() -> Task<> {
    char buffer[10];
    EventLoop::current()
        ->post([&] {
          source.request_stop();
          x.close();
        })
        .value();
    const auto got = co_await x.recv(buffer).within(1s).stop(source.token());
    CHECK(got.error() == Error::cancelled);
    const auto again = co_await x.recv(buffer);
    CHECK(again.error() == Error::closed);
  };
  run(go());
}

TEST_CASE("moving a socket disturbs nothing in flight") {
  auto [a, b] = socket_pair().value();
  Result<std::size_t> received = 0u;
  EventLoop loop;
  Scope scope;
  const auto begin = [&, &x = a]() -> Task<> {
    scope.spawn(receive_into(x, received));
    co_return;
  };
  loop.run(begin()).value();
  auto moved = std::make_unique<Socket>(std::move(a));
  CHECK_FALSE(a.is_open());
  b.send_all("abc").wait().value();
  CHECK(support::turn_until(loop, [&] { return scope.size() == 0; }));
  CHECK(received.value() == 3);
}

TEST_CASE("a second operation of the same direction is refused, the first goes on") {
  auto [a, b] = narrow_pair();
  const std::string text = pattern(50000);
  const auto go = [&, &x = a, &y = b]() -> Task<> {
    char buffer[10];
    Result<std::size_t> received = 0u;
    Transferred sent;
    Scope scope;
    scope.spawn(receive_into(x, received));
    scope.spawn(fill(x, text, sent));
    const auto second_read = co_await x.recv(buffer);
    CHECK(second_read.error() == Error::busy);
    const auto second_write = co_await x.send("z");
    CHECK(second_write.error() == Error::busy);
    std::string all(text.size(), '\0');
    const auto got = co_await y.recv_exactly(all);
    CHECK(got.value() == text.size());
    CHECK(all == text);
    const auto answered = co_await y.send_all("abc");
    CHECK(answered.value() == 3);
    const auto joined = co_await scope.join();
    CHECK(joined);
    CHECK(received.value() == 3);
    CHECK(sent.value() == text.size());
    const auto free_again = co_await x.send("z");
    CHECK(free_again.value() == 1);
  };
  run(go());
}

TEST_CASE("a socket belongs to the loop that used it first, until that loop is gone") {
  auto [a, b] = socket_pair().value();
  char buffer[10];
  const auto use = [&](Socket& socket) -> Task<Result<std::size_t>> {
    co_return co_await socket.recv(buffer).within(0ms);
  };
  {
    EventLoop first;
    EventLoop second;
    CHECK(first.run(use(a)).error() == Error::timed_out);
    CHECK(second.run(use(a)).error() == Error::wrong_loop);
    CHECK(a.recv(buffer).within(0ms).wait().error() == Error::wrong_loop);
    CHECK(first.run(use(a)).error() == Error::timed_out);
  }
  CHECK(a.recv(buffer).within(0ms).wait().error() == Error::timed_out);
  b.send_all("abc").wait().value();
  EventLoop third;
  CHECK(third.run(use(a)).value() == 3);
}

TEST_CASE("a loop's own thread is not blocked, and a thread without a loop is told") {
  auto [a, b] = socket_pair().value();
  const auto block = [&, &x = a]() -> Task<> {
    char buffer[10];
    CHECK(x.recv(buffer).wait().error() == Error::would_block_loop);
    co_return;
  };
  run(block());
  bool done = false;
  const auto nowhere = [&, &x = a]() -> support::Foreign {
    char buffer[10];
    const auto got = co_await x.recv(buffer);
    CHECK(got.error() == Error::no_loop);
    done = true;
  };
  nowhere();
  CHECK(done);
}

TEST_CASE("a stop that was requested before is heeded, a shield and what has come first too") {
  auto [a, b] = socket_pair().value();
  StopSource source;
  source.request_stop();
  char buffer[10];
  CHECK(a.recv(buffer).stop(source.token()).wait().error() == Error::cancelled);
  const auto receive = [&, &x = a]() -> Task<Result<std::size_t>> { co_return co_await x.recv(buffer); };
  const auto shielded = [&, &x = a]() -> Task<Result<std::size_t>> {
    co_return co_await x.recv(buffer).stop({}).within(1ms);
  };
  EventLoop loop;
  CHECK(loop.run(receive().with_stop(source.token())).error() == Error::cancelled);
  CHECK(loop.run(shielded().with_stop(source.token())).error() == Error::timed_out);

  // Bytes and the stop in the same turn: the bytes win.
  StopSource later;
  Result<std::size_t> received = 0u;
  Scope scope;
  const auto begin = [&, &x = a]() -> Task<> {
    scope.spawn(receive_into(x, received));
    co_return;
  };
  loop.run(begin()).value();
  b.send_all("abc").wait().value();
  scope.cancel();
  CHECK(support::turn_until(loop, [&] { return scope.size() == 0; }));
  CHECK(received.value() == 3);
}

TEST_CASE("sockets and their loop end in any order") {
  auto [a, b] = tcp_pair();
  auto loop = std::make_unique<EventLoop>();
  const auto use = [](Socket& socket) -> Task<> {
    char buffer[10];
    static_cast<void>(co_await socket.recv(buffer).within(0ms));
  };
  loop->run(use(a)).value();
  loop->run(use(b)).value();
  { const Socket before = std::move(a); }
  loop.reset();
  b.close();
}

TEST_CASE("a coroutine closes its own socket and opens another with the same number") {
  const auto go = []() -> Task<> {
    for (int i = 0; i < 50; ++i) {
      auto pair = socket_pair().value();
      char buffer[10];
      static_cast<void>(co_await pair.first.recv(buffer).within(0ms));
      const auto sent = co_await pair.second.send_all("abc");
      CHECK(sent.value() == 3);
      const auto got = co_await pair.first.recv(buffer);
      CHECK(got.value() == 3);
    }
  };
  run(go());
}

// ---- Ended at each suspension point ----

namespace {

struct Outcome {
  std::string echoed;
  bool finished = false;
};

Task<Result<>> echo_once(Socket& listener, std::size_t bytes) {
  auto peer = co_await listener.accept();
  if (!peer) co_return peer.error();
  std::string text(bytes, '\0');
  auto moved = co_await peer->recv_exactly(text);
  if (!moved) co_return moved.error();
  moved = co_await peer->send_all(text);
  co_return moved.error();
}

Task<Result<>> ask_once(Address server, const std::string& text, Outcome& outcome) {
  auto socket = Socket::open(server.native_family(), type::stream);
  if (!socket) co_return socket.error();
  if (auto connected = co_await socket->connect(server); !connected) co_return connected;
  const ConstBytes whole(text);
  auto half = whole.first(text.size() / 2);
  auto moved = co_await socket->send_all(half).within(1h);
  if (!moved) co_return moved.error();
  half = whole.after(text.size() / 2);
  moved = co_await socket->send_all(half);
  if (!moved) co_return moved.error();
  std::string answer(text.size(), '\0');
  moved = co_await socket->recv_exactly(answer).within(1h);
  if (!moved) co_return moved.error();
  outcome.echoed = answer;
  const auto end = co_await socket->recv_text(10);
  if (!end) co_return end.error();
  outcome.finished = end->empty();
  co_return {};
}

Task<Result<>> exchange_datagrams(Outcome& outcome) {
  auto a = UdpSocket::bind(Address::loopback_v4(0));
  auto b = UdpSocket::bind(Address::loopback_v4(0));
  if (!a || !b) co_return Error::closed;
  const Address to = b->local_address().value();
  if (auto sent = co_await a->send_to("ping", to); !sent) co_return sent.error();
  char buffer[100];
  const auto got = co_await b->recv_from(buffer);
  if (!got) co_return got.error();
  if (auto sent = co_await b->send_to("pong", got->from).within(1h); !sent) co_return sent.error();
  const auto answer = co_await a->recv_from(buffer).within(1h);
  if (!answer) co_return answer.error();
  outcome.echoed.assign(buffer, answer->bytes);
  static_cast<void>(co_await a->recv(buffer).within(1ms));
  outcome.finished = true;
  co_return {};
}

enum class Scenario { stream, datagrams };
enum class End { destroyed, cancelled, closed };

// Runs the scenario for so many turns, then ends it. False once it needed fewer.
bool end_after(int turns, Scenario scenario, End end) {
  LoopOptions options;
  options.max_inline = 0;  // every operation suspends
  EventLoop loop(options);
  const std::string text = pattern(100000);
  Outcome outcome;
  auto listener = Socket::open(family::ipv4, type::stream).value();
  listener.bind(Address::loopback_v4(0)).value();
  listener.listen().value();
  const Address address = listener.local_address().value();
  std::optional<Scope> scope(std::in_place);
  const auto begin = [&]() -> Task<> {
    if (scenario == Scenario::stream) {
      scope->spawn(echo_once(listener, text.size()));
      scope->spawn(ask_once(address, text, outcome));
    } else {
      scope->spawn(exchange_datagrams(outcome));
    }
    co_return;
  };
  loop.run(begin()).value();
  for (int i = 0; i < turns && scope->size() != 0; ++i) loop.turn(10ms).value();
  const bool was_running = scope->size() != 0;
  if (end == End::destroyed) {
    scope.reset();
  } else {
    if (end == End::closed) listener.close();
    scope->cancel();
    CHECK(support::turn_until(loop, [&] { return scope->size() == 0; }));
    if (end == End::cancelled) CHECK(scope->failures() == 0);  // a listener that closes resets its clients
  }
  for (int i = 0; i < 3; ++i) loop.turn().value();  // whatever is left must not reach a dead frame
  if (outcome.finished) CHECK(outcome.echoed == (scenario == Scenario::stream ? text : "pong"));
  return was_running;
}

}  // namespace

TEST_CASE("a coroutine can be ended wherever it waits") {
  for (const Scenario scenario : {Scenario::stream, Scenario::datagrams}) {
    for (const End end : {End::destroyed, End::cancelled, End::closed}) {
      CAPTURE(static_cast<int>(scenario), static_cast<int>(end));
      const std::size_t before = support::open_descriptors();
      int turns = 0;
      while (end_after(turns, scenario, end)) REQUIRE(++turns < 1000);
      CHECK(turns > 3);
      CHECK(support::open_descriptors() == before);
    }
  }
}
