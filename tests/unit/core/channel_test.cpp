// SPDX-License-Identifier: BSL-1.0
#include <parley/core/channel.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/loop_pool.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;

namespace {
using Item = std::unique_ptr<int>;

Item make(int value) { return std::make_unique<int>(value); }

Task<> receive_into(Channel<Item>& channel, std::vector<int>& into) {
  while (auto item = co_await channel.receive()) into.push_back(**item);
}

Task<> receive_one(Channel<Item>& channel, Result<Item>& into) { into = co_await channel.receive(); }

Task<> send_one(Channel<Item>& channel, int value, std::optional<Result<>>& outcome, Item& left) {
  left = make(value);
  outcome = co_await channel.send(std::move(left));
}

// Runs what is ready on a loop that is turned by hand.
struct Bench {
  template <class T>
  void start(Scope& scope, Task<T> task) {
    Task<T>* held = &task;
    REQUIRE(loop.post([&scope, held] { scope.spawn(std::move(*held)); }));
    turn();
  }
  void turn() {
    for (int i = 0; i < 3; ++i) REQUIRE(loop.turn());
  }
  EventLoop loop;
};
}  // namespace

TEST_CASE("items come out in the order they went in, then the end of the stream", "[channel]") {
  EventLoop loop;
  Channel<Item> channel(2);
  std::vector<int> received;
  const auto program = [&]() -> Task<> {
    Scope scope;
    scope.spawn(receive_into(channel, received));
    for (int i = 0; i < 1000; ++i) {
      Item item = make(i);
      const auto sent = co_await channel.send(std::move(item));
      CHECK(sent);
      CHECK(item == nullptr);
      CHECK(channel.size() <= 2);
    }
    channel.close();
    static_cast<void>(co_await scope.join());
  };
  REQUIRE(loop.run(program()));
  REQUIRE(received.size() == 1000);
  for (int i = 0; i < 1000; ++i) REQUIRE(received[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("an item that could not be sent is still the sender's", "[channel]") {
  EventLoop loop;
  Channel<Item> channel(1);
  REQUIRE(channel.try_send(make(1)));
  Item item = make(2);
  CHECK(channel.try_send(std::move(item)).error() == Error::queue_full);
  REQUIRE(item != nullptr);
  const auto give_up = [&]() -> Task<Result<>> { co_return co_await channel.send(std::move(item)).within(0s); };
  CHECK(loop.run(give_up()).error() == Error::timed_out);
  REQUIRE(item != nullptr);
  CHECK(*item == 2);
  CHECK(channel.send(std::move(item)).within(1ms).wait().error() == Error::timed_out);
  REQUIRE(item != nullptr);
  channel.close();
  CHECK(loop.run(give_up()).error() == Error::closed);
  CHECK(channel.try_send(std::move(item)).error() == Error::closed);
  REQUIRE(item != nullptr);
  CHECK(channel.size() == 1);
}

TEST_CASE("close() refuses waiting senders, and receivers get what is left", "[channel]") {
  Bench bench;
  Channel<Item> channel(1);
  Scope scope;
  REQUIRE(channel.try_send(make(1)));
  std::optional<Result<>> outcome;
  Item left;
  bench.start(scope, send_one(channel, 2, outcome, left));
  CHECK_FALSE(outcome);
  channel.close();
  channel.close();
  CHECK(channel.closed());
  bench.turn();
  REQUIRE(outcome);
  CHECK(outcome->error() == Error::closed);
  CHECK(*left == 2);
  const auto got = channel.try_receive();
  REQUIRE(got);
  CHECK(**got == 1);
  CHECK(channel.try_receive().error() == Error::end_of_stream);
  CHECK(channel.receive().wait().error() == Error::end_of_stream);
}

TEST_CASE("close() ends receivers that wait", "[channel]") {
  Bench bench;
  Channel<Item> channel(4);
  Scope scope;
  Result<Item> a;
  Result<Item> b;
  bench.start(scope, receive_one(channel, a));
  bench.start(scope, receive_one(channel, b));
  channel.close();
  bench.turn();
  CHECK(a.error() == Error::end_of_stream);
  CHECK(b.error() == Error::end_of_stream);
  CHECK(scope.size() == 0);
}

TEST_CASE("receivers, and senders, are served in the order of asking", "[channel]") {
  Bench bench;
  Channel<Item> channel(1);
  Scope scope;
  std::vector<Result<Item>> got(5);
  for (auto& one : got) bench.start(scope, receive_one(channel, one));
  for (int i = 0; i < 5; ++i) {
    Item item = make(i);
    REQUIRE(channel.try_send(std::move(item)));
    bench.turn();
    REQUIRE(got[static_cast<std::size_t>(i)]);
    CHECK(**got[static_cast<std::size_t>(i)] == i);
  }
  std::vector<std::optional<Result<>>> outcomes(4);
  std::vector<Item> left(4);
  for (int i = 0; i < 4; ++i) {
    bench.start(scope,
                send_one(channel, 10 + i, outcomes[static_cast<std::size_t>(i)], left[static_cast<std::size_t>(i)]));
  }
  CHECK(outcomes[0]);
  CHECK_FALSE(outcomes[1]);
  for (int i = 0; i < 4; ++i) {
    const auto item = channel.try_receive();
    REQUIRE(item);
    CHECK(**item == 10 + i);
    bench.turn();
  }
  for (const auto& outcome : outcomes) CHECK((outcome && *outcome));
}

TEST_CASE("a newcomer does not take the item that a waiting receiver was woken for", "[channel]") {
  Bench bench;
  Channel<Item> channel(2);
  Scope scope;
  Result<Item> first;
  bench.start(scope, receive_one(channel, first));
  REQUIRE(channel.try_send(make(7)));
  CHECK(channel.size() == 1);
  CHECK(channel.try_receive().error() == std::errc::operation_would_block);
  bench.turn();
  REQUIRE(first);
  CHECK(**first == 7);
}

TEST_CASE("a receiver that is destroyed after it was woken leaves the item to the next", "[channel]") {
  Bench bench;
  Channel<Item> channel(2);
  Scope patient;
  Result<Item> second;
  {
    Scope hasty;
    Result<Item> first;
    bench.start(hasty, receive_one(channel, first));
    bench.start(patient, receive_one(channel, second));
    REQUIRE(channel.try_send(make(7)));  // wakes the first, which is destroyed before the loop turns
  }
  bench.turn();
  REQUIRE(second);
  CHECK(**second == 7);
}

TEST_CASE("a receiver destroyed between its completion and its resumption takes nothing", "[channel]") {
  LoopOptions options;
  options.max_resumptions = 1;
  EventLoop loop(options);
  Channel<Item> channel(2);
  Scope first_scope;
  auto second_scope = std::make_unique<Scope>();
  Result<Item> first;
  Result<Item> second;
  REQUIRE(loop.post([&] {
    first_scope.spawn(receive_one(channel, first));
    second_scope->spawn(receive_one(channel, second));
  }));
  REQUIRE(loop.turn());
  REQUIRE(channel.try_send(make(1)));
  REQUIRE(channel.try_send(make(2)));
  REQUIRE(loop.turn());  // both operations are done; only one coroutine was resumed
  REQUIRE(first);
  CHECK(channel.size() == 1);
  second_scope.reset();
  const auto left = channel.try_receive();
  REQUIRE(left);
  CHECK(**left == 2);
}

TEST_CASE("a stop that comes after the wake-up does not lose the item", "[channel]") {
  Bench bench;
  Channel<Item> channel(1);
  Scope scope;
  Result<Item> got;
  bench.start(scope, receive_one(channel, got));
  SECTION("wake, then stop") {
    REQUIRE(channel.try_send(make(3)));
    scope.cancel();
  }
  SECTION("stop, then wake") {
    scope.cancel();
    REQUIRE(channel.try_send(make(3)));
  }
  bench.turn();
  CHECK(scope.size() == 0);
  // Either the receiver has it, or it is still in the channel; never neither.
  CHECK((got.has_value() ? 1U : 0U) + channel.size() == 1);
}

TEST_CASE("a cancelled or timed-out receiver leaves the queue of waiters", "[channel]") {
  Bench bench;
  Channel<Item> channel(1);
  Result<Item> cancelled;
  Result<Item> patient;
  Scope doomed;
  Scope scope;
  bench.start(doomed, receive_one(channel, cancelled));
  bench.start(scope, receive_one(channel, patient));
  doomed.cancel();
  bench.turn();
  CHECK(cancelled.error() == Error::cancelled);
  REQUIRE(channel.try_send(make(5)));
  bench.turn();
  REQUIRE(patient);
  CHECK(**patient == 5);
  CHECK(channel.receive().within(1ms).wait().error() == Error::timed_out);
  StopSource source;
  source.request_stop();
  REQUIRE(channel.try_send(make(6)));
  CHECK(channel.receive().stop(source.token()).wait().error() == Error::cancelled);
  CHECK(channel.size() == 1);
}

TEST_CASE("a cancelled sender leaves the queue and keeps its item", "[channel]") {
  Bench bench;
  Channel<Item> channel(1);
  REQUIRE(channel.try_send(make(1)));
  Scope doomed;
  Scope scope;
  std::optional<Result<>> cancelled;
  std::optional<Result<>> patient;
  Item cancelled_item;
  Item patient_item;
  bench.start(doomed, send_one(channel, 2, cancelled, cancelled_item));
  bench.start(scope, send_one(channel, 3, patient, patient_item));
  doomed.cancel();
  bench.turn();
  REQUIRE(cancelled);
  CHECK(cancelled->error() == Error::cancelled);
  CHECK(*cancelled_item == 2);
  CHECK(**channel.try_receive() == 1);
  CHECK(**channel.try_receive() == 3);
  bench.turn();
  CHECK((patient && *patient));
}

TEST_CASE("a copy is sent where the item is not given away", "[channel]") {
  EventLoop loop;
  Channel<std::string> channel(1);
  const std::string text(100, 't');
  const auto program = [&]() -> Task<Result<std::string>> {
    static_cast<void>(co_await channel.send(text));
    co_return co_await channel.receive();
  };
  CHECK(*loop.run(program()) == text);
  CHECK(text.size() == 100);
  REQUIRE(channel.try_send(text));
  CHECK(channel.size() == 1);
}

TEST_CASE("a capacity of 0 counts as 1", "[channel]") {
  Channel<int> channel(0);
  CHECK(channel.capacity() == 1);
  CHECK(channel.try_send(1));
  CHECK(channel.try_send(2).error() == Error::queue_full);
}

TEST_CASE("items left in a channel are destroyed with it", "[channel]") {
  const auto counted = std::make_shared<int>();
  {
    Channel<std::shared_ptr<int>> channel(3);
    for (int i = 0; i < 3; ++i) REQUIRE(channel.try_send(counted));
    static_cast<void>(channel.try_receive());
    REQUIRE(channel.try_send(counted));  // the ring wraps around
    CHECK(counted.use_count() == 4);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("producers and consumers on loops and plain threads lose and duplicate nothing", "[channel]") {
  constexpr int per_producer = 2000;
  constexpr int producers = 4;  // two coroutines on two loops, two threads
  for (const std::size_t capacity : {std::size_t{1}, std::size_t{7}}) {
    Channel<int> channel(capacity);
    std::vector<std::atomic<int>> seen(per_producer * producers);
    std::atomic<int> sending = producers;
    std::atomic<int> received = 0;
    const auto sent_all = [&] {
      if (--sending == 0) channel.close();
    };
    const auto got = [&](int item) {
      ++seen[static_cast<std::size_t>(item)];
      ++received;
    };
    const auto produce = [&](int first) -> Task<> {
      for (int i = 0; i < per_producer; ++i) {
        int item = first + i;
        // Now and then with a timeout that may or may not hit; an item that was not sent is tried again.
        if (i % 16 == 0) {
          while (!co_await channel.send(std::move(item)).within(1us)) {
          }
        } else {
          static_cast<void>(co_await channel.send(std::move(item)));
        }
      }
      sent_all();
    };
    const auto consume = [&]() -> Task<> {
      for (int i = 0;; ++i) {
        auto item = co_await channel.receive().within(i % 16 == 0 ? Duration(1us) : Duration(1h));
        if (item) got(*item);
        if (item.error() == Error::end_of_stream) break;
      }
    };
    {
      LoopPool loops(2);
      for (int i = 0; i < 2; ++i) {
        REQUIRE(loops[static_cast<std::size_t>(i)].spawn([&, i] { return produce(i * per_producer); }));
        REQUIRE(loops[static_cast<std::size_t>(i)].spawn(consume));
      }
      std::vector<std::thread> threads;
      for (int t = 2; t < producers; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < per_producer; ++i) {
            static_cast<void>(channel.send(t * per_producer + i).wait());
          }
          sent_all();
        });
        threads.emplace_back([&] {
          while (auto item = channel.receive().wait()) got(*item);
        });
      }
      for (auto& thread : threads) thread.join();
      // The coroutines that still receive end by themselves: the channel is closed.
      loops.stop();
      CHECK(loops.join());
    }
    // What a consumer that was cancelled by the stop has left.
    while (auto item = channel.try_receive()) got(*item);
    CHECK(received == per_producer * producers);
    for (const auto& count : seen) REQUIRE(count == 1);
  }
}
