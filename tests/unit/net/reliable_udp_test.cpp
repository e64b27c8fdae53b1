// SPDX-License-Identifier: BSL-1.0
#include <parley/net/reliable_udp.hpp>

#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/lossy_proxy.hpp"

#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {

const Address any_port = Address::loopback_v4(0);

static_assert(sizeof(std::declval<ReliableUdp&>().recv_text()) <= 96);
static_assert(sizeof(std::declval<ReliableUdp&>().close()) <= 96);
static_assert(sizeof(std::declval<ReliableListener&>().accept()) <= 104);
static_assert(sizeof(ReliableUdp::connect(any_port)) <= 120);
static_assert(sizeof(parley::detail::reliable::Hub) <= 1024);  // none of what goes out or comes in

template <class Body>
void on_loop(Body body, EventLoop::Options options = {}) {
  EventLoop loop(options);
  loop.run(body()).value();
}

// Both ends of a connection that was made through an address.
struct Ends {
  ReliableListener listener;
  ReliableUdp client;
  ReliableUdp server;
};
Task<> accept_into(ReliableListener& listener, ReliableUdp& into) { into = (co_await listener.accept()).value(); }
Task<> make_ends(Ends& ends, const ReliableOptions& options = {}) {
  ends.listener = ReliableListener::bind(any_port, options).value();
  const Address address = ends.listener.local_address().value();
  Scope scope;
  scope.spawn(accept_into(ends.listener, ends.server));
  ends.client = (co_await ReliableUdp::connect(address, options)).value();
  static_cast<void>(co_await scope.join());
}

}  // namespace

TEST_CASE("at port 0 nobody can be") {
  CHECK(ReliableUdp::connect(Address::loopback_v4(0)).wait().error() == std::errc::invalid_argument);
}

TEST_CASE("a listener, its connections and their loop end in any order") {
  Ends ends;
  {
    EventLoop loop;
    loop.run(make_ends(ends)).value();
    ends.server.shutdown_send().value();  // which would go out at the end of the turn
  }
  SECTION("all at once") {}
  SECTION("the listener first") { ends.listener.close(); }
  SECTION("and they go on on another loop") {
    on_loop([&]() -> Task<> {
      const auto sent = co_await ends.client.send("hello");
      CHECK(sent);
      const auto got = co_await ends.server.recv_text();
      CHECK(got.value() == "hello");
      const auto end = co_await ends.client.recv_text();
      CHECK(end.error() == Error::end_of_stream);
    });
  }
  SECTION("or on none") {
    std::thread other([&] { ends.client.send("hello").wait().value(); });
    CHECK(ends.server.recv_text().within(10s).wait().value() == "hello");
    other.join();
  }
}

TEST_CASE("messages go both ways, whole, and an end is seen") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    CHECK(ends.client.peer_address() == ends.listener.local_address().value());
    CHECK(ends.server.peer_address().port() == ends.client.local_address().value().port());
    const std::string big(100000, 'b');
    for (const std::string& text : {std::string("hello"), std::string(), big}) {
      const auto sent = co_await ends.client.send(text);
      CHECK(sent.has_value());
      const auto got = co_await ends.server.recv_text().within(5s);
      CHECK(got.value() == text);
    }
    const auto answered = co_await ends.server.send(ReliableChannel::unordered(3), "answer");
    CHECK(answered.has_value());
    char buffer[4];
    const auto got = co_await ends.client.recv(buffer).within(5s);
    CHECK(got->bytes == 4);
    CHECK(got->truncated);
    CHECK(got->channel == ReliableChannel::unordered(3));
    CHECK(std::string(buffer, 4) == "answ");
    CHECK(ends.client.status().rtt < 1s);
    CHECK(ends.client.counters().messages_sent == 3);
    CHECK(ends.server.counters().messages_received == 3);

    Scope scope;
    const auto last = co_await ends.client.send("last");
    CHECK(last.has_value());
    const auto closed = co_await ends.client.close().within(5s);
    CHECK(closed.has_value());
    CHECK(!ends.client.is_open());
    const auto text = co_await ends.server.recv_text().within(5s);
    CHECK(text.value() == "last");
    const auto end = co_await ends.server.recv_text().within(5s);
    CHECK(end.error() == Error::end_of_stream);
    const auto late = co_await ends.server.send("late");
    CHECK(late.error() == std::errc::broken_pipe);
    const auto closed_too = co_await ends.server.close().within(5s);
    CHECK(closed_too.has_value());
  });
}

namespace {

Task<> send_numbers(ReliableUdp& peer, int count, bool& ok) {
  for (int i = 0; i < count; ++i) {
    const std::string text = std::to_string(i) + std::string(static_cast<std::size_t>(i) % 3000, '.');
    const auto sent = co_await peer.send(text);
    ok = ok && sent.has_value();
  }
}
Task<> receive_numbers(ReliableUdp& peer, int count, int& received) {
  while (received < count) {
    const auto text = co_await peer.recv_text();
    if (!text) break;
    if (std::stoi(*text) != received) break;
    ++received;
  }
}

}  // namespace

TEST_CASE("through a proxy that loses, repeats and swaps, all arrives in order") {
  on_loop([]() -> Task<> {
    auto listener = ReliableListener::bind(any_port).value();
    const Address address = listener.local_address().value();
    Scope proxies;
    test::LossyProxy proxy(proxies, address, {.loss = 0.2, .duplicate = 0.1, .swap = 0.1});
    const Address front = proxy.address();
    ReliableUdp server;
    Scope scope;
    scope.spawn(accept_into(listener, server));
    auto client = (co_await ReliableUdp::connect(front).within(20s)).value();
    static_cast<void>(co_await scope.join().within(20s));
    REQUIRE(server.is_open());
    bool ok = true;
    int up = 0;
    int down = 0;
    scope.spawn(send_numbers(client, 300, ok));
    scope.spawn(send_numbers(server, 300, ok));
    scope.spawn(receive_numbers(server, 300, up));
    scope.spawn(receive_numbers(client, 300, down));
    static_cast<void>(co_await scope.join().within(60s));
    CHECK(ok);
    CHECK(up == 300);
    CHECK(down == 300);
    CHECK(client.counters().lost > 0);
    CHECK(client.status().loss > 0);
    const auto closed = co_await client.close().within(20s);
    CHECK(closed.has_value());
    static_cast<void>(co_await proxies.cancel_and_join());
  });
}

namespace {

// Half a megabyte, over loopback, from one end of a connection to the other on one thread.
struct BulkRun {
  bool arrived = false;
  std::uint64_t datagrams = 0;
};
Task<> send_bulk(ReliableUdp& peer, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto sent = co_await peer.send(std::string(16000, static_cast<char>('a' + i)));
    if (!sent) co_return;
  }
}
Task<> run_bulk(BulkRun& run) {
  constexpr std::size_t count = 32;
  Ends ends;
  co_await make_ends(ends);
  Scope scope;
  scope.spawn(send_bulk(ends.client, count));
  run.arrived = true;
  for (std::size_t i = 0; i < count; ++i) {
    const auto got = co_await ends.server.recv_text().within(20s);
    run.arrived = run.arrived && got && *got == std::string(16000, static_cast<char>('a' + i));
  }
  static_cast<void>(co_await scope.join());
  run.datagrams = ends.client.counters().datagrams_sent + ends.server.counters().datagrams_sent;
}

}  // namespace

TEST_CASE("datagrams that go out together share a system call, and so do those that come together") {
  auto probe = UdpSocket::open().value();
  if (!platform::can_segment(probe.socket().native_handle())) return;
  on_loop([]() -> Task<> {
    BulkRun run;
    support::Faults faults;
    co_await run_bulk(run);
    CHECK(run.arrived);
    CHECK(run.datagrams > 400);
    CHECK(faults.count("sendmmsg") + faults.count("sendmsg") + faults.count("sendto") < run.datagrams / 4);
    CHECK(faults.count("recvmmsg") + faults.count("recvmsg") + faults.count("recvfrom") < run.datagrams / 4);
  });
}

TEST_CASE("whatever the system refuses of a batch, all arrives in order") {
  const auto arrives = [](auto spoil) {
    bool arrived = false;
    on_loop([&]() -> Task<> {
      BulkRun run;
      support::Faults faults;
      spoil(faults);
      co_await run_bulk(run);
      arrived = run.arrived;
    });
    return arrived;
  };
  for (const std::size_t nth : {1u, 2u, 5u, 6u, 7u, 8u, 20u}) {
    CHECK(arrives([&](support::Faults& faults) { faults.fail_call("sendmmsg", nth, EAGAIN); }));
    CHECK(arrives([&](support::Faults& faults) { faults.fail_call("sendmmsg", nth, ENOBUFS); }));
    CHECK(arrives([&](support::Faults& faults) { faults.fail_call("sendmmsg", nth, EIO); }));
    CHECK(arrives([&](support::Faults& faults) { faults.fail_call("recvmmsg", nth, ECONNREFUSED); }));
  }
  CHECK(arrives([](support::Faults& faults) { faults.few_messages(); }));
  CHECK(arrives([](support::Faults& faults) { faults.fail_always("setsockopt", ENOPROTOOPT); }));
}

TEST_CASE("a sender waits while the receiver does not read, and goes on when it does") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends, {.max_message = 1000, .window = 5000, .send_buffer = 5000});
    const std::string text(1000, 'x');
    int sent = 0;
    std::error_code stopped;
    while (!stopped && sent < 100) {
      const auto outcome = co_await ends.client.send(text).within(50ms);
      stopped = outcome.error();
      if (outcome) ++sent;
    }
    CHECK(stopped == Error::timed_out);
    CHECK(sent >= 4);
    CHECK(sent <= 9);
    int received = 0;
    Scope scope;
    bool ok = true;
    scope.spawn([](ReliableUdp& peer, const std::string& message, bool& all) -> Task<> {
      for (int i = 0; i < 50; ++i) {
        const auto outcome = co_await peer.send(message);
        all = all && outcome.has_value();
      }
    }(ends.client, text, ok));
    while (received < sent + 50) {
      const auto got = co_await ends.server.recv_text().within(5s);
      if (!got) break;
      ++received;
    }
    CHECK(received == sent + 50);
    CHECK(ok);
    static_cast<void>(co_await scope.join());
    const auto long_one = co_await ends.client.send(std::string(1001, 'x'));
    CHECK(long_one.error() == Error::too_long);
  });
}

TEST_CASE("one operation of a kind at a time, on an open connection, on its loop") {
  on_loop([]() -> Task<> {
    ReliableUdp none;
    const auto closed = co_await none.recv_text();
    CHECK(closed.error() == Error::closed);
    const auto closed_send = co_await none.send("x");
    CHECK(closed_send.error() == Error::closed);
    const auto closed_close = co_await none.close();
    CHECK(closed_close.error() == Error::closed);
    ReliableListener no_listener;
    const auto not_accepted = co_await no_listener.accept();
    CHECK(not_accepted.error() == Error::closed);

    Ends ends;
    co_await make_ends(ends);
    const auto [first_one, second_one] =
        (co_await race(ends.client.recv_text().within(5s), ends.client.recv_text())).results;
    CHECK(second_one.error() == Error::busy);
    CHECK(first_one.error() == Error::cancelled);

    std::error_code elsewhere;
    std::thread([&] {
      EventLoop other;
      elsewhere = other.run([](ReliableUdp& peer) -> Task<Result<>> { co_return co_await peer.send("x"); }(ends.client))
                      .error();
    }).join();
    CHECK(elsewhere == Error::wrong_loop);
    std::thread([&] { elsewhere = ends.client.send("x").wait().error(); }).join();
    CHECK(elsewhere == Error::wrong_loop);
  });
}

TEST_CASE("nobody there, no room, and a server that comes later") {
  on_loop([]() -> Task<> {
    const Address nowhere = UdpSocket::bind(any_port).value().local_address().value();
    const auto nobody = co_await ReliableUdp::connect(nowhere).within(50ms);
    CHECK(nobody.error() == Error::timed_out);

    // The system's refusals (ICMP) end nothing: it goes on asking until somebody answers.
    std::optional<Result<ReliableUdp>> outcome;
    Scope scope;
    scope.spawn([](const Address& to, std::optional<Result<ReliableUdp>>& into) -> Task<> {
      auto made = co_await ReliableUdp::connect(to).within(20s);
      into.emplace(std::move(made));
    }(nowhere, outcome));
    static_cast<void>(co_await sleep(10ms));
    auto listener = ReliableListener::bind(nowhere, {.max_connections = 1}).value();
    auto server = co_await listener.accept().within(20s);
    static_cast<void>(co_await scope.join());
    REQUIRE(server.has_value());
    CHECK(outcome->has_value());

    const auto refused = co_await ReliableUdp::connect(nowhere).within(20s);
    CHECK(refused.error() == std::errc::connection_refused);
    CHECK(listener.connections() == 1);
  });
}

TEST_CASE("a peer that is not heard of any more is lost, after the idle timeout") {
  ManualClock clock(ManualClock::Idle::skip);
  on_loop(
      []() -> Task<> {
        auto listener = ReliableListener::bind(any_port, {.idle_timeout = 20s}).value();
        const Address address = listener.local_address().value();
        Scope proxies;
        test::LossyProxy proxy(proxies, address, {});
        const Address front = proxy.address();
        ReliableUdp server;
        Scope scope;
        scope.spawn(accept_into(listener, server));
        auto client = (co_await ReliableUdp::connect(front, {.idle_timeout = 20s})).value();
        static_cast<void>(co_await scope.join());
        const auto quiet = co_await client.recv_text().within(3600s);
        CHECK(quiet.error() == Error::timed_out);
        proxy.set_blocked(true);
        const TimePoint start = EventLoop::current()->now();
        const auto lost = co_await client.recv_text().within(3600s);
        CHECK(lost.error() == Error::peer_lost);
        CHECK(EventLoop::current()->now() - start <= 21s);
        CHECK(EventLoop::current()->now() - start >= 10s);
        const auto send = co_await client.send("x");
        CHECK(send.error() == Error::peer_lost);
        const auto closed = co_await client.close();
        CHECK(closed.error() == Error::peer_lost);
        const auto nobody = co_await ReliableUdp::connect(front, {.idle_timeout = 20s});
        CHECK(nobody.error() == Error::peer_lost);
        static_cast<void>(co_await proxies.cancel_and_join());
      },
      {.time = &clock});
}

TEST_CASE("an end without notice is told apart from an end") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    const auto sent = co_await ends.client.send("x");
    CHECK(sent.has_value());
    ends.client.reset();
    std::error_code error;
    while (!error) {
      const auto got = co_await ends.server.recv_text().within(5s);
      error = got.error();
    }
    CHECK(error == std::errc::connection_reset);
    const auto closed = co_await ends.server.close().within(5s);
    CHECK(closed.has_value());
    CHECK(ends.listener.connections() == 0);
  });
}

TEST_CASE("the end of the last connection on a socket is told though two datagrams are lost") {
  on_loop([]() -> Task<> {
    auto listener = ReliableListener::bind(any_port).value();
    const Address address = listener.local_address().value();
    Scope proxies;
    test::LossyProxy proxy(proxies, address, {});
    const Address front = proxy.address();
    ReliableUdp server;
    Scope scope;
    scope.spawn(accept_into(listener, server));
    auto client = (co_await ReliableUdp::connect(front).within(20s)).value();
    static_cast<void>(co_await scope.join());
    const auto quiet = co_await client.recv_text().within(100ms);  // the greetings are over
    CHECK(quiet.error() == Error::timed_out);
    proxy.lose_next(2);
    client.reset();
    const auto got = co_await server.recv_text().within(5s);
    CHECK(got.error() == std::errc::connection_reset);
    static_cast<void>(co_await proxies.cancel_and_join());
  });
}

TEST_CASE("a listener tells when all connections have ended, and their peers know") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    const auto early = co_await ends.listener.all_ended().within(20ms);
    CHECK(early.error() == Error::timed_out);
    std::error_code waited = Error::busy;
    Scope scope;
    scope.spawn([](ReliableListener& listener, std::error_code& error) -> Task<> {
      const auto outcome = co_await listener.all_ended().within(10s);
      error = outcome.error();
    }(ends.listener, waited));
    const auto second = co_await ends.listener.all_ended();
    CHECK(second.error() == Error::busy);
    ends.server.reset();
    CHECK(ends.listener.connections() == 1);
    static_cast<void>(co_await scope.join());
    CHECK(!waited);
    CHECK(ends.listener.connections() == 0);
    const auto told = co_await ends.client.recv_text().within(5s);
    CHECK(told.error() == std::errc::connection_reset);
    const auto again = co_await ends.listener.all_ended();
    CHECK(again.has_value());
    ReliableListener none;
    const auto closed = co_await none.all_ended();
    CHECK(closed.error() == Error::closed);
  });
}

TEST_CASE("connections outlive their listener, and a closed listener takes no more") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    std::error_code told;
    Scope scope;
    scope.spawn([](ReliableListener& listener, std::error_code& error) -> Task<> {
      const auto outcome = co_await listener.accept();
      error = outcome.error();
    }(ends.listener, told));
    const Address address = ends.listener.local_address().value();
    ends.listener.close();
    static_cast<void>(co_await scope.join().within(5s));
    CHECK(told == Error::cancelled);
    const auto sent = co_await ends.client.send("still here");
    CHECK(sent.has_value());
    const auto got = co_await ends.server.recv_text().within(5s);
    CHECK(got.value() == "still here");
    const auto late = co_await ReliableUdp::connect(address).within(50ms);
    CHECK(late.error() == Error::timed_out);
  });
}

TEST_CASE("moving a connection disturbs nothing that is in flight") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    std::string text;
    Scope scope;
    scope.spawn([](ReliableUdp& peer, std::string& into) -> Task<> {
      auto got = co_await peer.recv_text();
      into = std::move(*got);
    }(ends.server, text));
    ReliableUdp moved = std::move(ends.server);
    const auto sent = co_await ends.client.send("found");
    CHECK(sent.has_value());
    static_cast<void>(co_await scope.join().within(5s));
    CHECK(text == "found");
    CHECK(moved.is_open());
  });
}

TEST_CASE("operations that are cancelled or destroyed at any point lose no message") {
  on_loop([]() -> Task<> {
    Ends ends;
    co_await make_ends(ends);
    int next = 0;
    const auto expect_next = [&](const std::string& text) {
      CHECK(text == std::to_string(next));
      ++next;
    };
    for (int i = 0; i < 60; ++i) {
      // Started before the message comes, and ended before, while and after it does.
      auto receiving = std::make_unique<Scope>();
      std::vector<std::string> got;
      receiving->spawn([](ReliableUdp& peer, std::vector<std::string>& into) -> Task<> {
        auto text = co_await peer.recv_text();
        if (text) into.push_back(std::move(*text));
      }(ends.server, got));
      const auto sent = co_await ends.client.send(std::to_string(i));
      CHECK(sent.has_value());
      for (int turns = 0; turns < i % 6; ++turns) static_cast<void>(co_await sleep(1us));
      if (i % 2 == 0) {
        receiving.reset();
      } else {
        static_cast<void>(co_await receiving->cancel_and_join());
      }
      for (const std::string& text : got) expect_next(text);
    }
    while (next < 60) {
      const auto text = co_await ends.server.recv_text().within(5s);
      REQUIRE(text.has_value());
      expect_next(*text);
    }
  });
}

TEST_CASE("a coroutine that accepts, connects or closes is destroyed or cancelled at each of its waits") {
  on_loop([]() -> Task<> {
    auto listener = ReliableListener::bind(any_port).value();
    const Address address = listener.local_address().value();
    std::size_t accepted = 0;
    for (int i = 0; i < 120; ++i) {
      auto scope = std::make_unique<Scope>();
      ReliableUdp server;
      scope->spawn([](ReliableListener& from, ReliableUdp& into) -> Task<> {
        auto peer = co_await from.accept();
        if (peer) into = std::move(*peer);
      }(listener, server));
      scope->spawn([](const Address& to) -> Task<> {
        auto peer = co_await ReliableUdp::connect(to);
        if (!peer) co_return;
        const auto sent = co_await peer->send("x");
        if (sent) static_cast<void>(co_await peer->close());
      }(address));
      for (int turns = 0; turns < i / 2; ++turns) static_cast<void>(co_await sleep(1us));
      if (i % 2 == 0) {
        scope.reset();
      } else {
        static_cast<void>(co_await scope->cancel_and_join());
      }
      if (server) ++accepted;
    }
    CHECK(accepted > 0);
    // The listener is as good as new.
    ReliableUdp server;
    Scope scope;
    scope.spawn(accept_into(listener, server));
    auto client = co_await ReliableUdp::connect(address).within(5s);
    CHECK(client.has_value());
  });
}

TEST_CASE("two that ask each other get one connection") {
  for (const bool together : {true, false}) {
    on_loop([together]() -> Task<> {
      const Address a = UdpSocket::bind(any_port).value().local_address().value();
      const Address b = UdpSocket::bind(any_port).value().local_address().value();
      std::optional<ReliableUdp> one;
      std::optional<ReliableUdp> other;
      Scope scope;
      const auto meet = [](const Address& own, const Address& to, std::optional<ReliableUdp>& into) -> Task<> {
        auto peer = co_await ReliableUdp::meet(own, to).within(20s);
        if (peer) into.emplace(std::move(*peer));
      };
      scope.spawn(meet(a, b, one));
      if (!together) static_cast<void>(co_await sleep(20ms));
      scope.spawn(meet(b, a, other));
      static_cast<void>(co_await scope.join());
      REQUIRE(one.has_value());
      REQUIRE(other.has_value());
      const auto sent = co_await one->send("to other");
      CHECK(sent.has_value());
      const auto got = co_await other->recv_text().within(5s);
      CHECK(got.value() == "to other");
      const auto back = co_await other->send("to one");
      CHECK(back.has_value());
      const auto answer = co_await one->recv_text().within(5s);
      CHECK(answer.value() == "to one");
    });
  }
}

TEST_CASE("plain threads connect, send, receive and close without a loop") {
  auto listener = ReliableListener::bind(any_port).value();
  const Address address = listener.local_address().value();
  std::string received;
  std::error_code end;
  std::thread server([&] {
    auto peer = listener.accept().within(20s).wait();
    if (!peer) return;
    for (;;) {
      auto text = peer->recv_text().within(20s).wait();
      end = text.error();
      if (!text) break;
      received += *text;
      peer->send("got " + *text).wait().value();
    }
    static_cast<void>(peer->close().within(5s).wait());
  });
  auto client = ReliableUdp::connect(address).within(20s).wait().value();
  client.send("one").wait().value();
  CHECK(client.recv_text().within(20s).wait().value() == "got one");
  client.send("two").wait().value();
  CHECK(client.recv_text().within(20s).wait().value() == "got two");
  CHECK(client.recv_text().within(0s).wait().error() == Error::timed_out);
  CHECK(client.close().within(5s).wait().has_value());
  server.join();
  CHECK(received == "onetwo");
  CHECK(end == Error::end_of_stream);
}

TEST_CASE("by name, and a name that is none") {
  on_loop([]() -> Task<> {
    auto listener = ReliableListener::bind("127.0.0.1", 0).value();
    const std::uint16_t port = listener.local_address().value().port();
    ReliableUdp server;
    Scope scope;
    scope.spawn(accept_into(listener, server));
    const auto peer = co_await ReliableUdp::connect("127.0.0.1", port).within(20s);
    CHECK(peer.has_value());
    static_cast<void>(co_await scope.join());
    CHECK(server.is_open());
  });
}
