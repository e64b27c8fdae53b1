// SPDX-License-Identifier: BSL-1.0
#include <parley/io/send_file.hpp>

#include "support/catch.hpp"
#include "unit/io/file_transfer_harness.hpp"

#include <errno.h>
#include <signal.h>

#include <limits>

using namespace file_test;

static_assert(sizeof(send_file(std::declval<Socket&>(), std::declval<const File&>())) <= 216);

namespace {

/// Sends the range and says what came.
struct Sending {
  Transferred outcome;
  std::string arrived;
};
Sending sent(const File& file, FileRange range, FileTransferOptions options = {}) {
  auto pair = socket_pair().value();
  auto outcome = send_file(pair.first, file, range, options).within(10s).wait();
  return {outcome, receive_there_is(pair.second)};
}

/// With sendfile(2), and with reading and sending.
template <class Test>
void each_way(Test test) {
  SECTION("sendfile") { test(FileTransferOptions()); }
  SECTION("without sendfile") {
    Faults faults;
    faults.fail_always("sendfile", EINVAL);
    test(FileTransferOptions());
  }
  SECTION("inspected") {
    const auto look = [](ConstBytes) {};
    test(FileTransferOptions{.inspect = look});
  }
}

}  // namespace

TEST_CASE("a file is sent, whole or in part") {
  const std::string text = pattern(10000);
  const Source source(text);
  each_way([&](FileTransferOptions options) {
    const auto whole = sent(source.file, {}, options);
    CHECK(whole.outcome.value() == 10000);
    CHECK(whole.arrived == text);
    const auto part = sent(source.file, {.offset = 3000, .size = 5000}, options);
    CHECK(part.outcome.value() == 5000);
    CHECK(part.arrived == text.substr(3000, 5000));
    const auto rest = sent(source.file, {.offset = 9999}, options);
    CHECK(rest.outcome.value() == 1);
    CHECK(rest.arrived == text.substr(9999));
    CHECK(sent(source.file, {.offset = 10000}, options).outcome.value() == 0);
    CHECK(sent(source.file, {.size = 0}, options).outcome.value() == 0);
  });
  CHECK(source.file.size().value() == 10000);
}

TEST_CASE("a file that is shorter than the range has changed, and what it had was sent") {
  const std::string text = pattern(1000);
  const Source source(text);
  each_way([&](FileTransferOptions options) {
    const auto sending = sent(source.file, {.size = 1001}, options);
    CHECK(sending.outcome.error() == Error::file_changed);
    CHECK(sending.outcome.bytes() == 1000);
    CHECK(sending.arrived == text);
    CHECK(sent(source.file, {.offset = 2000, .size = 1}, options).outcome.error() == Error::file_changed);
  });
}

TEST_CASE("a file that is cut during the transfer has changed") {
  Source source(pattern(1 << 20));
  each_way([&](FileTransferOptions options) {
    source.file.write_all_at(0, pattern(1 << 20)).value();
    auto pair = support::narrow_pair();
    const auto first = send_file(pair.first, source.file, {.size = 1 << 20}, options).within(0s).wait();
    CHECK(first.error() == Error::timed_out);
    CHECK(first.bytes() < 1 << 20);
    source.file.resize(first.bytes() + 10).value();
    CHECK(receive_there_is(pair.second).size() == first.bytes());
    const FileRange rest{.offset = first.bytes(), .size = (1 << 20) - first.bytes()};
    const auto second = send_file(pair.first, source.file, rest, options).within(10s).wait();
    CHECK(second.error() == Error::file_changed);
    CHECK(second.bytes() == 10);
  });
}

TEST_CASE("the inspector sees what was sent, and progress grows") {
  const std::string text = pattern(1 << 20);
  const Source source(text);
  auto pair = support::narrow_pair();
  Seen seen;
  Progress progress;
  std::string arrived;
  std::uint64_t moved = 0;
  while (moved < text.size()) {
    const FileRange rest{.offset = moved, .size = text.size() - moved};
    progress.moved = 0;
    const auto outcome =
        send_file(pair.first, source.file, rest, {.inspect = seen, .progress = progress}).within(0s).wait();
    CHECK((outcome || outcome.error() == Error::timed_out));
    CHECK(progress.moved == outcome.bytes());
    moved += outcome.bytes();
    CHECK(seen.bytes.size() == moved);
    arrived += receive_there_is(pair.second);
    CHECK(arrived.size() == moved);
  }
  CHECK(progress.grew);
  CHECK(arrived == text);
  CHECK(seen.bytes == text);
}

TEST_CASE("a connection that is gone is an error, and raises no SIGPIPE") {
  const Source source(pattern(1000));
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  REQUIRE(sigismember(&before, SIGPIPE) == 0);
  each_way([&](FileTransferOptions options) {
    auto pair = support::tcp_pair();
    pair.first.shutdown(ShutdownWay::send).value();
    CHECK(send_file(pair.first, source.file, {}, options).wait().error() == std::errc::broken_pipe);
    auto other = socket_pair().value();
    other.second.close();
    CHECK(send_file(other.first, source.file, {}, options).wait().error() == std::errc::broken_pipe);
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    CHECK(sigismember(&after, SIGPIPE) == 0);
    CHECK((sigpending(&after) == 0 && sigismember(&after, SIGPIPE) == 0));
  });
}

TEST_CASE("what cannot be sent is refused") {
  const Source source("x");
  auto pair = socket_pair().value();
  const std::uint64_t huge = std::numeric_limits<std::int64_t>::max();
  CHECK(send_file(pair.first, source.file, {.offset = huge + 1}).wait().error() == std::errc::invalid_argument);
  CHECK(send_file(pair.first, source.file, {.offset = 2, .size = huge}).wait().error() == std::errc::invalid_argument);
  CHECK(send_file(pair.first, File()).wait().error() == Error::closed);
  Socket closed;
  CHECK(send_file(closed, source.file).wait().error() == Error::closed);
  CHECK(send_file(closed, source.file, {.size = 0}).wait().error() == Error::closed);
  CHECK(receive_there_is(pair.second).empty());
}

TEST_CASE("the file may be closed meanwhile") {
  const std::string text = pattern(1 << 20);
  Source source(text);
  std::string arrived;
  support::run([](Source& from, std::string& into) -> Task<> {
    auto pair = support::narrow_pair();
    Scope scope;
    const auto send = [&]() -> Task<> {
      const auto outcome = co_await send_file(pair.first, from.file);
      CHECK(outcome.bytes() == 1 << 20);
      pair.first.close();
    };
    scope.spawn(send());
    from.file.close();
    for (;;) {
      auto piece = co_await pair.second.recv_text(70000);
      if (!piece || piece->empty()) break;
      into += *piece;
    }
    (void)co_await scope.join();
  }(source, arrived));
  CHECK(arrived == text);
}

TEST_CASE("short and interrupted calls send everything") {
  const std::string text = pattern(300);
  const Source source(text);
  each_way([&](FileTransferOptions options) {
    auto pair = socket_pair().value();
    CHECK(send_file(pair.first, source.file, {}, options).within(10s).wait().value() == 300);
    CHECK(receive_there_is(pair.second) == text);
  });
  for (const char* const call : {"sendfile", "pread", "send"}) {
    Faults faults;
    faults.short_transfers(7);
    if (call != std::string_view("sendfile")) faults.fail_always("sendfile", EINVAL);
    faults.fail_call(call, 2, EINTR);
    auto pair = socket_pair().value();
    CHECK(send_file(pair.first, source.file).within(10s).wait().value() == 300);
    CHECK(faults.count(call) > 40);
    faults.disarm();
    CHECK(receive_there_is(pair.second) == text);
  }
}

TEST_CASE("whichever call fails, what was counted is what has arrived") {
  const std::string text = pattern(5000);
  const Source source(text);
  const std::size_t before = support::open_descriptors();
  Seen seen;
  for (const bool inspected : {false, true}) {
    for (const int error : {ECONNRESET, EIO, EAGAIN, ENOMEM, EINTR}) {
      for (std::size_t n = 1;; ++n) {
        seen.bytes.clear();
        auto pair = socket_pair().value();
        Faults faults;
        faults.short_transfers(1000);
        faults.fail_nth(n, error);
        FileTransferOptions options;
        if (inspected) options.inspect = seen;
        const auto outcome = send_file(pair.first, source.file, {.size = 5000}, options).within(10s).wait();
        const bool fired = faults.fired();
        faults.disarm();
        const std::string arrived = receive_there_is(pair.second);
        CAPTURE(n, error, inspected);
        CHECK(arrived.size() == outcome.bytes());
        CHECK(text.starts_with(arrived));
        if (inspected) CHECK(seen.bytes == arrived);
        CHECK((!outcome || arrived == text));
        if (!fired) break;
      }
    }
  }
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("over a stream that takes little at a time, with every disturbance, nothing is lost") {
  const std::string text = pattern(2000);
  const Source source(text);
  enum class Disturb { nothing, stop, time_out, destroy };
  for (const Disturb disturb : {Disturb::nothing, Disturb::stop, Disturb::time_out, Disturb::destroy}) {
    ManualClock clock;
    EventLoop loop({.time = &clock});
    MemoryStream stream({.max_sent = 90, .max_per_send = 40});
    std::optional<Scope> scope;
    StopSource stop;
    std::uint64_t counted = 0;
    bool running = false;
    const auto send = [&]() -> Task<> {
      running = true;
      const auto progress = [&, begun = counted](std::uint64_t moved) { counted = begun + moved; };
      const FileRange rest{.offset = counted};
      const FileTransferOptions options{.progress = progress};
      const auto outcome = co_await send_file(stream, source.file, rest, options).within(1s).stop(stop.token());
      CHECK((outcome || outcome.error() == Error::cancelled || outcome.error() == Error::timed_out));
      running = false;
    };
    const auto turn = [&] {
      for (int i = 0; i < 3; ++i) loop.turn().value();
    };
    std::string arrived;
    for (int i = 0; i < 200 && arrived.size() < text.size(); ++i) {
      if (!running) {
        stop = StopSource();
        loop.post([&] {
              scope.emplace();
              scope->spawn(send());
            })
            .value();
      }
      turn();
      if (disturb == Disturb::stop) stop.request_stop();
      if (disturb == Disturb::time_out) clock.advance(1s);
      if (disturb == Disturb::destroy) {
        loop.post([&] { scope.reset(); }).value();
        turn();
        running = false;
        CHECK_FALSE(stream.sender_waits());
      }
      turn();
      arrived += stream.take_sent();
      CHECK(arrived.size() == counted);
      turn();
    }
    CHECK(arrived == text);
    loop.post([&] { scope.reset(); }).value();
    turn();
  }
}

TEST_CASE("several files go over one loop at once, beside everything else") {
  constexpr std::size_t size = 3 << 20;
  const std::string text = pattern(size);
  const Source source(text);
  Xxh64 expected;
  expected.update(text);
  int equal = 0;
  const auto receive = [&](Socket& from) -> Task<> {
    Xxh64 hash;
    for (;;) {
      auto piece = co_await from.recv_text(1 << 16);
      if (!piece || piece->empty()) break;
      hash.update(*piece);
    }
    equal += hash.digest() == expected.digest();
  };
  const auto send = [&](Socket to, bool inspected) -> Task<> {
    const auto look = [](ConstBytes) {};
    FileTransferOptions options;
    if (inspected) options.inspect = look;
    const auto outcome = co_await send_file(to, source.file, {}, options);
    CHECK(outcome.bytes() == size);
  };
  std::vector<std::pair<Socket, Socket>> pairs;
  for (int i = 0; i < 8; ++i) pairs.push_back(i % 2 == 0 ? support::tcp_pair() : socket_pair().value());
  const auto all = [&]() -> Task<> {
    Scope scope;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      scope.spawn(receive(pairs[i].second));
      scope.spawn(send(std::move(pairs[i].first), i % 3 == 0));
    }
    (void)co_await scope.join();
  };
  support::run(all());
  CHECK(equal == 8);
}

namespace {

Task<> send_slowly(Socket& socket, const File& file, Bandwidth& limit, const ManualClock& clock, Duration& took) {
  const TimePoint begin = clock.now();
  const FileRange whole{.size = 1000};
  const FileTransferOptions slowly{.limit = &limit};
  const auto sent = co_await send_file(socket, file, whole, slowly);
  CHECK(sent);
  took = clock.now() - begin;
}

}  // namespace

TEST_CASE("a limit holds for each transfer, and for all that share it, in turns") {
  const std::string text = pattern(1000);
  const Source source(text);
  ManualClock clock{ManualClock::Idle::skip};
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  auto pair = socket_pair().value();
  auto other = socket_pair().value();
  Bandwidth limit(1000);
  Duration first{}, second{};
  SECTION("one") {
    loop.run(send_slowly(pair.first, source.file, limit, clock, first)).value();
    CHECK(first == 900ms);  // the last piece is paid for by who comes next
    loop.run(send_slowly(other.first, source.file, limit, clock, second)).value();
    CHECK(second == 1000ms);
  }
  SECTION("two at once") {
    const auto both = [&]() -> Task<> {
      Scope scope;
      scope.spawn(send_slowly(pair.first, source.file, limit, clock, first));
      scope.spawn(send_slowly(other.first, source.file, limit, clock, second));
      static_cast<void>(co_await scope.join());
    };
    loop.run(both()).value();
    CHECK(first >= 1600ms);
    CHECK(second >= 1800ms);
    CHECK(second <= 2000ms);
  }
  CHECK(receive_there_is(pair.second) == text);
  CHECK(receive_there_is(other.second) == text);
}

TEST_CASE("a transfer that waits for its limit can be given up, and gone on with") {
  const std::string text = pattern(1000);
  const Source source(text);
  ManualClock clock{ManualClock::Idle::skip};
  LoopOptions options;
  options.time = &clock;
  EventLoop loop(options);
  auto pair = socket_pair().value();
  Bandwidth limit(1000);
  const auto in_two = [&]() -> Task<> {
    const FileTransferOptions slowly{.limit = &limit};
    const auto begun = co_await send_file(pair.first, source.file, FileRange(), slowly).within(250ms);
    CHECK(begun.error() == Error::timed_out);
    CHECK(begun.bytes() == 300);
    const FileRange left{.offset = 300};
    const auto rest = co_await send_file(pair.first, source.file, left, slowly);
    CHECK(rest.value() == 700);
  };
  loop.run(in_two()).value();
  CHECK(receive_there_is(pair.second) == text);
}
