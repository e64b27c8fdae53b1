// SPDX-License-Identifier: BSL-1.0
#include <parley/net/datagram_batch.hpp>

#include <parley/core/scope.hpp>
#include <parley/core/when_all.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

#include <optional>
#include <random>
#include <string>
#include <vector>

#include <errno.h>
#include <unistd.h>

using namespace parley;
using namespace std::chrono_literals;
using support::Faults;
using support::pattern;
using support::run;

namespace {

constexpr BatchWay all_ways[] = {BatchWay::segments, BatchWay::messages, BatchWay::one_by_one};

DatagramBatch batch_of(BatchWay way, std::size_t largest = 65535) {
  return DatagramBatch::make({.largest = largest, .way = way}).value();
}

UdpSocket receiver(const Address& address = Address::loopback_v4(0)) {
  auto socket = UdpSocket::bind(address).value();
  socket.set(ReceiveBufferSize{4 << 20}).value();
  return socket;
}

/// What the batch holds, each datagram as its text, cut ones with a '~' behind.
std::vector<std::string> texts(const DatagramBatch& batch) {
  std::vector<std::string> all;
  for (const Datagram& datagram : batch) {
    all.emplace_back(datagram.bytes.text());
    if (datagram.truncated) all.back() += '~';
  }
  return all;
}

/// Receives until nothing is there any more; so many come for certain, on a busy machine a little later than sent.
std::vector<std::string> drain(UdpSocket& socket, DatagramBatch& batch, std::size_t certain = 0) {
  std::vector<std::string> all;
  while (auto count = socket.recv_batch(batch).within(all.size() < certain ? 10s : 0s).wait()) {
    CHECK(*count == batch.size());
    CHECK(*count > 0);
    for (std::string& text : texts(batch)) all.push_back(std::move(text));
  }
  CHECK(batch.empty());
  return all;
}

struct Message {
  std::size_t to;
  std::string text;
};

/// Runs of one size, runs of mixed ones, empty ones, ones that are longer than a packet; to `peers` destinations.
std::vector<Message> random_messages(std::mt19937& random, std::size_t peers) {
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  std::vector<Message> messages;
  std::size_t bytes = 0;
  while (messages.size() < 150 && bytes < 150'000) {
    const std::size_t run = 1 + below(70);
    const std::size_t size = below(10) == 0 ? 0 : below(20) == 0 ? 1500 + below(60'000) : 1 + below(1400);
    const std::size_t to = below(peers);
    const bool mixed = below(3) == 0;
    for (std::size_t i = 0; i < run && bytes < 150'000; ++i) {
      const std::size_t length = mixed ? below(size + 1) : size;
      messages.push_back({mixed && below(4) == 0 ? below(peers) : to, pattern(length, messages.size())});
      bytes += length;
    }
  }
  return messages;
}

}  // namespace

TEST_CASE("what is sent as a batch arrives the same, whichever way it goes and is received") {
  std::mt19937 random(20261126);
  for (const BatchWay out : all_ways) {
    for (const BatchWay in : all_ways) {
      for (int round = 0; round < 12; ++round) {
        const auto messages = random_messages(random, 3);
        UdpSocket receivers[] = {receiver(), receiver(), receiver()};
        std::vector<std::string> expected[3];
        auto sending = DatagramBatch::make({.bytes = 1 << 20, .runs = 1000, .way = out}).value();
        auto receiving = batch_of(in);
        // So that coalescing is on before anything comes.
        for (UdpSocket& socket : receivers) CHECK(drain(socket, receiving).empty());
        auto sender = UdpSocket::bind("127.0.0.1", 0).value();
        for (const Message& message : messages) {
          sending.add(message.text, receivers[message.to].local_address().value()).value();
          expected[message.to].push_back(message.text);
        }
        CHECK(sending.size() == messages.size());
        std::size_t sent = 0;
        while (!sending.empty()) sent += sender.send_batch(sending).wait().value();
        CHECK(sent == messages.size());
        for (std::size_t i = 0; i < 3; ++i) CHECK(drain(receivers[i], receiving, expected[i].size()) == expected[i]);
      }
    }
  }
}

TEST_CASE("each datagram of a batch has its source, and IPv6 goes the same way") {
  for (const BatchWay way : all_ways) {
    for (const bool ipv6 : {false, true}) {
      const Address here = ipv6 ? Address::loopback_v6(0) : Address::loopback_v4(0);
      auto bound = UdpSocket::bind(here);
      if (!bound) continue;  // no IPv6 on this machine
      auto other = UdpSocket::bind(here).value();
      auto to = receiver(here);
      auto batch = batch_of(way);
      CHECK(drain(to, batch).empty());
      const Address destination = to.local_address().value();
      for (UdpSocket* from : {&*bound, &other}) {
        for (int i = 0; i < 3; ++i) batch.add(pattern(1000, static_cast<std::size_t>(i)), destination).value();
        from->send_batch(batch).wait().value();
      }
      std::vector<Address> sources;
      while (sources.size() < 6 && to.recv_batch(batch).within(10s).wait()) {
        for (const Datagram& datagram : batch) {
          CHECK(datagram.bytes.text() == pattern(1000, sources.size() % 3));
          sources.push_back(datagram.peer);
        }
      }
      REQUIRE(sources.size() == 6);
      CHECK(sources[0] == bound->local_address().value());
      CHECK(sources[2] == sources[0]);
      CHECK(sources[3] == other.local_address().value());
      CHECK(sources[5] == sources[3]);
    }
  }
}

TEST_CASE("received datagrams are cut to the largest size, which is told, whichever way") {
  for (const BatchWay way : all_ways) {
    auto to = receiver();
    auto batch = batch_of(way, 4);
    CHECK(drain(to, batch).empty());
    auto from = UdpSocket::open().value();
    auto sending = batch_of(BatchWay::segments);
    for (const char* text : {"123456", "abcdef", "four", "", "x"})
      sending.add(text, to.local_address().value()).value();
    from.send_batch(sending).wait().value();
    CHECK(drain(to, batch, 5) == std::vector<std::string>{"1234~", "abcd~", "four", "", "x"});
  }
}

TEST_CASE("what was received can be sent on as it is") {
  for (const BatchWay way : all_ways) {
    auto middle = receiver();
    auto from = receiver();
    auto batch = batch_of(way);
    auto answers = batch_of(way);
    CHECK(drain(middle, batch).empty());
    CHECK(drain(from, answers).empty());
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < 70; ++i) {
      expected.push_back(pattern(i % 7 == 0 ? 100 : 300, i));
      answers.add(expected.back(), middle.local_address().value()).value();
    }
    from.send_batch(answers).wait().value();
    while (middle.recv_batch(batch).within(0ms).wait()) {
      CHECK(batch.add("no", from.local_address().value()).error() == Error::queue_full);
      middle.send_batch(batch).wait().value();
      CHECK(batch.empty());
    }
    CHECK(drain(from, answers, expected.size()) == expected);
  }
}

TEST_CASE("a batch has bounds, and what has left it makes room") {
  auto to = receiver();
  const Address there = to.local_address().value();
  auto batch = DatagramBatch::make({.bytes = 1000, .runs = 2, .largest = 1000}).value();
  batch.add(pattern(400), there).value();
  batch.add(pattern(400), there).value();
  CHECK(batch.add(pattern(400), there).error() == Error::queue_full);
  batch.add(pattern(200), there).value();
  CHECK(batch.add("x", there).error() == Error::queue_full);
  CHECK(batch.size() == 3);
  auto from = UdpSocket::open().value();
  CHECK(from.send_batch(batch).wait().value() == 3);
  batch.add("a", there).value();
  batch.add("bb", there).value();
  CHECK(batch.add("ccc", there).error() == Error::queue_full);  // a third run
  CHECK(texts(batch) == std::vector<std::string>{"a", "bb"});
  batch.drop_front();
  CHECK(texts(batch) == std::vector<std::string>{"bb"});
  batch.drop_front(100);
  CHECK(batch.empty());
  batch.add("again", there).value();
  batch.clear();
  CHECK(batch.empty());
  CHECK(batch.add(std::string(65536, 'x'), there).error() == Error::too_long);
  CHECK(from.send_batch(batch).wait().value() == 0);
}

TEST_CASE("limits without room for anything are refused, and so is an empty batch") {
  CHECK(DatagramBatch::make({.bytes = 100, .largest = 101}).error() == std::errc::invalid_argument);
  CHECK(DatagramBatch::make({.runs = 0}).error() == std::errc::invalid_argument);
  CHECK(DatagramBatch::make({.largest = 0}).error() == std::errc::invalid_argument);
  DatagramBatch none;
  auto socket = UdpSocket::bind("127.0.0.1", 0).value();
  CHECK(none.empty());
  CHECK(none.begin() == none.end());
  CHECK(none.add("x", Address::loopback_v4(1)).error() == Error::queue_full);
  CHECK(socket.send_batch(none).wait().error() == Error::closed);
  CHECK(socket.recv_batch(none).wait().error() == Error::closed);
  none.clear();
  none.drop_front();
  auto batch = batch_of(BatchWay::segments);
  UdpSocket closed;
  CHECK(closed.send_batch(batch).wait().error() == Error::closed);
  CHECK(closed.recv_batch(batch).wait().error() == Error::closed);
}

TEST_CASE("memory that cannot be had is an error") {
  if (!support::allocations_are_counted()) return;
  for (std::size_t nth = 1; nth <= 3; ++nth) {
    std::error_code error;
    {
      support::OutOfMemory none(nth);
      error = DatagramBatch::make().error();
    }
    CHECK(error == std::errc::not_enough_memory);
  }
}

TEST_CASE("a datagram that cannot be sent stops the batch there, and the rest goes on without it") {
  for (const BatchWay way : all_ways) {
    auto to = receiver();
    const Address there = to.local_address().value();
    auto batch = batch_of(way);
    auto inbox = batch_of(way);
    CHECK(drain(to, inbox).empty());
    auto from = UdpSocket::open().value();
    batch.add("one", there).value();
    batch.add("two", there).value();
    batch.add("nowhere", Address::loopback_v6(9)).value();
    batch.add("three", there).value();
    const auto sent = from.send_batch(batch).wait();
    CHECK(sent.error() == std::errc::address_family_not_supported);
    CHECK(sent.datagrams() == 2);
    CHECK(texts(batch) == std::vector<std::string>{"nowhere", "three"});
    batch.drop_front();
    CHECK(from.send_batch(batch).wait().value() == 1);
    CHECK(drain(to, inbox, 3) == std::vector<std::string>{"one", "two", "three"});
  }
}

TEST_CASE("a connected socket sends a batch to its peer, and a refusal does not end it") {
  for (const BatchWay way : all_ways) {
    Address there;
    {
      auto nobody = receiver();
      there = nobody.local_address().value();
    }
    auto from = UdpSocket::bind("127.0.0.1", 0).value();
    from.connect(there).value();
    auto batch = batch_of(way);
    auto inbox = batch_of(way);
    batch.add("anybody?", Address()).value();
    from.send_batch(batch).wait().value();
    CHECK(from.recv_batch(inbox).within(10s).wait().error() == std::errc::connection_refused);
    CHECK(inbox.empty());
    batch.add("still nobody?", Address()).value();
    from.send_batch(batch).wait().value();
    batch.add("once more", Address()).value();
    // The refusal of the one before: nothing was sent, and nothing is lost.
    const auto refused = from.send_batch(batch).wait();
    CHECK(refused.error() == std::errc::connection_refused);
    CHECK(refused.datagrams() == 0);
    auto to = receiver(there);
    CHECK(from.send_batch(batch).wait().value() == 1);
    CHECK(drain(to, inbox, 1) == std::vector<std::string>{"once more"});
  }
}

TEST_CASE("a socket that coalesces gives its datagrams to batches only") {
  auto socket = UdpSocket::bind("127.0.0.1", 0).value();
  auto batch = batch_of(BatchWay::segments);
  auto small = DatagramBatch::make({.bytes = 2000, .largest = 2000}).value();
  char buffer[10];
  CHECK(socket.recv_batch(small).within(0ms).wait().error() == Error::timed_out);
  CHECK(socket.recv(buffer).within(0ms).wait().error() == Error::timed_out);
  CHECK(socket.recv_batch(batch).within(0ms).wait().error() == Error::timed_out);
  if (!socket.socket().descriptor()->lent(platform::Direction::read)) {
    WARN("this kernel does not coalesce datagrams: not tested");
    return;
  }
  DatagramDetails details;
  CHECK(socket.recv(buffer).wait().error() == Error::busy);
  CHECK(socket.recv_from(buffer).wait().error() == Error::busy);
  CHECK(socket.recv_from(buffer, details).wait().error() == Error::busy);
  CHECK(socket.recv_batch(small).wait().error() == std::errc::no_buffer_space);
  const auto on_a_loop = [&]() -> Task<> {
    const auto refused = co_await socket.recv(buffer);
    CHECK(refused.error() == Error::busy);
    const auto late = co_await socket.recv_batch(batch).within(1ms);
    CHECK(late.error() == Error::timed_out);
  };
  run(on_a_loop());
}

TEST_CASE("kernels and devices without segmentation get the same datagrams one by one") {
  const auto send_all = [](auto spoil) {
    auto to = receiver();
    auto inbox = batch_of(BatchWay::segments);
    CHECK(drain(to, inbox).empty());
    auto from = UdpSocket::open().value();
    auto batch = batch_of(BatchWay::segments);
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < 100; ++i) {
      expected.push_back(pattern(500, i));
      batch.add(expected.back(), to.local_address().value()).value();
    }
    std::size_t calls = 0;
    {
      Faults faults;
      spoil(faults);
      CHECK(from.send_batch(batch).wait().value() == 100);
      calls = faults.count("sendmmsg");
    }
    CHECK(drain(to, inbox, expected.size()) == expected);
    return calls;
  };
  CHECK(send_all([](Faults&) {}) == 1);
  CHECK(send_all([](Faults& faults) { faults.fail_call("getsockopt", 1, ENOPROTOOPT); }) == 2);
  CHECK(send_all([](Faults& faults) { faults.fail_call("sendmmsg", 1, EIO); }) == 3);
  CHECK(send_all([](Faults& faults) { faults.fail_call("sendmmsg", 1, EINVAL); }) >= 3);
}

TEST_CASE("a socket that cannot coalesce receives message by message") {
  auto to = receiver();
  auto inbox = batch_of(BatchWay::segments);
  auto from = UdpSocket::open().value();
  auto batch = batch_of(BatchWay::segments);
  Faults faults;
  faults.fail_always("setsockopt", ENOPROTOOPT);
  CHECK(drain(to, inbox).empty());
  for (int i = 0; i < 3; ++i) batch.add("same", to.local_address().value()).value();
  from.send_batch(batch).wait().value();
  CHECK(drain(to, inbox, 3) == std::vector<std::string>{"same", "same", "same"});
  CHECK(faults.count("setsockopt") == 1);
  char buffer[10];
  CHECK(to.recv(buffer).within(0ms).wait().error() == Error::timed_out);  // not busy
}

TEST_CASE("whichever call fails, no datagram of a batch is lost or sent twice") {
  for (const BatchWay way : all_ways) {
    for (const int error : {EAGAIN, EINTR, ECONNREFUSED, ENOBUFS}) {
      for (std::size_t nth = 1;; ++nth) {
        auto to = receiver();
        auto inbox = batch_of(way);
        auto from = UdpSocket::open().value();
        auto batch = batch_of(way);
        std::vector<std::string> expected;
        std::vector<std::string> heard;
        for (std::size_t i = 0; i < 6; ++i) {
          expected.push_back(pattern(i % 3 == 0 ? 10 : 20, i));
          batch.add(expected.back(), to.local_address().value()).value();
        }
        Faults faults;
        faults.fail_nth(nth, error);
        faults.few_messages();
        std::size_t sent = 0;
        for (int attempts = 0; !batch.empty() && attempts < 20; ++attempts)
          sent += from.send_batch(batch).wait().datagrams();
        for (int attempts = 0; heard.size() < expected.size() && attempts < 20; ++attempts) {
          if (to.recv_batch(inbox).within(0ms).wait()) {
            for (std::string& text : texts(inbox)) heard.push_back(std::move(text));
          }
        }
        const bool fired = faults.fired();
        faults.disarm();
        CHECK(sent == expected.size());
        CHECK(heard == expected);
        if (!fired) break;
      }
    }
  }
}

TEST_CASE("an error behind received datagrams is the next result") {
  auto to = receiver();
  auto inbox = batch_of(BatchWay::one_by_one);
  auto from = UdpSocket::open().value();
  for (int i = 0; i < 3; ++i) from.send_to("x", to.local_address().value()).wait().value();
  Faults faults;
  faults.fail_call("recvmsg", 3, ECONNREFUSED);
  CHECK(to.recv_batch(inbox).wait().value() == 2);
  CHECK(to.recv_batch(inbox).wait().error() == std::errc::connection_refused);
  CHECK(inbox.empty());
  CHECK(to.recv_batch(inbox).wait().value() == 1);
}

TEST_CASE("a batch that waits can be timed out, stopped, closed and destroyed, on a loop") {
  for (const BatchWay way : all_ways) {
    auto to = receiver();
    auto inbox = batch_of(way);
    auto from = UdpSocket::open().value();
    EventLoop loop;
    const auto receive = [&]() -> Task<Result<std::size_t>> { co_return co_await to.recv_batch(inbox); };
    const auto late = [&]() -> Task<Result<std::size_t>> { co_return co_await to.recv_batch(inbox).within(1ms); };
    CHECK(loop.run(late()).error() == Error::timed_out);
    StopSource source;
    loop.post([&] { source.request_stop(); }).value();
    CHECK(loop.run(receive().with_stop(source.token())).error() == Error::cancelled);
    {
      auto destroyed = receive();  // and never awaited
    }
    {
      Scope scope;
      scope.spawn([&]() -> Task<> { static_cast<void>(co_await to.recv_batch(inbox)); }());
      CHECK(loop.turn(0ms));
    }
    from.send_to("not lost", to.local_address().value()).wait().value();
    CHECK(loop.run(receive()).value() == 1);
    CHECK(texts(inbox) == std::vector<std::string>{"not lost"});
    loop.post([&] { to.close(); }).value();
    CHECK(loop.run(receive()).error() == Error::cancelled);
  }
}

TEST_CASE("a batch that finds no room goes on when there is some, counts what it sent, and can be stopped") {
  // Datagrams between Unix sockets wait for their receiver, as those of a full device do.
  const auto name = Address::unix_abstract("parley-batch-" + std::to_string(::getpid())).value();
  for (const BatchWay way : all_ways) {
    auto to = UdpSocket::open(family::unix_domain).value();
    if (!to.socket().bind(name)) return;
    auto from = UdpSocket::open(family::unix_domain).value();
    auto batch = DatagramBatch::make({.runs = 500, .way = way}).value();
    auto inbox = batch_of(way);
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < 300; ++i) {
      expected.push_back(pattern(50, i));
      batch.add(expected.back(), name).value();
    }
    std::size_t sent = 0;
    std::vector<std::string> heard;
    EventLoop loop;
    const auto receive = [&]() -> Task<> {
      while (heard.size() < 300) {
        const auto count = co_await to.recv_batch(inbox).within(10s);
        if (!count) break;
        for (std::string& text : texts(inbox)) heard.push_back(std::move(text));
      }
    };
    const auto both = [&]() -> Task<> {
      const auto first = co_await from.send_batch(batch).within(1ms);
      CHECK(first.error() == Error::timed_out);
      CHECK(first.datagrams() > 0);
      CHECK(first.datagrams() + batch.size() == 300);
      StopSource source;
      source.request_stop();
      const auto stopped = co_await from.send_batch(batch).stop(source.token());
      CHECK(stopped.error() == Error::cancelled);
      CHECK(stopped.datagrams() == 0);
      const auto rest = co_await when_all(from.send_batch(batch), receive());
      sent = first.datagrams() + std::get<0>(rest).value();
    };
    loop.run(both()).value();
    CHECK(sent == 300);
    CHECK(heard == expected);
  }
}

TEST_CASE("a batch may move while it is in an operation, and so may the socket") {
  auto to = receiver();
  auto batch = batch_of(BatchWay::segments);
  auto from = UdpSocket::open().value();
  const Address there = to.local_address().value();
  std::optional<DatagramBatch> moved;
  std::optional<UdpSocket> moved_socket;
  const auto move_and_send = [&]() -> Task<> {
    moved = std::move(batch);
    moved_socket = std::move(to);
    static_cast<void>(co_await from.send_to("found", there));
  };
  const auto both = [&]() -> Task<> {
    const auto done = co_await when_all(to.recv_batch(batch), move_and_send());
    CHECK(std::get<0>(done).value() == 1);
  };
  run(both());
  CHECK(texts(*moved) == std::vector<std::string>{"found"});
}

TEST_CASE("batches allocate nothing") {
  for (const BatchWay way : all_ways) {
    auto to = receiver();
    auto from = UdpSocket::open().value();
    auto batch = batch_of(way);
    auto inbox = batch_of(way);
    const Address there = to.local_address().value();
    std::size_t made = 1;
    std::size_t count = 0;
    const auto go = [&]() -> Task<> {
      for (int round = 0; round < 10; ++round) {
        const std::size_t before = support::allocations();
        for (int i = 0; i < 50; ++i) static_cast<void>(batch.add("datagram", there));
        static_cast<void>(co_await from.send_batch(batch));
        for (std::size_t got = 0; got < 50;) {
          const auto received = co_await to.recv_batch(inbox).within(10s);
          if (!received) co_return;
          for (const Datagram& datagram : inbox) got += datagram.bytes.size() == 8 ? 1 : 0;
        }
        count += 50;
        made = support::allocations() - before;
      }
    };
    run(go());
    CHECK(count == 500);
    CHECK(made == 0);
  }
}

TEST_CASE("details and chosen sources go with batches") {
  for (const BatchWay way : all_ways) {
    auto to = receiver(Address::any_v4(0));
    to.set(ReportDestination{}).value();
    to.set(ReportHops{}).value();
    to.set(ReportTrafficClass{}).value();
    auto inbox = batch_of(way);
    CHECK(drain(to, inbox).empty());
    auto from = UdpSocket::bind("", 0).value();
    from.set(Ttl{33}).value();
    from.set(TrafficClass{10, Ecn::capable_0}).value();
    const std::uint16_t port = to.local_address().value().port();
    const Address destinations[] = {Address::ip("127.0.0.3", port).value(), Address::ip("127.0.0.4", port).value()};
    const Address source = Address::ip("127.0.0.2", 0).value();
    auto batch = batch_of(way);
    for (const Address& destination : destinations) {
      batch.add("chosen", destination, source).value();
      batch.add("chosen", destination, source).value();
      batch.add("any", destination).value();
    }
    CHECK(batch.add("x", destinations[0], Address::loopback_v6(0)).error() == std::errc::invalid_argument);
    from.send_batch(batch).wait().value();
    std::size_t count = 0;
    while (to.recv_batch(inbox).within(0ms).wait()) {
      for (const Datagram& datagram : inbox) {
        const DatagramDetails details = datagram.details();
        CHECK(details.destination == destinations[count / 3].with_port(0));
        CHECK(details.over == Interface::with_address(Address::loopback_v4(0)).value());
        CHECK(details.hops == 33);
        REQUIRE(details.traffic_class);
        CHECK(details.traffic_class->dscp == 10);
        CHECK(details.traffic_class->ecn == Ecn::capable_0);
        CHECK((datagram.peer.host() == "127.0.0.2") == (datagram.bytes.text() == "chosen"));
        ++count;
      }
    }
    CHECK(count == 6);
  }
}
