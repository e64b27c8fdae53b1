// SPDX-License-Identifier: BSL-1.0
#include <parley/net/tcp_listener.hpp>

#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

#include <errno.h>
#include <sys/resource.h>

#include <string>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;
using support::Faults;

namespace {

Result<Socket> connect_to(const Address& address) {
  auto socket = Socket::open(address.native_family(), type::stream);
  if (!socket) return socket;
  if (auto connected = socket->connect(address).within(10s).wait(); !connected) return connected.error();
  return socket;
}

bool have_ipv6() {
  auto socket = Socket::open(family::ipv6, type::stream);
  return socket && socket->bind(Address::loopback_v6(0));
}

// A loop whose clock jumps ahead whenever nothing is to do.
struct SkippingLoop {
  SkippingLoop() : loop(LoopOptions{.time = &clock}) {}
  ManualClock clock{ManualClock::Idle::skip};
  EventLoop loop;
};

}  // namespace

TEST_CASE("port 0 is a free port, which port() tells") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  CHECK(listener.is_open());
  CHECK(listener.port() != 0);
  CHECK(listener.local_address().value() == Address::loopback_v4(listener.port()));
  auto client = connect_to(listener.local_address().value()).value();
  Address from;
  auto server = listener.accept(from).wait().value();
  CHECK(from == client.local_address().value());
  listener.close();
  CHECK_FALSE(listener.is_open());
  CHECK(listener.port() == 0);
  CHECK(TcpListener().port() == 0);
  CHECK(TcpListener().accept().wait().error() == Error::closed);
}

TEST_CASE("a port in use, a strange address and a wrong name are told apart") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  CHECK(TcpListener::bind("127.0.0.1", listener.port()).error() == std::errc::address_in_use);
  CHECK(TcpListener::bind("", listener.port()).error() == std::errc::address_in_use);
  CHECK(TcpListener::bind("192.0.2.1", 0).error() == std::errc::address_not_available);
  CHECK_FALSE(TcpListener::bind("no-such-host.invalid", 0));
  CHECK(TcpListener::bind(Address::unix_abstract("x").value()).error() == Error::malformed);
  CHECK(TcpListener::bind(Address()).error() == Error::malformed);
}

TEST_CASE("a port is free again at once, connections of the former listener or not") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  const Address address = listener.local_address().value();
  auto client = connect_to(address).value();
  auto server = listener.accept().wait().value();
  server.close();  // the side that closes first keeps the port in TIME_WAIT
  CHECK(client.recv_text(1).wait().value().empty());
  client.close();
  listener.close();
  CHECK(TcpListener::bind(address));
  auto reused = TcpListener::bind(address).value();
  CHECK(reused.socket().get<ReuseAddress>().value().enabled);
}

TEST_CASE("an empty host is all interfaces, of IPv4 and IPv6 in one socket") {
  for (const char* host : {"", "*"}) {
    auto listener = TcpListener::bind(host, 0).value();
    CHECK(connect_to(Address::loopback_v4(listener.port())));
    auto server = listener.accept().wait().value();
    CHECK(server.peer_address().value().unmapped().is_loopback());
    if (have_ipv6()) {
      CHECK(connect_to(Address::loopback_v6(listener.port())));
      CHECK(listener.accept().wait());
    }
  }
}

TEST_CASE("where IPv6 is missing an empty host is all of IPv4") {
  Faults faults;
  faults.fail_call("socket", 1, EAFNOSUPPORT);
  auto listener = TcpListener::bind("", 0).value();
  CHECK(listener.local_address().value().family() == Address::Family::ipv4);
}

TEST_CASE("an IPv6 address takes IPv6 only") {
  if (!have_ipv6()) return;
  auto listener = TcpListener::bind("::1", 0).value();
  CHECK(connect_to(listener.local_address().value()));
  auto all = TcpListener::bind("::", 0).value();
  CHECK(connect_to(Address::loopback_v6(all.port())));
  CHECK(connect_to(Address::loopback_v4(all.port())).error() == std::errc::connection_refused);
}

TEST_CASE("localhost is this machine only") {
  auto listener = TcpListener::bind("localhost", 0).value();
  CHECK(listener.local_address().value().is_loopback());
}

TEST_CASE("listeners share a port where all of them say so") {
  const ListenOptions shared{.reuse_port = true};
  auto one = TcpListener::bind("127.0.0.1", 0, shared).value();
  auto two = TcpListener::bind("127.0.0.1", one.port(), shared).value();
  CHECK(one.port() == two.port());
  CHECK(TcpListener::bind("127.0.0.1", one.port()).error() == std::errc::address_in_use);
}

TEST_CASE("an accept in flight is cancelled by close, and by a stop loses no connection") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  const Address address = listener.local_address().value();
  const auto accept = [&]() -> Task<Result<Socket>> { co_return co_await listener.accept(); };
  EventLoop loop;
  {
    StopSource source;
    loop.post([&] { source.request_stop(); }).value();
    CHECK(loop.run(accept().with_stop(source.token())).error() == Error::cancelled);
  }
  auto client = connect_to(address).value();
  CHECK(loop.run(accept()).value().peer_address().value() == client.local_address().value());
  loop.post([&] { listener.close(); }).value();
  CHECK(loop.run(accept()).error() == Error::cancelled);
}

TEST_CASE("accept goes on when a peer has given up") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  auto client = connect_to(listener.local_address().value()).value();
  for (const int error : {ECONNABORTED, EPROTO, ENETDOWN, EPERM, EHOSTUNREACH}) {
    Faults faults;
    faults.fail_call("accept4", 1, error);
    auto server = listener.accept().wait();
    CHECK(faults.fired());
    REQUIRE(server);
    client = connect_to(listener.local_address().value()).value();
  }
  auto waiting = listener.accept().wait().value();
  Faults faults;
  faults.fail_always("accept4", ECONNABORTED);  // endless trouble is no busy loop either
  CHECK(listener.accept().within(1ms).wait().error() == Error::timed_out);
  CHECK(faults.count("accept4") <= 64);
}

TEST_CASE("what concerns the listener itself is an error") {
  auto socket = Socket::open(family::ipv4, type::stream).value();
  CHECK(socket.accept().wait().error() == std::errc::invalid_argument);
  auto pair = socket_pair(type::datagram).value();
  CHECK(pair.first.accept().wait().error() == std::errc::operation_not_supported);
}

TEST_CASE("without descriptors accepting pauses, without a busy loop, and resumes") {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    SkippingLoop skipping;
    auto listener = TcpListener::bind("127.0.0.1", 0).value();
    auto client = connect_to(listener.local_address().value()).value();
    Faults faults;
    faults.fail_always("accept4", error);
    bool accepted = false;
    const auto accept = [&]() -> Task<> {
      auto peer = co_await listener.accept();
      accepted = peer.has_value();
    };
    const auto go = [&]() -> Task<> {
      Scope scope;
      scope.spawn(accept());
      static_cast<void>(co_await sleep(10s));
      CHECK_FALSE(accepted);
      CHECK(faults.count("accept4") >= 50);
      CHECK(faults.count("accept4") <= 110);
      CHECK(faults.count(support::poller_wait_call()) <= 250);
      faults.disarm();
      const auto joined = co_await scope.join();
      CHECK(joined);
    };
    skipping.loop.run(go()).value();
    CHECK(accepted);
  }
}

TEST_CASE("a pause for want of descriptors ends with a stop or a timeout") {
  SkippingLoop skipping;
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  auto client = connect_to(listener.local_address().value()).value();
  Faults faults;
  faults.fail_always("accept4", EMFILE);
  const auto go = [&]() -> Task<> {
    const auto late = co_await listener.accept().within(350ms);
    CHECK(late.error() == Error::timed_out);
    StopSource source;
    source.request_stop();
    const auto stopped = co_await listener.accept().stop(source.token());
    CHECK(stopped.error() == Error::cancelled);
    EventLoop::current()->post([&] { listener.close(); }).value();
    const auto closed = co_await listener.accept();
    CHECK(closed.error() == Error::cancelled);
  };
  skipping.loop.run(go()).value();
  auto other = TcpListener::bind("127.0.0.1", 0).value();
  CHECK(other.accept().within(1ms).wait().error() == Error::timed_out);
}

TEST_CASE("the limit of descriptors is met for real: clients live on, and the next ones get in later") {
  auto listener = TcpListener::bind("127.0.0.1", 0).value();
  std::vector<Socket> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect_to(listener.local_address().value()).value());
  SkippingLoop skipping;
  const auto go = [&]() -> Task<> {
    auto served = co_await listener.accept();
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit low = before;
    low.rlim_cur = static_cast<rlim_t>(served.value().native_handle()) + 1;  // every lower number is taken
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    const auto refused = co_await listener.accept().within(1s);
    const auto sent = co_await clients.front().send_all("still here");
    const auto heard = co_await served.value().recv_text(100);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(refused.error() == Error::timed_out);
    CHECK(sent);
    CHECK(heard.value() == "still here");
    for (int i = 1; i < 4; ++i) {
      const auto next = co_await listener.accept().within(1s);
      CHECK(next);
    }
  };
  skipping.loop.run(go()).value();
}
