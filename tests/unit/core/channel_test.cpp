// SPDX-License-Identifier: BSL-1.0
#include <parley/core/channel.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/loop_pool.hpp>
#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
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

Task<> receive_one(Channel<Item>& channel, std::optional<Result<Item>>& into, Duration timeout = Duration::max()) {
  into = co_await channel.receive().within(timeout);
}

Task<> send_one(Channel<Item>& channel, int value, std::optional<Result<>>& outcome, Item& left,
                Duration timeout = Duration::max()) {
  left = make(value);
  outcome = co_await channel.send(std::move(left)).within(timeout);
}

Task<> send_item(Channel<Item>& channel, Item& item) { static_cast<void>(co_await channel.send(std::move(item))); }

// -1 where there is none.
int value_in(const std::optional<Result<Item>>& got) { return got && *got ? ***got : -1; }

// Runs what is ready on a loop that is turned by hand.
struct Bench {
  explicit Bench(int max_resumptions = 1024) : loop({.max_resumptions = max_resumptions, .time = &clock}) {}
  template <class T>
  void start(Scope& scope, Task<T> task) {
    Task<T>* held = &task;
    REQUIRE(loop.post([&scope, held] { scope.spawn(std::move(*held)); }));
    turn();
  }
  void turn() {
    for (int i = 0; i < 3; ++i) REQUIRE(loop.turn());
  }
  ManualClock clock;
  EventLoop loop;
};

// The ways in which an operation ends before what it waits for has come.
enum class End { destroyed, cancelled, timed_out };
constexpr End ends[] = {End::destroyed, End::cancelled, End::timed_out};

// A coroutine, to be ended in one of these ways; what it waits for it gives this time.
constexpr Duration doomed_timeout = 1s;
class Doomed {
 public:
  Doomed(Bench& bench, Task<> task) : bench_(bench) { bench.start(*scope_, std::move(task)); }
  // It is destroyed at once; of the others it learns in the next turn.
  void end(End how) {
    if (how == End::destroyed) scope_.reset();
    if (how == End::cancelled) scope_->cancel();
    if (how == End::timed_out) bench_.clock.advance(doomed_timeout);
  }

 private:
  Bench& bench_;
  std::unique_ptr<Scope> scope_ = std::make_unique<Scope>();
};

// It ended without what it waited for, and said why if there was anybody left to say it.
template <class T>
void check_ended(const std::optional<Result<T>>& outcome, End how) {
  REQUIRE(outcome.has_value() == (how != End::destroyed));
  if (outcome) CHECK(outcome->error() == (how == End::cancelled ? Error::cancelled : Error::timed_out));
}
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

TEST_CASE("a receiver that ends while it waits leaves its turn to the others", "[channel]") {
  for (const End how : ends) {
    for (std::size_t place = 0; place < 3; ++place) {
      CAPTURE(static_cast<int>(how), place);
      Bench bench;
      Channel<Item> channel(4);
      std::vector<std::optional<Result<Item>>> got(3);
      std::optional<Doomed> doomed;
      Scope scope;
      for (std::size_t i = 0; i < got.size(); ++i) {
        if (i == place) {
          doomed.emplace(bench, receive_one(channel, got[i], doomed_timeout));
        } else {
          bench.start(scope, receive_one(channel, got[i]));
        }
      }
      doomed->end(how);
      bench.turn();
      check_ended(got[place], how);
      for (int i = 0; i < 3; ++i) REQUIRE(channel.try_send(make(i)));  // one more than there are receivers
      bench.turn();
      int next = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        if (i != place) CHECK(value_in(got[i]) == next++);
      }
      const auto left = channel.try_receive();
      REQUIRE(left);
      CHECK(**left == next);
      CHECK(channel.size() == 0);
    }
  }
}

TEST_CASE("an item that comes in the turn in which its receiver ends is not lost", "[channel]") {
  for (const End how : ends) {
    for (const bool item_first : {true, false}) {
      for (const bool another_waits : {true, false}) {
        CAPTURE(static_cast<int>(how), item_first, another_waits);
        Bench bench;
        Channel<Item> channel(1);
        std::optional<Result<Item>> got;
        std::optional<Result<Item>> other_got;
        Doomed doomed(bench, receive_one(channel, got, doomed_timeout));
        Scope scope;
        if (another_waits) bench.start(scope, receive_one(channel, other_got));
        if (item_first) REQUIRE(channel.try_send(make(7)));
        doomed.end(how);
        if (!item_first) REQUIRE(channel.try_send(make(7)));
        bench.turn();
        if (how == End::destroyed) {
          CHECK_FALSE(got);
        } else if (item_first) {
          CHECK(value_in(got) == 7);  // what it was woken for wins
        } else {
          CHECK(got);
        }
        if (another_waits && value_in(got) != 7) CHECK(value_in(other_got) == 7);
        // Wherever it went, the channel is as good as before.
        Item second = make(8);
        const bool has_room = value_in(got) == 7 || another_waits;
        CHECK(channel.try_send(std::move(second)).has_value() == has_room);
        bench.turn();
        std::vector<int> seen;
        for (const auto* one : {&got, &other_got}) {
          if (value_in(*one) != -1) seen.push_back(value_in(*one));
        }
        while (const auto item = channel.try_receive()) seen.push_back(**item);
        std::sort(seen.begin(), seen.end());
        CHECK(seen == (has_room ? std::vector<int>{7, 8} : std::vector<int>{7}));
        if (another_waits) CHECK(value_in(other_got) != -1);
        CHECK(channel.size() == 0);
      }
    }
  }
}

TEST_CASE("what comes between a receiver's completion and its resumption does not take its item", "[channel]") {
  for (const End how : {End::cancelled, End::timed_out}) {
    CAPTURE(static_cast<int>(how));
    Bench bench(1);
    Channel<Item> channel(2);
    std::optional<Result<Item>> first;
    std::optional<Result<Item>> second;
    Scope scope;
    bench.start(scope, receive_one(channel, first));
    Doomed doomed(bench, receive_one(channel, second, doomed_timeout));
    REQUIRE(channel.try_send(make(1)));
    REQUIRE(channel.try_send(make(2)));
    REQUIRE(bench.loop.turn());  // both operations are done; only one coroutine was resumed
    REQUIRE(value_in(first) == 1);
    REQUIRE_FALSE(second);
    doomed.end(how);
    bench.turn();
    CHECK(value_in(second) == 2);
    CHECK(channel.size() == 0);
  }
}

TEST_CASE("a sender that ends while it waits keeps its item and leaves its turn to the others", "[channel]") {
  for (const End how : ends) {
    for (std::size_t place = 0; place < 3; ++place) {
      CAPTURE(static_cast<int>(how), place);
      Bench bench;
      Channel<Item> channel(1);
      REQUIRE(channel.try_send(make(100)));
      std::vector<std::optional<Result<>>> outcomes(3);
      std::vector<Item> items(3);
      std::optional<Doomed> doomed;
      Scope scope;
      std::vector<int> expected{100};
      for (std::size_t i = 0; i < items.size(); ++i) {
        const int value = static_cast<int>(i);
        if (i == place) {
          doomed.emplace(bench, send_one(channel, value, outcomes[i], items[i], doomed_timeout));
        } else {
          bench.start(scope, send_one(channel, value, outcomes[i], items[i]));
          expected.push_back(value);
        }
      }
      doomed->end(how);
      bench.turn();
      check_ended(outcomes[place], how);
      std::vector<int> received;
      while (const auto item = channel.try_receive()) {
        received.push_back(**item);
        bench.turn();
      }
      CHECK(received == expected);
      for (std::size_t i = 0; i < items.size(); ++i) {
        if (i == place) {
          REQUIRE(items[i]);
          CHECK(*items[i] == static_cast<int>(i));
        } else {
          CHECK((outcomes[i] && *outcomes[i]));
          CHECK_FALSE(items[i]);
        }
      }
      CHECK(channel.try_send(make(101)));
    }
  }
}

TEST_CASE("room that comes in the turn in which its sender ends: sent, or still the sender's", "[channel]") {
  for (const End how : ends) {
    for (const bool room_first : {true, false}) {
      for (const bool another_waits : {true, false}) {
        CAPTURE(static_cast<int>(how), room_first, another_waits);
        Bench bench;
        Channel<Item> channel(1);
        REQUIRE(channel.try_send(make(100)));
        std::optional<Result<>> outcome;
        std::optional<Result<>> other_outcome;
        Item item;
        Item other_item;
        Doomed doomed(bench, send_one(channel, 1, outcome, item, doomed_timeout));
        Scope scope;
        if (another_waits) bench.start(scope, send_one(channel, 2, other_outcome, other_item));
        if (room_first) REQUIRE(channel.try_receive());
        doomed.end(how);
        if (!room_first) REQUIRE(channel.try_receive());
        bench.turn();
        std::vector<int> received;
        while (const auto got = channel.try_receive()) {
          received.push_back(**got);
          bench.turn();
        }
        const bool sent = item == nullptr;
        std::vector<int> expected;
        if (sent) expected.push_back(1);
        if (another_waits) expected.push_back(2);
        CHECK(received == expected);
        if (room_first) CHECK(sent);
        if (how == End::destroyed) {
          CHECK_FALSE(outcome);
          CHECK(sent == room_first);
        } else {
          REQUIRE(outcome);
          CHECK(outcome->has_value() == sent);
        }
        if (another_waits) CHECK((other_outcome && *other_outcome));
      }
    }
  }
}

TEST_CASE("what loses a race right after it was woken has its item all the same", "[channel]") {
  Bench bench;
  Channel<Item> quick(1);
  Channel<Item> slow(1);
  Channel<Item> go(1);
  std::optional<std::size_t> winner;
  Result<> sent = Error::cancelled;
  Result<Item> received = Error::cancelled;
  Item item = make(2);
  Scope scope;
  // The first is resumed just before the race is decided, and so wakes an operation that is then told to stop.
  const auto begin = [&](Task<> first, Task<> race_task) {
    bench.start(scope, std::move(first));
    bench.start(scope, std::move(race_task));
    REQUIRE(go.try_send(make(0)));
    REQUIRE(quick.try_send(make(1)));
    bench.turn();
    CHECK(winner == std::size_t{0});
    CHECK(scope.size() == 0);
  };
  SECTION("a receiver") {
    const auto send_when_told = [&]() -> Task<> {
      static_cast<void>(co_await go.receive());
      CHECK(slow.try_send(std::move(item)));
    };
    const auto race_receivers = [&]() -> Task<> {
      auto raced = co_await race(quick.receive(), slow.receive());
      winner = raced.index;
      received = std::move(std::get<1>(raced.results));
    };
    begin(send_when_told(), race_receivers());
    REQUIRE(received);
    CHECK(**received == 2);
    CHECK(slow.size() == 0);
    CHECK(slow.try_send(make(3)));
    CHECK(slow.try_receive());
  }
  SECTION("a sender") {
    REQUIRE(slow.try_send(make(100)));
    const auto receive_when_told = [&]() -> Task<> {
      static_cast<void>(co_await go.receive());
      CHECK(slow.try_receive());
    };
    const auto race_sender = [&]() -> Task<> {
      auto raced = co_await race(quick.receive(), slow.send(std::move(item)));
      winner = raced.index;
      sent = std::get<1>(raced.results);
    };
    begin(receive_when_told(), race_sender());
    CHECK(sent);
    CHECK_FALSE(item);
    received = slow.try_receive();
    REQUIRE(received);
    CHECK(**received == 2);
  }
}

TEST_CASE("the copy that a sender waits with goes when the wait ends", "[channel]") {
  using Shared = std::shared_ptr<int>;
  const auto send_copy = [](Channel<Shared>& channel, const Shared& item) -> Task<> {
    static_cast<void>(co_await channel.send(item).within(doomed_timeout));
  };
  for (const End how : ends) {
    CAPTURE(static_cast<int>(how));
    Bench bench;
    Channel<Shared> channel(1);
    REQUIRE(channel.try_send(Shared()));
    const auto counted = std::make_shared<int>();
    Doomed doomed(bench, send_copy(channel, counted));
    CHECK(counted.use_count() == 2);
    doomed.end(how);
    bench.turn();
    CHECK(counted.use_count() == 1);
    const auto only = channel.try_receive();
    REQUIRE(only);
    CHECK(*only == nullptr);
    CHECK(channel.size() == 0);
  }
}

TEST_CASE("operations that are destroyed while another thread is at the other end lose nothing", "[channel]") {
  constexpr int count = 1000;
  Bench bench;
  Channel<Item> channel(2);
  std::vector<int> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  std::vector<int> received;
  // Starts the task and destroys it a turn later, finished or not. False when the loop does not turn.
  const auto try_for_a_turn = [&bench](Task<> task) {
    Scope scope;
    return bench.loop.post([&] { scope.spawn(std::move(task)); }) && bench.loop.turn();
  };
  SECTION("receivers") {
    std::thread sender([&] {
      for (int i = 0; i < count; ++i) static_cast<void>(channel.send(make(i)).wait());
      channel.close();
    });
    std::optional<Result<Item>> got;
    while (try_for_a_turn(receive_one(channel, got)) && (!got || *got)) {
      if (got) received.push_back(***got);
      got.reset();
    }
    channel.close();  // so that the sender ends, whatever went wrong
    sender.join();
  }
  SECTION("senders") {
    std::thread receiver([&] {
      while (const auto item = channel.receive().wait()) received.push_back(**item);
    });
    Item item = make(0);
    for (int next = 1; try_for_a_turn(send_item(channel, item));) {
      if (item) continue;
      if (next == count) break;
      item = make(next++);
    }
    channel.close();
    receiver.join();
  }
  CHECK(received == expected);
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
