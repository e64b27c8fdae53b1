// SPDX-License-Identifier: BSL-1.0
// Every system call of some scenarios fails once. What must hold: no hang, no crash, no leak, and nothing wrong that is
// called a success.
#include <parley/net/socket.hpp>

#include <parley/core/scope.hpp>
#include <parley/net/connect.hpp>
#include <parley/net/socket_pair.hpp>
#include <parley/net/tcp_listener.hpp>
#include <parley/net/udp_socket.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

#include <errno.h>
#include <poll.h>

#include <array>
#include <string>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;
using support::Faults;
using support::pattern;

namespace {

constexpr int errors[] = {EINTR, ECONNRESET, ENOMEM, EMFILE, EAGAIN};

struct Answer {
  std::string text;
};

Task<Result<>> serve_one(TcpListener& listener, std::size_t bytes) {
  auto peer = co_await listener.accept();
  listener.close();  // nobody waits for an answer that will not come
  if (!peer) co_return peer.error();
  std::string text(bytes, '\0');
  auto moved = co_await peer->recv_exactly(text);
  if (!moved) co_return moved.error();
  moved = co_await peer->send_all(text);
  co_return moved.error();
}

Task<Result<>> ask(Socket& socket, const std::string& text, Answer& answer) {
  auto moved = co_await socket.send_all(text);
  if (!moved) co_return moved.error();
  answer.text.assign(text.size(), '\0');
  moved = co_await socket.recv_exactly(answer.text);
  if (!moved) co_return moved.error();
  const auto end = co_await socket.recv_text(10);
  if (end && !end->empty()) co_return Error::malformed;
  co_return end.error();
}

Task<Result<>> connect_and_ask(const Address& to, const std::string& text, Answer& answer) {
  auto socket = Socket::open(to.native_family(), type::stream);
  if (!socket) co_return socket.error();
  if (auto connected = co_await socket->connect(to); !connected) co_return connected;
  co_return co_await ask(*socket, text, answer);
}

Task<Result<>> connect_by_name_and_ask(std::uint16_t port, const std::string& text, Answer& answer) {
  auto socket = co_await Socket::connect("localhost", port);
  if (!socket) co_return socket.error();
  co_return co_await ask(*socket, text, answer);
}

enum class By { address, name };

Result<> stream_on_a_loop(By by, const std::string& text, Answer& answer) {
  auto listener = TcpListener::bind(Address::loopback_v4(0));
  if (!listener) return listener.error();
  const auto address = listener->local_address();
  if (!address) return address.error();
  EventLoop loop;
  Result<> outcome = Error::closed;
  const auto both = [&]() -> Task<Result<>> {
    Scope scope;
    scope.spawn(serve_one(*listener, text.size()));
    if (by == By::address) {
      outcome = co_await connect_and_ask(*address, text, answer);
    } else {
      outcome = co_await connect_by_name_and_ask(address->port(), text, answer);
    }
    listener->close();
    co_return co_await scope.join();
  };
  const auto ran = loop.run(both());
  return outcome ? ran : outcome;
}

Result<> stream_by_waiting(const std::string& text, Answer& answer) {
  auto listener = TcpListener::bind(Address::loopback_v4(0));
  if (!listener) return listener.error();
  const auto address = listener->local_address();
  if (!address) return address.error();
  auto client = Socket::open(family::ipv4, type::stream);
  if (!client) return client.error();
  if (auto connected = client->connect(*address).wait(); !connected) return connected;
  auto server = listener->accept().within(10s).wait();
  if (!server) return server.error();
  if (auto sent = client->send_all(text).within(10s).wait(); !sent) return sent.error();
  std::string heard(text.size(), '\0');
  if (auto got = server->recv_exactly(heard).within(10s).wait(); !got) return got.error();
  if (auto sent = server->send_all(heard).wait(); !sent) return sent.error();
  server->close();
  answer.text.assign(text.size(), '\0');
  if (auto got = client->recv_exactly(answer.text).wait(); !got) return got.error();
  const auto end = client->recv_text(10).wait();
  if (end && !end->empty()) return Error::malformed;
  return end.error();
}

Result<> datagrams_by_waiting(Answer& answer) {
  auto a = UdpSocket::bind("127.0.0.1", 0);
  auto b = UdpSocket::bind("127.0.0.1", 0);
  if (!a || !b) return a ? b.error() : a.error();
  const auto to = b->local_address();
  if (!to) return to.error();
  if (auto sent = a->send_to("ping", *to).wait(); !sent) return sent.error();
  char buffer[100];
  const auto got = b->recv_from(buffer).within(10s).wait();
  if (!got) return got.error();
  if (auto sent = b->send_to(ConstBytes(buffer, got->bytes), got->from).wait(); !sent) return sent.error();
  const auto back = a->recv_from(buffer).within(10s).wait();
  if (!back) return back.error();
  answer.text.assign(buffer, back->bytes);
  return {};
}

Task<Result<>> datagrams(Answer& answer) {
  auto a = UdpSocket::bind("127.0.0.1", 0);
  auto b = UdpSocket::bind("127.0.0.1", 0);
  if (!a || !b) co_return a ? b.error() : a.error();
  const auto to = b->local_address();
  if (!to) co_return to.error();
  if (auto sent = co_await a->send_to("ping", *to); !sent) co_return sent.error();
  char buffer[100];
  const auto got = co_await b->recv_from(buffer);
  if (!got) co_return got.error();
  const ConstBytes echo(buffer, got->bytes);
  if (auto sent = co_await b->send_to(echo, got->from); !sent) co_return sent.error();
  const auto back = co_await a->recv_from(buffer);
  if (!back) co_return back.error();
  answer.text.assign(buffer, back->bytes);
  co_return {};
}

// Fails the first call, the second, ... until the scenario passes without a failure being due.
template <class Scenario>
void fail_each_call(int error, const std::string& expected, Scenario scenario) {
  for (std::size_t n = 1;; ++n) {
    const std::size_t before = support::open_descriptors();
    Answer answer;
    Result<> outcome = Error::closed;
    bool fired = false;
    {
      Faults faults;
      faults.fail_nth(n, error);
      outcome = scenario(answer);
      fired = faults.fired();
    }
    CAPTURE(n, error, outcome.error().message());
    support::finish_pool_work();
    CHECK(support::open_descriptors() == before);
    if (outcome) CHECK(answer.text == expected);
    if (!fired) {
      CHECK(outcome);
      return;
    }
    REQUIRE(n < 2000);
  }
}

}  // namespace

TEST_CASE("any call of a conversation by wait() may fail") {
  const std::string text = pattern(20000);
  static_cast<void>(Socket().recv_text(1).wait());  // this thread's waker is there from now on
  for (const int error : errors) {
    fail_each_call(error, text, [&](Answer& answer) { return stream_by_waiting(text, answer); });
    fail_each_call(error, "ping", [&](Answer& answer) { return datagrams_by_waiting(answer); });
  }
}

TEST_CASE("any call of a conversation on a loop may fail") {
  const std::string text = pattern(300000);
  for (const int error : errors) {
    // A descriptor that a loop has registered does not say EAGAIN while it is ready: the kernel promises the edge.
    if (error == EAGAIN) continue;
    fail_each_call(error, text, [&](Answer& answer) { return stream_on_a_loop(By::address, text, answer); });
    fail_each_call(error, "ping", [&](Answer& answer) {
      EventLoop loop;
      return loop.run(datagrams(answer));
    });
  }
}

TEST_CASE("any call of a connection by name may fail") {
  const std::string text = pattern(1000);
  // The threads of the pool stay, and this is not about their beginning.
  Answer warm_up;
  REQUIRE(stream_on_a_loop(By::name, text, warm_up));
  for (const int error : errors) {
    if (error == EAGAIN) continue;
    fail_each_call(error, text, [&](Answer& answer) { return stream_on_a_loop(By::name, text, answer); });
  }
}

TEST_CASE("the first try of each call may have to wait") {
  const std::string text = pattern(1000);
  for (const char* call : {"accept4", "recv", "connect"}) {
    Faults faults;
    faults.fail_call(call, 1, EAGAIN);
    Answer answer;
    CAPTURE(call);
    CHECK(stream_on_a_loop(By::address, text, answer));
    CHECK(answer.text == text);
    CHECK(faults.fired());
  }
  auto pair = socket_pair().value();
  Faults faults;
  faults.fail_call("send", 1, EAGAIN);
  const auto send = [&]() -> Task<Transferred> { co_return co_await pair.first.send_all("abc").within(10s); };
  EventLoop loop;
  CHECK(loop.run(send()).value().value() == 3);
  CHECK(faults.fired());
}

TEST_CASE("calls that move a byte at a time move everything") {
  const std::string text = pattern(500);
  Faults faults;
  faults.short_transfers(1);
  Answer answer;
  CHECK(stream_by_waiting(text, answer));
  CHECK(answer.text == text);
  CHECK(faults.count("recv") > 1000);
  CHECK(faults.count("send") >= 1000);
  auto pair = socket_pair().value();
  const std::array<ConstBytes, 3> pieces{"ab", "", "cde"};
  CHECK(pair.first.sendv(pieces).wait().value() == 5);
  CHECK(faults.count("sendmsg") == 5);
  faults.disarm();
  CHECK(pair.second.recv_text(10).wait().value() == "abcde");
}

TEST_CASE("a connect whose error somebody else has taken does not hang") {
  auto listener = TcpListener::bind(Address::loopback_v4(0)).value();
  const Address address = listener.local_address().value();
  for (const bool waited : {false, true}) {
    Faults faults;
    faults.fail_call("connect", 1, EINTR);  // nothing is under way, and no error is left to be read
    auto socket = Socket::open(family::ipv4, type::stream).value();
    const auto go = [&]() -> Task<Result<>> { co_return co_await socket.connect(address).within(10s); };
    EventLoop loop;
    const auto outcome = waited ? socket.connect(address).within(10s).wait() : loop.run(go());
    CHECK(outcome.error() == std::errc::not_connected);
  }
}

TEST_CASE("a connection that is reset as soon as it stands fails with that error") {
  auto listener = TcpListener::bind(Address::loopback_v4(0)).value();
  const Address address = listener.local_address().value();
  auto socket = Socket::open(family::ipv4, type::stream).value();
  Faults faults;
  // The attempt has been found to have come to no error; then the peer's reset comes.
  faults.before_call("getpeername", 1, [&] {
    std::thread resets([&] {  // here it would block the loop
      auto peer = listener.accept().wait().value();
      peer.set(Linger{.enabled = true}).value();
    });
    resets.join();
    pollfd reset{.fd = socket.native_handle(), .events = 0, .revents = 0};
    REQUIRE(::poll(&reset, 1, 10000) == 1);
  });
  const auto go = [&]() -> Task<Result<>> { co_return co_await socket.connect(address).within(10s); };
  CHECK(EventLoop().run(go()).error() == std::errc::connection_reset);
}

TEST_CASE("a loop that fails ends what runs on it") {
  auto pair = socket_pair().value();
  char buffer[10];
  const auto receive = [&]() -> Task<Result<std::size_t>> { co_return co_await pair.first.recv(buffer); };
  Faults faults;
  faults.fail_call(support::poller_wait_call(), 1, ENOMEM);
  EventLoop loop;
  CHECK(loop.run(receive()).error() == std::errc::not_enough_memory);
  faults.fail_call(support::poller_open_call(), 1, EMFILE);
  EventLoop broken;
  CHECK(broken.run(receive()).error() == std::errc::too_many_files_open);
}
