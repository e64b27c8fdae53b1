// SPDX-License-Identifier: BSL-1.0
#include <parley/net/connect.hpp>

#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>
#include <parley/net/tcp_listener.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

#include <errno.h>

#include <string>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;
using Connector = detail::Connector<Socket>;

namespace {

struct SkippingLoop {
  SkippingLoop() : loop(LoopOptions{.time = &clock}) {}
  ManualClock clock{ManualClock::Idle::skip};
  EventLoop loop;
};

Address refusing() { return TcpListener::bind("127.0.0.1", 0).value().local_address().value(); }

// A listener whose backlog is full, so that the system drops what else comes.
class Silent {
 public:
  Silent() : listener_(TcpListener::bind("127.0.0.1", 0, {.backlog = 0}).value()) {
    for (;;) {
      auto client = Socket::open(family::ipv4, type::stream).value();
      if (!client.connect(address()).within(50ms).wait()) break;
      clients_.push_back(std::move(client));
      REQUIRE(clients_.size() < 20);
    }
  }
  Address address() const { return listener_.local_address().value(); }

 private:
  TcpListener listener_;
  std::vector<Socket> clients_;
};

}  // namespace

TEST_CASE("connecting by number and by name, in both styles") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  const std::uint16_t port = listener.port();
  for (const char* host : {"127.0.0.1", "localhost"}) {
    auto client = Socket::connect(host, port).within(10s).wait().value();
    auto server = listener.accept().wait().value();
    client.send_all("hello").wait().value();
    CHECK(server.recv_text(10).wait().value() == "hello");
    const auto awaited = [&]() -> Task<> {
      auto again = co_await Socket::connect(host, port).within(10s);
      REQUIRE(again);
      const auto sent = co_await again->send_all("hello");
      CHECK(sent);
    };
    support::run(awaited());
    CHECK(listener.accept().wait().value().recv_text(10).wait().value() == "hello");
  }
}

TEST_CASE("a socket connected by wait() belongs to no loop") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  auto client = Socket::connect("127.0.0.1", listener.port()).wait().value();
  auto server = listener.accept().wait().value();
  const auto use = [&]() -> Task<> {
    const auto sent = co_await client.send_all("x");
    CHECK(sent);
  };
  support::run(use());
  CHECK(server.recv_text(10).wait().value() == "x");
}

TEST_CASE("what fails says why") {
  CHECK(Socket::connect("127.0.0.1", refusing().port()).wait().error() == std::errc::connection_refused);
  CHECK(Socket::connect("localhost", refusing().port()).wait().error() == std::errc::connection_refused);
  CHECK_FALSE(Socket::connect("no-such-host.invalid", 1).within(30s).wait());
  CHECK(Socket::connect(std::string(5000, 'x'), 1).wait().error() == Error::too_long);
  const auto on_a_loop = []() -> Task<> {
    CHECK(Socket::connect("127.0.0.1", 1).wait().error() == Error::would_block_loop);
    const auto refused = co_await Socket::connect("127.0.0.1", refusing().port());
    CHECK(refused.error() == std::errc::connection_refused);
  };
  support::run(on_a_loop());
}

TEST_CASE("the families alternate, beginning with the resolver's first") {
  const auto v4 = [](std::uint16_t n) { return Address::loopback_v4(n); };
  const auto v6 = [](std::uint16_t n) { return Address::loopback_v6(n); };
  using List = std::vector<Address>;
  CHECK(detail::interleave_families({}) == List{});
  CHECK(detail::interleave_families({v4(1), v4(2)}) == List{v4(1), v4(2)});
  CHECK(detail::interleave_families({v6(1), v6(2), v6(3), v4(1), v4(2)}) == List{v6(1), v4(1), v6(2), v4(2), v6(3)});
  CHECK(detail::interleave_families({v4(1), v6(1), v6(2), v6(3)}) == List{v4(1), v6(1), v6(2), v6(3)});
}

TEST_CASE("an address that refuses gives way to the next at once") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  const std::vector<Address> addresses{refusing(), refusing(), listener.local_address().value(), refusing()};
  SkippingLoop skipping;
  const TimePoint start = skipping.clock.now();
  auto connected = skipping.loop.run(Connector::to_any(addresses));
  REQUIRE(connected);
  CHECK(connected->peer_address().value() == addresses[2]);
  CHECK(skipping.clock.now() - start < 250ms);
}

TEST_CASE("an address that is silent gets a rival after a quarter of a second") {
  const Silent silent;
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  const std::vector<Address> addresses{silent.address(), silent.address(), listener.local_address().value()};
  SkippingLoop skipping;
  const std::size_t before = support::open_descriptors();
  const TimePoint start = skipping.clock.now();
  auto connected = skipping.loop.run(Connector::to_any(addresses));
  REQUIRE(connected);
  CHECK(connected->peer_address().value() == addresses[2]);
  CHECK(skipping.clock.now() - start == 500ms);
  CHECK(support::open_descriptors() == before + 1);  // the losers are closed
}

TEST_CASE("when all fail, the last failure is told") {
  SkippingLoop skipping;
  CHECK(skipping.loop.run(Connector::to_any({})).error() == Error::not_found);
  CHECK(skipping.loop.run(Connector::to_any({refusing(), refusing()})).error() == std::errc::connection_refused);
  const Address no_route = Address::parse("[ff02::1]:1").value();
  CHECK_FALSE(skipping.loop.run(Connector::to_any({refusing(), no_route})));
}

TEST_CASE("a timeout and a stop cut all attempts") {
  const Silent silent;
  const std::vector<Address> addresses(5, silent.address());
  const std::size_t before = support::open_descriptors();
  SkippingLoop skipping;
  const std::size_t with_loop = support::open_descriptors();
  StopSource source;
  const auto timed = [&]() -> Task<> {
    auto connecting = Connector::to_any(addresses);
    const auto late = co_await as_operation(std::move(connecting)).within(700ms);
    CHECK(late.error() == Error::timed_out);
    connecting = Connector::to_any(addresses);
    EventLoop::current()->post([&] { source.request_stop(); }).value();
    const auto stopped = co_await as_operation(std::move(connecting)).stop(source.token());
    CHECK(stopped.error() == Error::cancelled);
    const auto lost = co_await race(Socket::connect("127.0.0.1", silent.address().port()), sleep(1ms));
    CHECK(lost.index == 1);
    CHECK(std::get<0>(lost.results).error() == Error::cancelled);
  };
  skipping.loop.run(timed()).value();
  CHECK(support::open_descriptors() == with_loop);
  CHECK(with_loop > before);
  CHECK(Socket::connect("127.0.0.1", silent.address().port()).within(1ms).wait().error() == Error::timed_out);
}

TEST_CASE("a coroutine that connects can be destroyed at each point") {
  const Silent silent;
  const std::vector<Address> addresses(3, silent.address());
  const std::size_t before = support::open_descriptors();
  for (int turns = 0; turns < 10; ++turns) {
    SkippingLoop skipping;
    Scope scope;
    const auto connect = [&]() -> Task<> { static_cast<void>(co_await Connector::to_any(addresses)); };
    const auto begin = [&]() -> Task<> {
      scope.spawn(connect());
      co_return;
    };
    skipping.loop.run(begin()).value();
    for (int i = 0; i < turns; ++i) skipping.loop.turn().value();
  }
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("wait() on a connection whose loop fails ends it") {
  const Silent silent;
  const std::size_t before = support::open_descriptors();
  support::Faults faults;
  faults.fail_call(support::poller_wait_call(), 1, ENOMEM);
  CHECK(Socket::connect("127.0.0.1", silent.address().port()).wait().error() == std::errc::not_enough_memory);
  faults.fail_call(support::poller_open_call(), 1, EMFILE);
  CHECK(Socket::connect("127.0.0.1", silent.address().port()).wait().error() == std::errc::too_many_files_open);
  CHECK(support::open_descriptors() == before);
}

#if PARLEY_HAS_EXCEPTIONS
namespace {
struct Throwing {
  static Result<Throwing> open(int, int) { throw std::bad_alloc(); }
  Task<Result<>> connect(const Address&) { co_return Result<>(); }
};
}  // namespace

TEST_CASE("an attempt that throws ends the connect, not never") {
  EventLoop loop;
  const std::vector<Address> addresses{Address::loopback_v4(1), Address::any_v6(1)};
  CHECK_THROWS_AS(loop.run(detail::Connector<Throwing>::to_any(addresses)), std::bad_alloc);
}
#endif
