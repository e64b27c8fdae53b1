// SPDX-License-Identifier: BSL-1.0
#include <parley/net/udp_socket.hpp>

#include <parley/core/when_all.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/net.hpp"

#include <string>

using namespace parley;
using namespace std::chrono_literals;
using support::run;

namespace {

std::string text_of(const char* data, std::size_t size) { return {data, size}; }

Address nobody() { return UdpSocket::bind("127.0.0.1", 0).value().local_address().value(); }

}  // namespace

TEST_CASE("datagrams arrive whole with their source, in both styles") {
  auto a = UdpSocket::bind("127.0.0.1", 0).value();
  auto b = UdpSocket::bind(Address::loopback_v4(0)).value();
  const Address to_b = b.local_address().value();
  char buffer[100];
  CHECK(a.send_to("one", to_b).wait().value() == 3);
  CHECK(a.send_to("", to_b).wait().value() == 0);
  CHECK(a.send_to("three", to_b).wait().value() == 5);
  auto got = b.recv_from(buffer).wait().value();
  CHECK(text_of(buffer, got.bytes) == "one");
  CHECK(got.from == a.local_address().value());
  CHECK(b.recv_from(buffer).wait().value().bytes == 0);
  CHECK(b.recv(buffer).wait().value() == 5);
  const auto awaited = [&]() -> Task<> {
    const auto both = co_await when_all(b.recv_from(buffer), a.send_to("late", to_b));
    CHECK(std::get<1>(both).value() == 4);
    CHECK(text_of(buffer, std::get<0>(both).value().bytes) == "late");
    CHECK(std::get<0>(both).value().from == a.local_address().value());
    const auto empty = co_await a.send_to("", to_b);
    CHECK(empty.value() == 0);
    const auto received = co_await b.recv(buffer);  // not an end: datagrams have none
    CHECK(received.value() == 0);
    const auto late = co_await b.recv_from(buffer).within(1ms);
    CHECK(late.error() == Error::timed_out);
  };
  run(awaited());
}

TEST_CASE("a datagram that does not fit is cut, which recv_from tells") {
  auto a = UdpSocket::open().value();
  auto b = UdpSocket::bind("127.0.0.1", 0).value();
  const Address to_b = b.local_address().value();
  char small[4];
  for (const char* text : {"four", "fiver", "ok"}) a.send_to(text, to_b).wait().value();
  const auto exact = b.recv_from(small).wait().value();
  CHECK(exact.bytes == 4);
  CHECK_FALSE(exact.truncated);
  const auto cut = b.recv_from(small).wait().value();
  CHECK(cut.bytes == 4);
  CHECK(cut.truncated);
  const auto whole = b.recv_from(small).wait().value();
  CHECK(whole.bytes == 2);
  CHECK_FALSE(whole.truncated);
  a.send_to("x", to_b).wait().value();
  const auto nothing = b.recv_from(MutableBytes()).wait().value();
  CHECK(nothing.bytes == 0);
  CHECK(nothing.truncated);
}

TEST_CASE("a datagram too long for the network is refused, and the socket lives on") {
  auto a = UdpSocket::open().value();
  auto b = UdpSocket::bind("127.0.0.1", 0).value();
  const Address to_b = b.local_address().value();
  CHECK(a.send_to(support::pattern(70000), to_b).wait().error() == std::errc::message_size);
  const std::string largest = support::pattern(65507);
  CHECK(a.send_to(largest, to_b).wait().value() == largest.size());
  std::string heard(70000, '\0');
  const auto got = b.recv_from(heard).wait().value();
  CHECK(heard.substr(0, got.bytes) == largest);
}

TEST_CASE("a connected socket sends to its peer and hears nobody else") {
  auto a = UdpSocket::bind("127.0.0.1", 0).value();
  auto b = UdpSocket::bind("127.0.0.1", 0).value();
  auto stranger = UdpSocket::open().value();
  const Address to_a = a.local_address().value();
  a.connect(b.local_address().value()).value();
  stranger.send_to("spam", to_a).wait().value();
  b.send_to("news", to_a).wait().value();
  char buffer[100];
  CHECK(a.recv(buffer).wait().value() == 4);
  CHECK(text_of(buffer, 4) == "news");
  CHECK(a.recv(buffer).within(0ms).wait().error() == Error::timed_out);
  CHECK(a.send("back").wait().value() == 4);
  CHECK(b.recv(buffer).wait().value() == 4);
}

TEST_CASE("a refusal is reported and does not end the socket") {
  const auto expect_refusal = [](UdpSocket& socket) -> Task<> {
    char buffer[100];
    static_cast<void>(co_await socket.recv(buffer).within(0ms));
    const auto sent = co_await socket.send("anybody?");
    CHECK(sent.value() == 8);
    const auto refused = co_await socket.recv(buffer).within(10s);
    CHECK(refused.error() == std::errc::connection_refused);
  };
  auto a = UdpSocket::bind("127.0.0.1", 0).value();
  const Address later = nobody();
  a.connect(later).value();
  EventLoop loop;
  loop.run(expect_refusal(a)).value();
  auto b = UdpSocket::bind(later).value();
  const auto go_on = [&]() -> Task<> {
    char buffer[100];
    const auto both = co_await when_all(a.recv(buffer), b.send_to("here now", a.local_address().value()));
    CHECK(std::get<0>(both).value() == 8);
  };
  loop.run(go_on()).value();

  auto blocking = UdpSocket::open().value();
  blocking.connect(nobody()).value();
  char buffer[100];
  blocking.send("anybody?").wait().value();
  CHECK(blocking.recv(buffer).within(10s).wait().error() == std::errc::connection_refused);
  CHECK(blocking.recv(buffer).within(0ms).wait().error() == Error::timed_out);
}

TEST_CASE("UDP errors are told") {
  auto a = UdpSocket::bind("127.0.0.1", 0).value();
  CHECK(UdpSocket::bind(a.local_address().value()).error() == std::errc::address_in_use);
  CHECK(UdpSocket::bind("not an address", 0).error() == Error::malformed);
  CHECK_FALSE(UdpSocket::open(12345));
  CHECK(a.send("nowhere").wait().error() == std::errc::destination_address_required);
  CHECK(a.send_to("x", Address::loopback_v6(1)).wait().error() == std::errc::address_family_not_supported);
  CHECK_FALSE(a.send_to("x", Address()).wait());
  char buffer[1];
  CHECK(a.recv(MutableBytes()).wait().error() == std::errc::invalid_argument);
  UdpSocket none;
  CHECK(none.recv_from(buffer).wait().error() == Error::closed);
  CHECK(none.connect(Address::loopback_v4(1)).error() == Error::closed);
  CHECK(none.local_address().error() == Error::closed);
}

TEST_CASE("an empty host binds all of IPv4, and options go through") {
  auto a = UdpSocket::bind("", 0).value();
  CHECK(a.local_address().value().is_any());
  auto b = UdpSocket::open().value();
  CHECK(b.send_to("x", Address::loopback_v4(a.local_address().value().port())).wait().value() == 1);
  char buffer[10];
  CHECK(a.recv(buffer).wait().value() == 1);
  a.set(Broadcast{true}).value();
  CHECK(a.get<Broadcast>().value().enabled);
  CHECK(a.socket().get<SocketType>().value().type == type::datagram);
}

TEST_CASE("a socket that was made elsewhere is taken over") {
  auto made = Socket::open(family::ipv4, type::datagram).value();
  made.bind(Address::loopback_v4(0)).value();
  auto a = UdpSocket::adopt(made.release()).value();
  auto b = UdpSocket::open().value();
  CHECK(b.send_to("x", a.local_address().value()).wait().value() == 1);
  char buffer[10];
  CHECK(a.recv(buffer).wait().value() == 1);
  CHECK(UdpSocket::adopt(platform::invalid_socket).error() == std::errc::bad_file_descriptor);
}

TEST_CASE("closing cancels what waits, and a cancelled receive loses no datagram") {
  auto a = UdpSocket::bind("127.0.0.1", 0).value();
  auto b = UdpSocket::open().value();
  char buffer[10];
  StopSource source;
  const auto receive = [&]() -> Task<Result<ReceivedFrom>> { co_return co_await a.recv_from(buffer); };
  EventLoop loop;
  loop.post([&] { source.request_stop(); }).value();
  CHECK(loop.run(receive().with_stop(source.token())).error() == Error::cancelled);
  b.send_to("x", a.local_address().value()).wait().value();
  CHECK(loop.run(receive()).value().bytes == 1);
  loop.post([&] { a.close(); }).value();
  CHECK(loop.run(receive()).error() == Error::cancelled);
}

TEST_CASE("a burst of datagrams is received one by one, and allocates nothing") {
  auto a = UdpSocket::open().value();
  auto b = UdpSocket::bind("127.0.0.1", 0).value();
  const Address to_b = b.local_address().value();
  std::size_t count = 0;
  std::size_t made = 0;
  const auto go = [&]() -> Task<> {
    char buffer[100];
    static_cast<void>(co_await b.recv_from(buffer).within(0ms));
    const std::size_t before = support::allocations();
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 20; ++i) static_cast<void>(co_await a.send_to("datagram", to_b));
      for (int i = 0; i < 20; ++i) {
        const auto got = co_await b.recv_from(buffer).within(10s);
        if (got) ++count;
      }
      static_cast<void>(co_await b.recv_from(buffer).within(0ms));
    }
    made = support::allocations() - before;
  };
  run(go());
  CHECK(count == 200);
  CHECK(made == 0);
}
