// SPDX-License-Identifier: BSL-1.0
// What the poller on io_uring has the kernel do before it is asked: receive and accept.
#include <parley/platform/io_uring_poller.hpp>

#include "polled_pair.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace parley::platform;
using namespace std::chrono_literals;
using parley::Duration;

namespace {

bool can_read_ahead() {
  uring::Ring ring;
  return ring.open(1, 1) == 0 && ring.completes_in_enter_only();
}

struct Fixture : PolledPair<IoUringPoller> {
  Fixture() { usable = usable && can_read_ahead(); }

  void wait_for_bytes() { REQUIRE(poller.submit(reader, Direction::read, WaitsFor::bytes) == 0); }
  void write(const std::string& text) { REQUIRE(send(peer.get(), text.data(), text.size()).count == text.size()); }

  // All that there is, wherever it is.
  std::string take_all() {
    std::string all, some(100'000, '\0');
    while (!pollable.arrived.empty()) {
      const IoOutcome outcome = pollable.arrived.take(some.data(), some.size());
      if (outcome.error != 0) break;
      all.append(some, 0, outcome.count);
    }
    if (!pollable.maybe_ready(Direction::read)) return all;
    for (IoOutcome outcome; (outcome = receive(pollable.handle.get(), some.data(), some.size())).count != 0;) {
      all.append(some, 0, outcome.count);
    }
    return all;
  }
};

std::string numbered(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + " ";
  text.resize(size);
  return text;
}

// A listener of this process alone, and those who connect to it.
class Listener {
 public:
  Listener() : pollable(open_socket(AF_UNIX, SOCK_STREAM, 0).handle, true) {
    address_.sun_family = AF_UNIX;
    REQUIRE(parley::platform::bind(pollable.handle.get(), &address_, sizeof address_.sun_family) ==
            0);  // the system picks a name
    REQUIRE(parley::platform::listen(pollable.handle.get(), 200) == 0);
    REQUIRE(local_address(pollable.handle.get(), &address_, sizeof address_, size_) == 0);
    request.pollable = &pollable;
  }
  NativeHandle connect() const {
    NativeHandle client = open_socket(AF_UNIX, SOCK_STREAM, 0).handle;
    REQUIRE(parley::platform::connect(client.get(), &address_, size_) == 0);
    return client;
  }

  Pollable pollable;
  Request request;

 private:
  ::sockaddr_un address_{};
  std::size_t size_ = 0;
};

bool is_closed(const NativeHandle& client) {
  char byte = 0;
  const IoOutcome outcome = receive(client.get(), &byte, 1);
  return outcome.error == ECONNRESET || (outcome.error == 0 && outcome.count == 0);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "the kernel receives for who waits for bytes, and no call beside it takes them") {
  if (!usable) return;
  wait_for_bytes();
  CHECK(wait() == 0);
  for (const std::string text : {"a", "bc", "def"}) {
    CHECK_FALSE(pollable.maybe_ready(Direction::read));
    write(text);
    REQUIRE(wait(Duration::max()) == 1);
    CHECK(finished.requests[0] == &reader);
    CHECK(pollable.arrived.size() == text.size());
    char byte = 0;
    CHECK(receive(pollable.handle.get(), &byte, 1).error == EAGAIN);
    CHECK(take_all() == text);
    wait_for_bytes();
  }
}

TEST_CASE_METHOD(Fixture, "bytes that nobody takes are bounded, the rest stays with the sender, and none are lost") {
  if (!usable) return;
  wait_for_bytes();
  CHECK(wait() == 0);
  const std::string text = numbered(2'000'000);
  std::string taken;
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    sent += send(peer.get(), text.data() + sent, text.size() - sent).count;
    wait();
  }
  CHECK(pollable.arrived.size() > 4096);
  CHECK(pollable.arrived.size() <= 16384 + std::size_t{IoUringBuffers::count} * IoUringBuffers::size);
  CHECK(pollable.maybe_ready(Direction::read));
  for (int waits = 0; taken.size() < text.size() && waits < 1000; ++waits) {
    taken += take_all();
    sent += send(peer.get(), text.data() + sent, text.size() - sent).count;
    pollable.clear_ready(Direction::read);
    wait_for_bytes();
    wait();
  }
  CHECK(taken == text);
}

TEST_CASE_METHOD(Fixture, "bytes that nobody takes are bounded also while others are forgotten one by one") {
  if (!usable) return;
  std::vector<std::unique_ptr<Pollable>> others;
  std::vector<Request> requests(100);
  for (Request& request : requests) {
    others.push_back(std::make_unique<Pollable>(duplicate(peer.get()).handle, true));
    request.pollable = others.back().get();
    REQUIRE(poller.submit(request, Direction::read, WaitsFor::readiness) == 0);
  }
  wait_for_bytes();
  wait();
  const std::string text = numbered(50'000);
  std::string sent;
  for (const auto& other : others) {
    sent.append(text, 0, send(peer.get(), text.data(), text.size()).count);
    poller.forget(*other);
  }
  CHECK(pollable.arrived.size() > 0);
  CHECK(pollable.arrived.size() <= 16384 + std::size_t{IoUringBuffers::count} * IoUringBuffers::size);
  wait();
  CHECK((take_all() == sent));
}

TEST_CASE_METHOD(Fixture, "what has arrived, or is on its way, stays with a descriptor that leaves the poller") {
  if (!usable) return;
  std::string sent, taken;
  for (int i = 0; i < 200; ++i) {
    wait_for_bytes();
    CHECK(wait() == 0);
    const std::string text = numbered(static_cast<std::size_t>(i) * 40 + 1);
    write(text);
    if (i % 2 == 0) CHECK(wait(Duration::max()) == 1);
    write("end");
    poller.cancel(reader, Direction::read);
    poller.forget(pollable);
    CHECK(pollable.maybe_ready(Direction::read));
    sent += text + "end";
    taken += take_all();
  }
  CHECK(taken == sent);
}

TEST_CASE_METHOD(Fixture, "who waits for readiness ends the receive, and is told of what comes then") {
  if (!usable) return;
  wait_for_bytes();
  CHECK(wait() == 0);
  poller.cancel(reader, Direction::read);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
    if (wait() == 0) break;
    pollable.clear_ready(Direction::read);  // it tried in vain
  }
  REQUIRE(pollable.waiting(Direction::read) == &reader);
  write("abc");
  CHECK(wait(Duration::max()) == 1);
  CHECK(pollable.arrived.empty());
  CHECK(take_all() == "abc");
}

TEST_CASE_METHOD(Fixture, "who writes is told when there is room, while the kernel receives") {
  if (!usable) return;
  wait_for_bytes();
  CHECK(wait() == 0);
  const std::string much(100'000, 'x');
  while (send(pollable.handle.get(), much.data(), much.size()).error == 0) continue;
  REQUIRE(poller.submit(writer, Direction::write, WaitsFor::readiness) == 0);
  pollable.clear_ready(Direction::write);
  CHECK(wait() == 0);
  std::string all(10'000'000, '\0');
  while (receive(peer.get(), all.data(), all.size()).error == 0) continue;
  REQUIRE(wait(Duration::max()) == 1);
  CHECK(finished.requests[0] == &writer);
  write("abc");
  REQUIRE(wait(Duration::max()) == 1);
  CHECK(finished.requests[0] == &reader);
  CHECK(take_all() == "abc");
}

TEST_CASE_METHOD(Fixture, "the end of the stream and an error come after the bytes, and stay") {
  if (!usable) return;
  const bool reset = GENERATE(false, true);
  wait_for_bytes();
  CHECK(wait() == 0);
  if (reset) REQUIRE(send(pollable.handle.get(), "x", 1).count == 1);  // which the peer will not have read
  write("abc");
  peer.close();
  std::string taken;
  for (int i = 0; i < 10 && !pollable.maybe_ready(Direction::read); ++i) {
    wait(1s);
    taken += take_all();
    wait_for_bytes();
  }
  CHECK(taken == "abc");
  for (int i = 0; i < 2; ++i) {
    char byte = 0;
    if (reset) {
      REQUIRE_FALSE(pollable.arrived.empty());
      CHECK(pollable.arrived.take(&byte, 1).error == ECONNRESET);
    } else {
      CHECK(pollable.arrived.empty());
      const IoOutcome end = receive(pollable.handle.get(), &byte, 1);
      CHECK((end.error == 0 && end.count == 0));
    }
  }
}

TEST_CASE("more that are ready than there are buffers get all their bytes") {
  if (!can_read_ahead()) return;
  std::vector<std::unique_ptr<Fixture>> pairs;
  IoUringPoller poller;
  REQUIRE(poller.open() == 0);
  for (int i = 0; i < 300; ++i) {
    pairs.push_back(std::make_unique<Fixture>());
    REQUIRE(poller.submit(pairs.back()->reader, Direction::read, WaitsFor::bytes) == 0);
  }
  Finished finished;
  REQUIRE(poller.wait(Duration::zero(), finished) == 0);
  CHECK(finished.count == 0);
  for (const auto& pair : pairs) pair->write(numbered(9000));
  std::vector<std::string> taken(pairs.size());
  const std::string expected = numbered(9000);
  for (int waits = 0; waits < 10000; ++waits) {
    finished.count = 0;
    REQUIRE(poller.wait(Duration::zero(), finished) == 0);
    bool all = true;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      Fixture& pair = *pairs[i];
      taken[i] += pair.take_all();
      all = all && taken[i].size() == expected.size();
      if (pair.pollable.waiting(Direction::read) != nullptr) continue;
      pair.pollable.clear_ready(Direction::read);
      REQUIRE(poller.submit(pair.reader, Direction::read, WaitsFor::bytes) == 0);
    }
    if (all) break;
  }
  for (const std::string& text : taken) CHECK(text == expected);
  for (const auto& pair : pairs) {
    poller.cancel(pair->reader, Direction::read);
    poller.forget(pair->pollable);
  }
}

TEST_CASE_METHOD(Fixture, "it receives on another thread, and has what the former one had received") {
  if (!usable) return;
  wait_for_bytes();
  CHECK(wait() == 0);
  std::string taken;
  for (int i = 0; i < 20; ++i) {
    write("abc");
    if (i % 2 == 0) wait(Duration::max());
    std::thread([&] {
      for (int waits = 0; waits < 10 && taken.size() < 3 * static_cast<std::size_t>(i + 1); ++waits) {
        wait(1s);
        taken += take_all();
        if (pollable.waiting(Direction::read) == nullptr) wait_for_bytes();
      }
    }).join();
    CHECK(taken.size() == 3 * static_cast<std::size_t>(i + 1));
  }
  std::thread([this] {
    poller.cancel(reader, Direction::read);
    poller.forget(pollable);
  }).join();
}

TEST_CASE_METHOD(Fixture, "a descriptor that leaves loses nothing where no ring is to be had for the thread") {
  if (!usable) return;
  Listener listener;
  std::thread([&] {
    wait_for_bytes();
    REQUIRE(poller.submit(listener.request, Direction::read, WaitsFor::connection) == 0);
    CHECK(wait() == 0);
  }).join();
  write("abc");
  const NativeHandle client = listener.connect();
  {
    support::Faults faults;
    faults.fail_always("io_uring_setup", EMFILE);
    poller.forget(pollable);
    poller.forget(listener.pollable);
    CHECK(faults.fired());
  }
  CHECK(pollable.arrived.empty());  // no error either
  CHECK(take_all() == "abc");
  CHECK(listener.pollable.arrived.empty());
  ::sockaddr_un from{};
  CHECK(accept(listener.pollable.handle.get(), &from, sizeof from).error == 0);
}

TEST_CASE_METHOD(Fixture, "a listener that is shut down does not end that the kernel receives for others") {
  if (!usable) return;
  Pollable listener(open_socket(AF_INET, SOCK_STREAM, 0).handle, true);
  REQUIRE(parley::platform::listen(listener.handle.get(), 5) == 0);
  Request request{&listener};
  REQUIRE(poller.submit(request, Direction::read, WaitsFor::connection) == 0);
  wait();
  REQUIRE(shut_down(listener.handle.get(), ShutdownWay::receive) == 0);
  REQUIRE(wait(1s) == 1);
  wait_for_bytes();
  wait();
  write("abc");
  wait(1s);
  CHECK(pollable.arrived.size() == 3);
  poller.forget(listener);
}

TEST_CASE_METHOD(Fixture, "without buffers it polls") {
  if (!usable) return;
  IoUringPoller polls;
  {
    support::Faults faults;
    faults.fail_call("io_uring_register", 1, ENOMEM);
    REQUIRE(polls.open() == 0);
  }
  REQUIRE(polls.submit(reader, Direction::read, WaitsFor::bytes) == 0);
  finished.count = 0;
  REQUIRE(polls.wait(Duration::zero(), finished) == 0);
  write("abc");
  REQUIRE(polls.wait(Duration::max(), finished) == 0);
  CHECK(finished.count == 1);
  CHECK(pollable.arrived.empty());
  CHECK(take_all() == "abc");
  polls.forget(pollable);
}

TEST_CASE("it accepts for who waits, and closes what nobody took") {
  if (!can_read_ahead()) return;
  IoUringPoller poller;
  REQUIRE(poller.open() == 0);
  Finished finished;
  NativeHandle taken, left, late;
  {
    Listener listener;
    REQUIRE(poller.submit(listener.request, Direction::read, WaitsFor::connection) == 0);
    REQUIRE(poller.wait(Duration::zero(), finished) == 0);
    CHECK(finished.count == 0);
    taken = listener.connect();
    left = listener.connect();
    REQUIRE(poller.wait(Duration::max(), finished) == 0);
    REQUIRE(finished.count == 1);
    CHECK(finished.requests[0] == &listener.request);
    REQUIRE(listener.pollable.arrived.count() == 2);
    const NativeHandle connection = listener.pollable.arrived.take_connection();
    REQUIRE(send(connection.get(), "x", 1).count == 1);
    late = listener.connect();
    poller.forget(listener.pollable);
    char byte = 0;
    CHECK(receive(taken.get(), &byte, 1).count == 1);
    CHECK_FALSE(is_closed(left));
  }
  CHECK(is_closed(left));
  CHECK(is_closed(late));
}

TEST_CASE("connections that nobody takes do not become ever more") {
  if (!can_read_ahead()) return;
  IoUringPoller poller;
  REQUIRE(poller.open() == 0);
  Finished finished;
  Listener listener;
  REQUIRE(poller.submit(listener.request, Direction::read, WaitsFor::connection) == 0);
  REQUIRE(poller.wait(Duration::zero(), finished) == 0);
  std::vector<NativeHandle> clients;
  for (int i = 0; i < 150; ++i) {
    clients.push_back(listener.connect());
    finished.count = 0;
    REQUIRE(poller.wait(Duration::zero(), finished) == 0);
  }
  CHECK(listener.pollable.arrived.count() < 70);
  CHECK(listener.pollable.maybe_ready(Direction::read));
  std::size_t accepted = listener.pollable.arrived.count();
  ::sockaddr_un from{};
  while (accept(listener.pollable.handle.get(), &from, sizeof from).error == 0) ++accepted;
  CHECK(accepted == clients.size());
  poller.forget(listener.pollable);
}

TEST_CASE("without descriptors whoever waits to accept is told at once, and goes on when there are some") {
  if (!can_read_ahead()) return;
  IoUringPoller poller;
  REQUIRE(poller.open() == 0);
  Finished finished;
  Listener listener;
  const NativeHandle client = listener.connect();
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const auto next = static_cast<::rlim_t>(duplicate(client.get()).handle.get());
  const ::rlimit none{next, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  REQUIRE(poller.submit(listener.request, Direction::read, WaitsFor::connection) == 0);
  REQUIRE(poller.wait(Duration::max(), finished) == 0);
  ::sockaddr_un from{};
  const int refused = accept(listener.pollable.handle.get(), &from, sizeof from).error;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(refused == EMFILE);
  CHECK(finished.count == 1);
  CHECK(listener.pollable.arrived.empty());
  CHECK(listener.pollable.maybe_ready(Direction::read));
  REQUIRE(poller.submit(listener.request, Direction::read, WaitsFor::connection) == 0);
  finished.count = 0;
  REQUIRE(poller.wait(Duration::max(), finished) == 0);
  CHECK(listener.pollable.arrived.count() == 1);
  poller.forget(listener.pollable);
}
