// SPDX-License-Identifier: BSL-1.0
// Sockets between threads.
#include <parley/net/socket.hpp>

#include <parley/core/loop_thread.hpp>
#include <parley/core/scope.hpp>
#include <parley/net/socket_pair.hpp>
#include <parley/net/tcp_listener.hpp>

#include "support/catch.hpp"
#include "support/net.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;
using support::narrow_pair;
using support::pattern;
using support::tcp_pair;

namespace {

// A thread that does one thing over and over, each time it is asked to.
class Helper {
 public:
  template <class Work>
  explicit Helper(Work work)
      : thread_([this, work] {
          for (int done = 0;; ++done) {
            while (asked_.load() == done) std::this_thread::yield();
            if (quit_.load()) return;
            work();
            done_.store(done + 1);
          }
        }) {}
  ~Helper() {
    quit_ = true;
    ++asked_;
    thread_.join();
  }
  void start() { ++asked_; }
  void finish() {
    while (done_.load() != asked_.load()) std::this_thread::yield();
  }

 private:
  std::atomic<int> asked_{0};
  std::atomic<int> done_{0};
  std::atomic<bool> quit_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a stop from another thread meets the completion of a wait") {
  auto pair = socket_pair().value();
  StopSource* source = nullptr;
  Helper stopper([&] { source->request_stop(); });
  Helper sender([&] { static_cast<void>(pair.second.send_all("x").wait()); });
  int received = 0;
  for (int i = 0; i < 2000; ++i) {
    StopSource mine;
    source = &mine;
    stopper.start();
    sender.start();
    char buffer[10];
    auto got = pair.first.recv(buffer).stop(mine.token()).wait();
    if (!got && got.error() == Error::cancelled) got = pair.first.recv(buffer).wait();
    if (got && *got == 1) ++received;
    stopper.finish();
    sender.finish();
  }
  CHECK(received == 2000);
}

TEST_CASE("a stop from another thread meets the completion on a loop") {
  auto pair = socket_pair().value();
  StopSource* source = nullptr;
  Helper stopper([&] { source->request_stop(); });
  Helper sender([&] { static_cast<void>(pair.second.send_all("x").wait()); });
  int received = 0;
  const auto receive = [&]() -> Task<> {
    for (int i = 0; i < 2000; ++i) {
      StopSource mine;
      source = &mine;
      stopper.start();
      sender.start();
      char buffer[10];
      auto got = co_await pair.first.recv(buffer).stop(mine.token());
      if (!got && got.error() == Error::cancelled) got = co_await pair.first.recv(buffer);
      if (got && *got == 1) ++received;
      stopper.finish();
      sender.finish();
    }
  };
  support::run(receive());
  CHECK(received == 2000);
}

TEST_CASE("one thread reads and one writes the same socket, a third is told to wait its turn") {
  auto [a, b] = narrow_pair();
  const std::string text = pattern(300000);
  Transferred sent;
  std::string heard;
  std::string echoed(text.size(), '\0');
  std::thread writer([&, &x = a] { sent = x.send_all(text).wait(); });
  std::thread echoer([&, &y = b] {
    char buffer[1000];
    while (heard.size() < text.size()) {
      const auto got = y.recv(buffer).wait();
      if (!got || !y.send_all(first(buffer, *got)).wait()) return;
      heard.append(buffer, *got);
    }
  });
  const auto got = a.recv_exactly(echoed).wait();
  writer.join();
  echoer.join();
  CHECK(sent.value() == text.size());
  CHECK(got.value() == text.size());
  CHECK(heard == text);
  CHECK(echoed == text);
}

TEST_CASE("two readers on two threads: one is busy") {
  auto [a, b] = socket_pair().value();
  std::atomic<bool> stop_trying{false};
  std::atomic<bool> other_refused{false};
  std::thread other([&, &x = a] {
    char buffer[10];
    while (!stop_trying) {
      const auto got = x.recv(buffer).within(0ms).wait();
      if (got.error() == Error::busy) {
        other_refused = true;
        break;
      }
    }
  });
  char buffer[10];
  while (!other_refused) {  // one of the two meets the other
    const auto got = a.recv(buffer).within(1ms).wait();
    if (got.error() == Error::busy) break;
  }
  stop_trying = true;
  other.join();
  b.send_all("abc").wait().value();
  CHECK(a.recv(buffer).wait().value() == 3);
}

TEST_CASE("shutdown from another thread ends what waits") {
  auto [a, b] = tcp_pair();
  std::thread other([&x = a] { static_cast<void>(x.shutdown(ShutdownWay::both)); });
  char buffer[10];
  CHECK(a.recv(buffer).wait().value() == 0);
  other.join();
}

TEST_CASE("accepted sockets are handed to other loops") {
  constexpr int clients = 40;
  auto listener = TcpListener::bind(Address::loopback_v4(0)).value();
  const Address address = listener.local_address().value();
  std::atomic<int> served{0};
  {
    LoopThread workers[2];
    const auto accept_all = [&]() -> Task<> {
      for (int i = 0; i < clients; ++i) {
        auto peer = co_await listener.accept();
        if (!peer) co_return;
        auto serve = [socket = std::move(*peer), &served]() mutable -> Task<> {
          char buffer[100];
          const auto got = co_await socket.recv(buffer);
          if (!got) co_return;
          const auto sent = co_await socket.send_all(first(buffer, *got));
          if (sent) ++served;
        };
        workers[i % 2].spawn(std::move(serve)).value();
      }
    };
    std::thread caller([&] {
      for (int i = 0; i < clients; ++i) {
        auto socket = Socket::open(family::ipv4, type::stream).value();
        if (!socket.connect(address).wait() || !socket.send_all("hello").wait()) return;
        static_cast<void>(socket.recv_text(10).wait());
      }
    });
    support::run(accept_all());
    caller.join();
  }
  CHECK(served == clients);
}
