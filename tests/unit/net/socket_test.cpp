// SPDX-License-Identifier: BSL-1.0
#include <parley/net/socket.hpp>

#include <parley/core/sleep.hpp>
#include <parley/core/when_all.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/net.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;
using support::narrow_pair;
using support::pattern;
using support::run;
using support::tcp_pair;

// What DESIGN promises of a frame.
static_assert(sizeof(decltype(std::declval<Socket&>().recv(MutableBytes{}))) <= 96);
static_assert(sizeof(decltype(std::declval<Socket&>().recv_exactly(MutableBytes{}))) <= 96);
static_assert(sizeof(decltype(std::declval<Socket&>().recv_text(1))) <= 96);
static_assert(sizeof(decltype(std::declval<Socket&>().send(ConstBytes{}))) <= 96);
static_assert(sizeof(decltype(std::declval<Socket&>().send_all(ConstBytes{}))) <= 96);
static_assert(sizeof(decltype(std::declval<Socket&>().sendv({}))) <= 96);
static_assert(sizeof(decltype(std::declval<Socket&>().accept())) <= 96);
static_assert(!std::is_copy_constructible_v<Socket>);

namespace {

std::string text_of(const char* data, std::size_t size) { return {data, size}; }

// Reads to the end of the stream.
Task<std::string> read_all(Socket& socket) {
  std::string all;
  for (;;) {
    const auto part = co_await socket.recv_text(1000);
    if (!part || part->empty()) co_return all;
    all += *part;
  }
}

}  // namespace

// ---- Every verb, in both styles ----

TEST_CASE("every verb of a stream, waited for") {
  auto listener = Socket::open(family::ipv4, type::stream).value();
  listener.set(ReuseAddress{}).value();
  listener.bind(Address::loopback_v4(0)).value();
  listener.listen(5).value();
  const Address address = listener.local_address().value();
  auto client = Socket::open(family::ipv4, type::stream).value();
  client.connect(address).wait().value();
  Address from;
  auto server = listener.accept(from).wait().value();
  CHECK(from == client.local_address().value());
  CHECK(client.peer_address().value() == address);
  CHECK(server.peer_address().value() == from);

  CHECK(client.send("abc").wait().value() == 3);
  CHECK(client.send_all("defg").wait().value() == 4);
  const std::array<ConstBytes, 3> pieces{"hi", "", "jklm"};
  CHECK(client.sendv(pieces).wait().value() == 6);
  CHECK(client.send_to("n", address).wait().value() == 1);  // the address does not count on a connected stream

  char buffer[100];
  CHECK(server.peek(MutableBytes(buffer, 2)).wait().value() == 2);
  CHECK(server.recv(MutableBytes(buffer, 3)).wait().value() == 3);
  CHECK(text_of(buffer, 3) == "abc");
  CHECK(server.recv_exactly(MutableBytes(buffer, 4)).wait().value() == 4);
  CHECK(text_of(buffer, 4) == "defg");
  CHECK(server.recv_text(4).wait().value() == "hijk");
  const auto rest = server.recv_from(buffer).wait().value();
  CHECK(text_of(buffer, rest.bytes) == "lmn");
  CHECK_FALSE(rest.truncated);
  CHECK(rest.from.family() == Address::Family::unspecified);

  client.shutdown(ShutdownWay::send).value();
  CHECK(server.recv(buffer).wait().value() == 0);
  server.send_all("after half-close").wait().value();
  CHECK(client.recv_text(100).wait().value() == "after half-close");
}

TEST_CASE("every verb of a stream, awaited") {
  auto listener = Socket::open(family::ipv4, type::stream).value();
  listener.bind(Address::loopback_v4(0)).value();
  listener.listen().value();
  const Address address = listener.local_address().value();
  auto client = Socket::open(family::ipv4, type::stream).value();
  std::string heard;
  const auto serve = [&]() -> Task<> {
    Address from;
    auto server = (co_await listener.accept(from)).value();
    CHECK(from == client.local_address().value());
    char buffer[100];
    auto count = co_await server.peek(MutableBytes(buffer, 2));
    CHECK(count.value() == 2);
    count = co_await server.recv(MutableBytes(buffer, 3));
    heard += text_of(buffer, count.value()) + "|";
    const auto exactly = co_await server.recv_exactly(MutableBytes(buffer, 4));
    heard += text_of(buffer, exactly.value()) + "|";
    const auto text = co_await server.recv_text(4);
    heard += text.value() + "|";
    const auto datagram = co_await server.recv_from(buffer);
    heard += text_of(buffer, datagram.value().bytes) + "|";
    heard += co_await read_all(server);
    (co_await server.send_all("after half-close")).value();
  };
  const auto ask = [&]() -> Task<> {
    (co_await client.connect(address)).value();
    const std::array<ConstBytes, 3> pieces{"hi", "", "jklm"};
    {
      auto got = co_await client.send("abc");
      CHECK(got.value() == 3);
    }
    {
      auto got = co_await client.send_all("defg");
      CHECK(got.value() == 4);
    }
    {
      auto got = co_await client.sendv(pieces);
      CHECK(got.value() == 6);
    }
    static_cast<void>(co_await sleep(1ms));
    {
      auto got = co_await client.send_to("n", address);
      CHECK(got.value() == 1);
    }
    client.shutdown(ShutdownWay::send).value();
    {
      auto got = co_await client.recv_text(100);
      CHECK(got.value() == "after half-close");
    }
  };
  const auto both = [&]() -> Task<> { static_cast<void>(co_await when_all(serve(), ask())); };
  run(both());
  heard.erase(std::remove(heard.begin(), heard.end(), '|'), heard.end());
  CHECK(heard == "abcdefghijklmn");
}

TEST_CASE("a foreign coroutine awaits every operation of a socket") {
  auto [a, b] = socket_pair().value();
  EventLoop loop;
  bool done = false;
  std::string heard;
  const auto foreign = [&, &x = a]() -> support::Foreign {
    char buffer[8];
    const auto received = co_await x.recv(buffer);
    heard += text_of(buffer, received.value());
    const auto late = co_await x.recv(buffer).within(1ms);
    CHECK(late.error() == Error::timed_out);
    const auto sent = co_await x.send_all(ConstBytes(buffer, 1));
    CHECK(sent.value() == 1);
    done = true;
  };
  loop.post([&] { foreign(); }).value();
  loop.post([&, &y = b] { CHECK(::send(y.native_handle(), "hello", 5, 0) == 5); }).value();
  CHECK(support::turn_until(loop, [&] { return done; }));
  CHECK(heard == "hello");
}

// ---- Opening ----

TEST_CASE("any family, type and protocol is opened, or the system's error told") {
  CHECK(Socket::open(family::ipv4, type::datagram));
  CHECK(Socket::open(family::unix_domain, type::stream));
  CHECK(Socket::open(family::unix_domain, type::sequenced_packet));
  CHECK(Socket::open(AF_NETLINK, type::raw));
  const auto impossible = Socket::open(12345, type::stream);
  CHECK(impossible.error() == std::errc::address_family_not_supported);
  CHECK(Socket::open(family::ipv4, type::stream, 17).error() == std::errc::protocol_not_supported);
  for (const int family : {AF_CAN, AF_RDS}) {  // kernels differ in what they have
    const auto opened =
        Socket::open(family, family == AF_CAN ? type::raw : type::sequenced_packet, family == AF_CAN ? 1 : 0);
    if (!opened) CHECK(opened.error().category() == std::system_category());
  }
}

TEST_CASE("a raw socket sends and receives, where the process may") {
  auto raw = Socket::open(family::ipv4, type::raw, 254);
  if (!raw) {
    const bool refused =
        raw.error() == std::errc::operation_not_permitted || raw.error() == std::errc::permission_denied;
    CHECK(refused);
    return;
  }
  const Address here = Address::loopback_v4(0);
  raw->bind(here).value();
  CHECK(raw->send_to("payload", here).wait().value() == 7);
  char packet[100];
  const auto received = raw->recv_from(packet).within(5s).wait().value();
  CHECK(received.from.host() == "127.0.0.1");
  REQUIRE(received.bytes == 27);  // with the IPv4 header of 20 bytes
  CHECK(text_of(packet + 20, 7) == "payload");
}

TEST_CASE("sockets do not block and are not inherited") {
  auto socket = Socket::open(family::ipv4, type::stream).value();
  CHECK((::fcntl(socket.native_handle(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(socket.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("typed options go through a socket") {
  auto socket = Socket::open(family::ipv4, type::stream).value();
  socket.set(NoDelay{true}).value();
  CHECK(socket.get<NoDelay>().value().enabled);
  socket.set(KeepAliveTimes{10s, 5s, 3}).value();
  CHECK(socket.get<KeepAliveTimes>().value().idle == 10s);
  CHECK(socket.get<KeepAlive>().value().enabled);
  socket.set(Linger{true, 0s}).value();
  CHECK(socket.get<Linger>().value().enabled);
  CHECK(socket.get<SocketType>().value().type == type::stream);
  CHECK_FALSE(socket.set(Ttl{1000}));
  socket.close();
  CHECK(socket.set(NoDelay{true}).error() == Error::closed);
  CHECK(socket.get<NoDelay>().error() == Error::closed);
}

TEST_CASE("a handle is taken in and given back") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  auto socket = Socket::adopt(ends[0]).value();
  CHECK(socket.native_handle() == ends[0]);
  CHECK((::fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
  REQUIRE(::send(ends[1], "abc", 3, 0) == 3);
  CHECK(socket.recv_text(10).wait().value() == "abc");
  CHECK(socket.release() == ends[0]);
  CHECK_FALSE(socket.is_open());
  CHECK(socket.release() == -1);
  CHECK(::send(ends[0], "x", 1, 0) == 1);
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(Socket::adopt(-1).error() == std::errc::bad_file_descriptor);
}

TEST_CASE("a released socket goes on in another loop") {
  auto [a, b] = socket_pair().value();
  b.send_all("xyz").wait().value();
  EventLoop loop;
  char byte[1];
  const auto take_one = [&](Socket& socket) -> Task<> {
    const auto count = co_await socket.recv(byte);
    CHECK(count.value() == 1);
  };
  loop.run(take_one(a)).value();
  CHECK(a.recv(byte).wait().error() == Error::wrong_loop);
  auto again = Socket::adopt(a.release()).value();
  run(take_one(again));
  CHECK(again.recv_text(10).wait().value() == "z");
}

TEST_CASE("a socket that is not open says so") {
  Socket none;
  CHECK_FALSE(none);
  CHECK(none.native_handle() == -1);
  char buffer[10];
  const Address here = Address::loopback_v4(1);
  const std::array<ConstBytes, 1> pieces{"x"};
  CHECK(none.recv(buffer).wait().error() == Error::closed);
  CHECK(none.peek(buffer).wait().error() == Error::closed);
  CHECK(none.recv_text(10).wait().error() == Error::closed);
  CHECK(none.recv_text(100000).wait().error() == Error::closed);
  CHECK(none.recv_exactly(buffer).wait().error() == Error::closed);
  CHECK(none.recv_exactly(MutableBytes()).wait().error() == Error::closed);
  CHECK(none.recv_from(buffer).wait().error() == Error::closed);
  CHECK(none.send("x").wait().error() == Error::closed);
  CHECK(none.send_all("x").wait().error() == Error::closed);
  CHECK(none.send_all("").wait().error() == Error::closed);
  CHECK(none.sendv(pieces).wait().error() == Error::closed);
  CHECK(none.send_to("x", here).wait().error() == Error::closed);
  CHECK(none.connect(here).wait().error() == Error::closed);
  CHECK(none.accept().wait().error() == Error::closed);
  CHECK(none.bind(here).error() == Error::closed);
  CHECK(none.listen().error() == Error::closed);
  CHECK(none.shutdown(ShutdownWay::both).error() == Error::closed);
  CHECK(none.local_address().error() == Error::closed);
  CHECK(none.peer_address().error() == Error::closed);
  const auto await_closed = [&]() -> Task<> {
    {
      auto got = co_await none.recv(buffer);
      CHECK(got.error() == Error::closed);
    }
    {
      auto got = co_await none.send_all("x");
      CHECK(got.error() == Error::closed);
    }
    {
      auto got = co_await none.accept();
      CHECK(got.error() == Error::closed);
    }
  };
  run(await_closed());
}

// ---- Receiving ----

TEST_CASE("an empty buffer is refused at once, bytes there or not") {
  auto [a, b] = socket_pair().value();
  CHECK(a.recv(MutableBytes()).wait().error() == std::errc::invalid_argument);
  CHECK(a.peek(MutableBytes()).wait().error() == std::errc::invalid_argument);
  CHECK(a.recv_text(0).wait().error() == std::errc::invalid_argument);
  CHECK(a.recv_exactly(MutableBytes()).wait().value() == 0);
  CHECK(a.send_all("").wait().value() == 0);
  CHECK(a.sendv({}).wait().value() == 0);
  const auto awaited = [&, &s = a]() -> Task<> {
    char buffer[10];
    static_cast<void>(co_await s.recv(buffer).within(0ms));  // from now on the loop knows that nothing is there
    {
      auto got = co_await s.recv(MutableBytes());
      CHECK(got.error() == std::errc::invalid_argument);
    }
    {
      auto got = co_await s.recv_text(0);
      CHECK(got.error() == std::errc::invalid_argument);
    }
  };
  run(awaited());
}

TEST_CASE("recv_exactly tells an end between records from one inside") {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{3}}) {
    auto [a, b] = socket_pair().value();
    char buffer[5];
    b.send_all(pattern(bytes)).wait().value();
    b.close();
    const auto got = a.recv_exactly(buffer).wait();
    CHECK(got.bytes() == bytes);
    CHECK(got.error() == (bytes == 0 ? Error::end_of_stream : Error::truncated));
  }
}

TEST_CASE(
    "with a low-water mark of what is not sent, a connection that nobody reads takes little more than is on its way") {
  const auto taken = [](std::size_t low_water) {
    auto [writer, reader] = tcp_pair();
    if (low_water != 0) writer.set(NotSentLowWater{low_water}).value();
    const std::string text = pattern(16384);
    for (std::size_t bytes = 0;;) {
      const auto sent = writer.send_all(text).within(0s).wait();
      bytes += sent.bytes();
      if (!sent) return bytes;
    }
  };
  CHECK(taken(16384) < taken(0) / 2);
}

TEST_CASE("recv_text takes what is there, up to its limit, of any size") {
  auto [a, b] = socket_pair().value();
  b.set(SendBufferSize{400000}).value();
  const std::string text = pattern(100000);
  CHECK(b.send(text).wait().value() == text.size());
  CHECK(a.recv_text(16384).wait().value() == text.substr(0, 16384));
  CHECK(a.recv_text(16385).wait().value() == text.substr(16384, 16385));
  CHECK(a.recv_text(SIZE_MAX).wait().value() == text.substr(16384 + 16385));
  const auto awaited = [&, &x = a, &y = b]() -> Task<> {
    static_cast<void>(co_await x.recv_text(SIZE_MAX).within(0ms));
    {
      auto got = co_await x.recv_text(SIZE_MAX).within(0ms);
      CHECK(got.error() == Error::timed_out);
    }
    {
      auto got = co_await y.send_all(text);
      CHECK(got.value() == text.size());
    }
    std::string all;
    while (all.size() < text.size()) all += (co_await x.recv_text(SIZE_MAX)).value();
    CHECK(all == text);
  };
  run(awaited());
}

TEST_CASE("peek leaves the bytes where they are") {
  auto [a, b] = socket_pair().value();
  const auto look = [&, &x = a, &y = b]() -> Task<> {
    char buffer[10] = {};
    {
      auto got = co_await x.peek(buffer).within(0ms);
      CHECK(got.error() == Error::timed_out);
    }
    (co_await y.send_all("abc")).value();
    for (int i = 0; i < 3; ++i) {
      const auto seen = co_await x.peek(buffer);
      CHECK(text_of(buffer, seen.value()) == "abc");
    }
    {
      auto got = co_await x.recv_text(10);
      CHECK(got.value() == "abc");
    }
    y.close();
    {
      auto got = co_await x.peek(buffer);
      CHECK(got.value() == 0);
    }
    {
      auto got = co_await x.recv(buffer);
      CHECK(got.value() == 0);
    }
  };
  run(look());
}

// Under edge-triggered polling a short read must not hide the end that has arrived with the data or after it.
TEST_CASE("the end of the stream is seen in whatever order data, end and reader come") {
  enum class When { before_first_read, while_waiting };
  for (const bool tcp : {false, true}) {
    for (const bool half : {false, true}) {
      for (const When when : {When::before_first_read, When::while_waiting}) {
        for (const std::size_t room : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
          CAPTURE(tcp, half, static_cast<int>(when), room);
          auto pair = tcp ? tcp_pair() : socket_pair().value();
          Socket& reader = pair.first;
          Socket& writer = pair.second;
          const auto finish = [&] {
            CHECK(::send(writer.native_handle(), "abc", 3, 0) == 3);
            if (half) {
              writer.shutdown(ShutdownWay::send).value();
            } else {
              writer.close();
            }
          };
          const auto read = [&]() -> Task<> {
            char buffer[100];
            if (when == When::while_waiting) static_cast<void>(co_await reader.recv(buffer).within(0ms));
            if (when == When::while_waiting) {
              EventLoop::current()->post(finish).value();
            } else {
              finish();
            }
            std::string all;
            for (;;) {
              const auto count = co_await reader.recv(MutableBytes(buffer, room)).within(10s);
              REQUIRE(count);
              if (*count == 0) break;
              all.append(buffer, *count);
            }
            CHECK(all == "abc");
            {
              auto got = co_await reader.recv(buffer);
              CHECK(got.value() == 0);  // and again
            }
          };
          run(read());
        }
      }
    }
  }
}

TEST_CASE("the end that comes after a short read is seen") {
  auto [reader, writer] = tcp_pair();
  const auto read = [&, &r = reader, &w = writer]() -> Task<> {
    char buffer[100];
    static_cast<void>(co_await r.recv(buffer).within(0ms));
    (co_await w.send_all("abc")).value();
    {
      auto got = co_await r.recv(buffer);
      CHECK(got.value() == 3);
    }
    w.close();
    {
      auto got = co_await r.recv(buffer).within(10s);
      CHECK(got.value() == 0);
    }
  };
  run(read());
}

// A read stops at the urgent mark although there is more behind it.
TEST_CASE("urgent data does not hold up what follows") {
  auto [reader, writer] = tcp_pair();
  const auto read = [&, &r = reader, &w = writer]() -> Task<> {
    char buffer[100];
    static_cast<void>(co_await r.recv(buffer).within(0ms));
    REQUIRE(::send(w.native_handle(), "abc", 3, 0) == 3);
    REQUIRE(::send(w.native_handle(), "!", 1, MSG_OOB) == 1);
    REQUIRE(::send(w.native_handle(), "def", 3, 0) == 3);
    std::string all;
    while (all.size() < 6) {
      const auto part = co_await r.recv_text(100).within(10s);
      REQUIRE(part);
      all += *part;
    }
    CHECK(all == "abcdef");
  };
  run(read());
}

TEST_CASE("a stream that comes byte by byte is put together") {
  auto [reader, writer] = tcp_pair();
  writer.set(NoDelay{}).value();
  const std::string text = pattern(300);
  const auto send_bytes = [&, &w = writer]() -> Task<> {
    for (const char byte : text) {
      (co_await w.send_all(ConstBytes(&byte, 1))).value();
      static_cast<void>(co_await sleep(Duration(1)));
    }
  };
  const auto read = [&, &r = reader]() -> Task<> {
    std::string all(300, '\0');
    const auto got = co_await r.recv_exactly(all);
    CHECK(got.value() == 300);
    CHECK(all == text);
  };
  const auto both = [&]() -> Task<> { static_cast<void>(co_await when_all(send_bytes(), read())); };
  run(both());
}

// ---- Sending ----

TEST_CASE("send_all and sendv pass a slow reader, in order") {
  auto [a, b] = narrow_pair();
  const std::string text = pattern(200000);
  std::vector<ConstBytes> pieces;
  for (std::size_t at = 0; at < text.size(); at += 333) pieces.push_back(ConstBytes(text).after(at).first(333));
  REQUIRE(pieces.size() > 64);
  std::string all;
  const auto write = [&, &x = a]() -> Task<> {
    {
      auto got = co_await x.send_all(text);
      CHECK(got.value() == text.size());
    }
    {
      auto got = co_await x.sendv(pieces);
      CHECK(got.value() == text.size());
    }
    x.shutdown(ShutdownWay::send).value();
  };
  const auto read = [&, &y = b]() -> Task<> { all = co_await read_all(y); };
  const auto both = [&]() -> Task<> { static_cast<void>(co_await when_all(write(), read())); };
  run(both());
  CHECK(all == text + text);
}

TEST_CASE("send returns what the kernel took") {
  auto [a, b] = narrow_pair();
  const std::string text = pattern(100000);
  const std::size_t sent = a.send(text).wait().value();
  CHECK(sent > 0);
  CHECK(sent < text.size());
  CHECK(b.recv_text(SIZE_MAX).wait().value() == text.substr(0, sent));
  CHECK(a.send("").wait().value() == 0);
}

TEST_CASE("a transfer that is cut short counts exactly what was moved") {
  enum class How { timeout, stop, close };
  for (const bool vectored : {false, true}) {
    for (const How how : {How::timeout, How::stop, How::close}) {
      auto pair = narrow_pair();
      const std::string text = pattern(100000);
      const std::array<ConstBytes, 2> pieces{ConstBytes(text).first(50000), ConstBytes(text).after(50000)};
      StopSource source;
      Transferred outcome;
      std::string all;
      const auto write = [&]() -> Task<> {
        const Duration limit = how == How::timeout ? Duration(2ms) : Duration::max();
        if (vectored) {
          outcome = co_await pair.first.sendv(pieces).within(limit).stop(source.token());
        } else {
          outcome = co_await pair.first.send_all(text).within(limit).stop(source.token());
        }
        pair.first.close();
      };
      const auto read = [&]() -> Task<> {
        while (all.size() < 20000) {
          const auto part = co_await pair.second.recv_text(1000);
          if (!part || part->empty()) break;  // the time was over before
          all += *part;
        }
        if (how == How::stop) source.request_stop();
        if (how == How::close) pair.first.close();
      };
      const auto both = [&]() -> Task<> {
        static_cast<void>(co_await when_all(write(), read()));
        all += co_await read_all(pair.second);
      };
      run(both());
      CAPTURE(vectored, static_cast<int>(how));
      CHECK(outcome.error() == (how == How::timeout ? Error::timed_out : Error::cancelled));
      CHECK(outcome.bytes() == all.size());
      CHECK(all == text.substr(0, all.size()));
    }
  }
}

TEST_CASE("a transfer that is cut short counts exactly what was moved, waited for") {
  auto [a, b] = narrow_pair();
  const std::string text = pattern(100000);
  const auto sent = a.send_all(text).within(1ms).wait();
  CHECK(sent.error() == Error::timed_out);
  CHECK(sent.bytes() > 0);
  a.close();
  std::string all(text.size(), '\0');
  const auto got = b.recv_exactly(all).wait();
  CHECK(got.error() == Error::truncated);
  CHECK(got.bytes() == sent.bytes());
  CHECK(all.substr(0, got.bytes()) == text.substr(0, got.bytes()));
}

TEST_CASE("recv_exactly that times out counts what it took") {
  auto [a, b] = socket_pair().value();
  char buffer[10];
  b.send_all("abc").wait().value();
  auto got = a.recv_exactly(buffer).within(1ms).wait();
  CHECK(got.error() == Error::timed_out);
  CHECK(got.bytes() == 3);
  const auto awaited = [&, &x = a, &y = b]() -> Task<> {
    (co_await y.send_all("de")).value();
    got = co_await x.recv_exactly(buffer).within(1ms);
    CHECK(got.error() == Error::timed_out);
    CHECK(got.bytes() == 2);
  };
  run(awaited());
}

TEST_CASE("writing to a peer that has gone is an error, not a signal") {
  for (const bool tcp : {false, true}) {
    auto pair = tcp ? tcp_pair() : socket_pair().value();
    pair.second.set(Linger{true, 0s}).value();
    pair.second.close();
    std::error_code error;
    for (int i = 0; i < 3 && !error; ++i) error = pair.first.send_all("x").wait().error();
    const bool expected = error == std::errc::broken_pipe || error == std::errc::connection_reset;
    CHECK(expected);
    const std::array<ConstBytes, 1> pieces{"x"};
    CHECK(pair.first.sendv(pieces).wait().error() == std::errc::broken_pipe);
    CHECK(pair.first.send("x").wait().error() == std::errc::broken_pipe);
  }
}

TEST_CASE("a reset ends what waits, with its error") {
  auto [a, b] = tcp_pair();
  const auto read = [&, &x = a, &y = b]() -> Task<> {
    y.set(Linger{true, 0s}).value();
    EventLoop::current()->post([&] { y.close(); }).value();
    char buffer[10];
    {
      auto got = co_await x.recv(buffer);
      CHECK(got.error() == std::errc::connection_reset);
    }
    {
      auto got = co_await x.send_all("x");
      CHECK(got.error() == std::errc::broken_pipe);
    }
  };
  run(read());
}

TEST_CASE("shutdown ends what is in flight on the same socket") {
  auto [a, b] = tcp_pair();
  const auto read = [&, &x = a]() -> Task<> {
    EventLoop::current()->post([&] { x.shutdown(ShutdownWay::both).value(); }).value();
    char buffer[10];
    {
      auto got = co_await x.recv(buffer);
      CHECK(got.value() == 0);
    }
    {
      auto got = co_await x.send_all("x");
      CHECK(got.error() == std::errc::broken_pipe);
    }
  };
  run(read());
}

TEST_CASE("connecting to nobody is refused, and never hangs") {
  Address nobody;
  {
    auto closed = Socket::open(family::ipv4, type::stream).value();
    closed.bind(Address::loopback_v4(0)).value();
    nobody = closed.local_address().value();
  }
  auto socket = Socket::open(family::ipv4, type::stream).value();
  CHECK(socket.connect(nobody).wait().error() == std::errc::connection_refused);
  const auto awaited = [&]() -> Task<> {
    auto another = Socket::open(family::ipv4, type::stream).value();
    {
      auto got = co_await another.connect(nobody);
      CHECK(got.error() == std::errc::connection_refused);
    }
  };
  run(awaited());
}

TEST_CASE("a full Unix listener is waited for") {
  auto listener = Socket::open(family::unix_domain, type::stream).value();
  listener.bind(Address::unix_abstract("parley-test-full-" + std::to_string(::getpid())).value()).value();
  listener.listen(0).value();
  const Address address = listener.local_address().value();
  auto first_client = Socket::open(family::unix_domain, type::stream).value();
  auto second_client = Socket::open(family::unix_domain, type::stream).value();
  first_client.connect(address).wait().value();
  CHECK(second_client.connect(address).within(1ms).wait().error() == Error::timed_out);
  const auto awaited = [&]() -> Task<> {
    {
      auto got = co_await second_client.connect(address).within(1ms);
      CHECK(got.error() == Error::timed_out);
    }
    EventLoop::current()
        ->post([&] { static_cast<void>(::close(::accept(listener.native_handle(), nullptr, nullptr))); })
        .value();
    (co_await second_client.connect(address)).value();
    (co_await second_client.send_all("x")).value();
    auto server = (co_await listener.accept()).value();
    {
      auto got = co_await server.recv_text(10);
      CHECK(got.value() == "x");
    }
    char buffer[10];
    {
      auto got = co_await second_client.recv(buffer).within(1ms);
      CHECK(got.error() == Error::timed_out);
    }
  };
  run(awaited());
}

// ---- Cost ----

TEST_CASE("sending and receiving allocate nothing") {
  if (!support::allocations_are_counted()) return;
  auto [a, b] = tcp_pair();
  std::size_t received = 0;
  std::size_t made = 0;
  const auto exchange = [&, &x = a, &y = b]() -> Task<> {
    char buffer[100];
    const std::array<ConstBytes, 2> pieces{"ab", "cd"};
    StopSource source;
    const StopToken token = source.token();
    std::size_t before = 0;
    for (int i = 0; i < 100; ++i) {
      if (i == 10) before = support::allocations();  // the loop's own tables have their size by now
      static_cast<void>(co_await x.recv(buffer).within(0ms).stop(token));
      static_cast<void>(co_await y.send_all("hello").within(1s));
      received += *co_await x.recv_exactly(MutableBytes(buffer, 5)).within(1s).stop(token);
      static_cast<void>(co_await y.sendv(pieces));
      received += *co_await x.recv(buffer);
      const auto results = co_await when_all(x.recv(buffer).within(1s), y.send("hello"));
      received += *std::get<0>(results);
    }
    made = support::allocations() - before;
  };
  run(exchange());
  CHECK(received == 1400);
  CHECK(made == 0);

  char buffer[100];
  StopSource source;
  const std::size_t before = support::allocations();
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(a.send_all("hello").within(1s).stop(source.token()).wait());
    static_cast<void>(a.recv(buffer).within(0ms).wait());
  }
  CHECK(support::allocations() == before);
}

// ---- No memory ----

TEST_CASE("text that there is no memory for is not lost") {
  if (!support::allocations_are_counted()) return;
  auto [a, b] = tcp_pair();
  REQUIRE(b.send_all("hello").wait());
  for (std::size_t n = 1; n <= 2; ++n) {
    auto op = a.recv_text(1000);
    const auto got = [&] {
      const support::OutOfMemory none(n);
      return std::move(op).wait();
    }();
    CHECK(got.error() == std::errc::not_enough_memory);
  }
  const auto got = a.recv_text(1000).wait();
  REQUIRE(got);
  CHECK(*got == "hello");
  CHECK(got->capacity() < 100);
}

TEST_CASE("a connection that there is no memory for waits until there is") {
  if (!support::allocations_are_counted()) return;
  auto listener = TcpListener::bind(Address::loopback_v4(0)).value();
  auto client = Socket::open(family::ipv4, type::stream).value();
  REQUIRE(client.connect(listener.local_address().value()).wait());
  const auto without = [&] {
    const support::OutOfMemory none;
    return listener.accept().within(0ms).wait().error();
  }();
  CHECK(without == Error::timed_out);
  CHECK(listener.accept().wait());
}

TEST_CASE("a timeout that there is no memory for fails the operation") {
  if (!support::allocations_are_counted()) return;
  auto [a, b] = tcp_pair();
  std::error_code without;
  std::size_t with = 0;
  const auto program = [&, &x = a, &y = b]() -> Task<> {
    char buffer[10];
    {
      const support::OutOfMemory none;
      const auto got = co_await x.recv(buffer).within(1h);
      without = got.error();
    }
    static_cast<void>(co_await y.send("abc"));
    with = *co_await x.recv(buffer).within(1h);
  };
  run(program());
  CHECK(without == std::errc::not_enough_memory);
  CHECK(with == 3);
}
