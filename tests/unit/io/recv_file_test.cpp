// SPDX-License-Identifier: BSL-1.0
#include <parley/io/recv_file.hpp>

#include "support/catch.hpp"
#include "unit/io/file_transfer_harness.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include <limits>
#include <vector>

using namespace file_test;

static_assert(sizeof(recv_file(std::declval<Socket&>(), std::declval<const File&>())) <= 216);

namespace {

/// With splice(2), with receiving and writing.
template <class Test>
void each_way(Test test) {
  SECTION("splice") { test(FileTransferOptions()); }
  SECTION("no splice") {
    Faults faults;
    faults.fail_always("splice", EINVAL);
    test(FileTransferOptions());
  }
  SECTION("no pipe") {
    Faults faults;
    faults.fail_always("pipe2", EMFILE);
    test(FileTransferOptions());
  }
  SECTION("inspected") {
    const auto look = [](ConstBytes) {};
    test(FileTransferOptions{.inspect = look});
  }
}

}  // namespace

TEST_CASE("a file is received to the end of the stream, or so many bytes") {
  const std::string text = pattern(10000);
  each_way([&](FileTransferOptions options) {
    const Target target;
    auto pair = socket_pair().value();
    pair.first.send_all(text).wait().value();
    const auto part = recv_file(pair.second, target.file, {.size = 4000}, options).wait();
    CHECK(part.value() == 4000);
    CHECK(part.consumed() == 4000);
    CHECK(target.content() == text.substr(0, 4000));
    char next = 0;
    CHECK(pair.second.recv(MutableBytes(&next, 1)).wait().value() == 1);
    CHECK(next == text[4000]);  // not a byte too many
    pair.first.close();
    const auto rest = recv_file(pair.second, target.file, {.offset = 4001}, options).wait();
    CHECK(rest.value() == 5999);
    CHECK(target.content().substr(4001) == text.substr(4001));
    CHECK(recv_file(pair.second, target.file, {}, options).wait().value() == 0);
    CHECK(recv_file(pair.second, target.file, {.size = 0}, options).wait().value() == 0);
  });
}

TEST_CASE("a stream that ends too early says how much came") {
  each_way([&](FileTransferOptions options) {
    const Target target;
    auto pair = socket_pair().value();
    pair.first.send_all("hello").wait().value();
    pair.first.close();
    const auto part = recv_file(pair.second, target.file, {.size = 6}, options).wait();
    CHECK(part.error() == Error::truncated);
    CHECK(part.bytes() == 5);
    CHECK_FALSE(part.file_failed());
    CHECK(target.content() == "hello");
    CHECK(recv_file(pair.second, target.file, {.size = 6}, options).wait().error() == Error::end_of_stream);
  });
}

TEST_CASE("a timeout loses nothing, and the next call goes on") {
  const std::string text = pattern(5000);
  each_way([&](FileTransferOptions options) {
    const Target target;
    auto pair = socket_pair().value();
    std::uint64_t moved = 0;
    for (std::size_t at = 0; at < text.size(); at += 1000) {
      pair.first.send_all(ConstBytes(text).after(at).first(1000)).wait().value();
      const FileRange rest{.offset = moved, .size = text.size() - moved};
      const auto outcome = recv_file(pair.second, target.file, rest, options).within(0s).wait();
      CHECK((outcome || outcome.error() == Error::timed_out));
      moved += outcome.bytes();
      CHECK(moved == at + 1000);
    }
    CHECK(target.content() == text);
  });
}

TEST_CASE("the inspector sees what is in the file") {
  const std::string text = pattern(600000);
  const Target target;
  Seen seen;
  Progress progress;
  support::run([](auto pair, const std::string& all, const Target& into, Seen& inspector, Progress& teller) -> Task<> {
    Scope scope;
    const auto send = [&]() -> Task<> {
      const auto outcome = co_await pair.first.send_all(all);
      CHECK(outcome.bytes() == all.size());
    };
    scope.spawn(send());
    const FileTransferOptions options{.inspect = inspector, .progress = teller};
    const FileRange range{.size = all.size()};
    const auto outcome = co_await recv_file(pair.second, into.file, range, options);
    CHECK(outcome.bytes() == all.size());
    (void)co_await scope.join();
  }(support::tcp_pair(), text, target, seen, progress));
  CHECK(seen.bytes == text);
  CHECK(target.content() == text);
  CHECK(progress.moved == text.size());
  CHECK(progress.grew);
}

TEST_CASE("a file that takes no more is told from the stream, and nothing of it comes up in the next") {
  const std::string text = pattern(3000);
  struct Case {
    const char* call;
    std::size_t nth;
    bool inspected;
  };
  // Short transfers of 1,000: splice takes from the socket, puts, takes, puts ...
  for (const Case& fails : {Case{"splice", 4, false}, {"splice", 2, false}, {"pwrite", 2, true}, {"pwrite", 1, true}}) {
    const Target target;
    const Target other;
    support::run([](const std::string& all, const Target& into, const Target& next, const Case& spoiled) -> Task<> {
      auto pair = socket_pair().value();
      (void)co_await pair.first.send_all(all);
      (void)co_await pair.first.send_all("next");
      Seen seen;
      FileTransferOptions options;
      if (spoiled.inspected) options.inspect = seen;
      Faults faults;
      faults.short_transfers(1000);
      faults.fail_call(spoiled.call, spoiled.nth, ENOSPC);
      const auto outcome = co_await recv_file(pair.second, into.file, {.size = 3000}, options);
      CHECK(outcome.error() == std::errc::no_space_on_device);
      CHECK(outcome.file_failed());
      CHECK(outcome.consumed() - outcome.bytes() == 1000);
      CHECK(into.content() == all.substr(0, outcome.bytes()));
      if (spoiled.inspected) CHECK(seen.bytes == into.content());
      // Who knows how much was consumed can leave out the rest.
      std::string rest(3000 - outcome.consumed(), '\0');
      (void)co_await pair.second.recv_exactly(rest);
      const auto after = co_await recv_file(pair.second, next.file, {.size = 4});
      CHECK(after.bytes() == 4);
    }(text, target, other, fails));
    CHECK(other.content() == "next");
  }
}

TEST_CASE("a file that cannot be spliced to is written to") {
  const Target target;
  File appending = File::adopt(::open((target / "target").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)).value();
  auto pair = socket_pair().value();
  const std::string text = pattern(5000);
  pair.first.send_all(text).wait().value();
  CHECK(recv_file(pair.second, appending, {.size = 5000}).wait().value() == 5000);
  CHECK(target.content() == text);
}

TEST_CASE("a disk that is full") {
  TemporaryFolder temporary;
  const std::string mounted = temporary.path().string();
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=64k") != 0) {
    WARN("skipped: this user may not mount a tmpfs");
    return;
  }
  struct Unmounted {
    const std::string& path;
    ~Unmounted() { ::umount2(path.c_str(), MNT_DETACH); }
  } const unmounted{mounted};
  const std::string text = pattern(200000);
  each_way([&](FileTransferOptions options) {
    File file = File::create(temporary / "full", IfExists::replace).value();
    auto pair = socket_pair().value();
    // In pieces that fit into a socket's buffer.
    std::size_t in_file = 0;
    std::error_code error;
    bool file_failed = false;
    for (std::size_t at = 0; at < text.size() && !error; at += 20000) {
      pair.first.send_all(ConstBytes(text).after(at).first(20000)).within(10s).wait().value();
      const auto outcome = recv_file(pair.second, file, {.offset = at, .size = 20000}, options).within(10s).wait();
      in_file += outcome.bytes();
      error = outcome.error();
      file_failed = outcome.file_failed();
    }
    CHECK(error == std::errc::no_space_on_device);
    CHECK(file_failed);
    CHECK(in_file <= 64 * 1024);
    CHECK(in_file > 0);
    CHECK(temporary.read("full").substr(0, in_file) == text.substr(0, in_file));
    const auto refused = file.preallocate(1 << 20);
    CHECK((refused.error() == std::errc::no_space_on_device || refused.error() == Error::unsupported));
  });
}

TEST_CASE("whichever call fails, what was counted is in the file") {
  const std::string text = pattern(5000);
  const std::size_t before = support::open_descriptors();
  for (const bool inspected : {false, true}) {
    for (const int error : {ECONNRESET, EIO, ENOSPC, EINTR, ENOMEM, EINVAL, EAGAIN}) {
      for (std::size_t n = 1;; ++n) {
        const Target target;
        auto pair = socket_pair().value();
        pair.first.send_all(text).wait().value();
        pair.first.close();
        Seen seen;
        FileTransferOptions options;
        if (inspected) options.inspect = seen;
        Faults faults;
        faults.short_transfers(1500);
        faults.fail_nth(n, error);
        const auto outcome = recv_file(pair.second, target.file, {.size = 5000}, options).within(10s).wait();
        const bool fired = faults.fired();
        faults.disarm();
        const std::string content = target.content();
        CAPTURE(n, error, inspected);
        CHECK(content.size() == outcome.bytes());
        CHECK(text.starts_with(content));
        CHECK((!outcome || content == text));
        CHECK(outcome.consumed() >= outcome.bytes());
        if (inspected) CHECK(seen.bytes == content);
        if (!outcome.file_failed() && !outcome) {
          // What was not consumed is still there.
          CHECK(content + receive_there_is(pair.second) == text);
        }
        if (!fired) break;
      }
    }
  }
  CHECK(support::open_descriptors() == before);
}

TEST_CASE("what cannot be received is refused") {
  const Target target;
  auto pair = socket_pair().value();
  const std::uint64_t huge = std::numeric_limits<std::int64_t>::max();
  CHECK(recv_file(pair.first, target.file, {.offset = 1, .size = huge}).wait().error() == std::errc::invalid_argument);
  CHECK(recv_file(pair.first, File()).wait().error() == Error::closed);
  Socket closed;
  CHECK(recv_file(closed, target.file).wait().error() == Error::closed);
  CHECK(recv_file(pair.first, target.file, {.size = 5}).within(0s).wait().error() == Error::timed_out);
}

TEST_CASE("from a stream in whatever pieces, with every disturbance, nothing is lost") {
  const std::string text = pattern(400);
  enum class Disturb { nothing, stop, time_out, destroy };
  for (const Disturb disturb : {Disturb::nothing, Disturb::stop, Disturb::time_out, Disturb::destroy}) {
    const Target target;
    ManualClock clock;
    EventLoop loop({.time = &clock});
    MemoryStream stream;
    std::optional<Scope> scope;
    StopSource stop;
    std::uint64_t counted = 0;
    bool running = false;
    const auto receive = [&]() -> Task<> {
      running = true;
      const auto progress = [&, begun = counted](std::uint64_t moved) { counted = begun + moved; };
      const FileRange rest{.offset = counted, .size = text.size() - counted};
      const FileTransferOptions options{.progress = progress};
      const auto outcome = co_await recv_file(stream, target.file, rest, options).within(1s).stop(stop.token());
      CHECK((outcome || outcome.error() == Error::cancelled || outcome.error() == Error::timed_out));
      running = false;
    };
    const auto turn = [&] {
      for (int i = 0; i < 3; ++i) loop.turn().value();
    };
    for (std::size_t at = 0; at < text.size(); at += 7) {
      if (!running) {
        stop = StopSource();
        loop.post([&] {
              scope.emplace();
              scope->spawn(receive());
            })
            .value();
        turn();
      }
      stream.feed(text.substr(at, 7)).value();
      if (disturb == Disturb::stop) stop.request_stop();
      turn();
      if (disturb == Disturb::time_out) clock.advance(1s);
      if (disturb == Disturb::destroy) {
        loop.post([&] { scope.reset(); }).value();
        turn();
        running = false;
        CHECK_FALSE(stream.receiver_waits());
      }
      turn();
      CHECK(counted == target.content().size());
    }
    if (!running && counted < text.size()) {
      loop.post([&] {
            scope.emplace();
            scope->spawn(receive());
          })
          .value();
    }
    turn();
    CHECK(target.content() == text);
    loop.post([&] { scope.reset(); }).value();
    turn();
  }
}

TEST_CASE("transfers that never have to wait leave the loop its turns, and each gets its share") {
  constexpr std::size_t size = 48 << 20;
  constexpr std::size_t chunk = 1 << 16;
  const std::string text = pattern(chunk);
  const Target target;
  ManualClock clock;  // whose time stands still: what goes on next turn must not depend on it
  EventLoop loop({.time = &clock});
  std::vector<std::uint64_t> moved(3);
  int finished = 0;
  const auto receive = [&](std::size_t index) -> Task<> {
    MemoryStream stream({.max_fed = size});
    for (std::size_t at = 0; at < size; at += chunk) stream.feed(text).value();
    const auto progress = [&](std::uint64_t now) { moved[index] = now; };
    const FileRange range{.size = size};
    const FileTransferOptions options{.progress = progress};
    const auto outcome = co_await recv_file(stream, target.file, range, options);
    CHECK(outcome.bytes() == size);
    // The others had their share meanwhile.
    if (finished++ == 0) {
      for (const std::uint64_t other : moved) CHECK(other > size / 4);
    }
  };
  std::optional<Scope> scope;
  loop.post([&] {
        scope.emplace();
        for (std::size_t i = 0; i < moved.size(); ++i) scope->spawn(receive(i));
      })
      .value();
  int turns = 0;
  for (; finished < 3 && turns < 100000; ++turns) loop.turn().value();
  CHECK(finished == 3);
  CHECK(turns > 3);
  loop.post([&] { scope.reset(); }).value();
  loop.turn().value();
}

TEST_CASE("a transfer that waits for its turn can be stopped, timed out and destroyed") {
  constexpr std::size_t size = 16 << 20;
  const std::string text = pattern(1 << 16);
  for (const int how : {0, 1, 2}) {
    const Target target;
    ManualClock clock;
    EventLoop loop({.time = &clock});
    MemoryStream first({.max_fed = size});
    MemoryStream second({.max_fed = size});
    for (std::size_t at = 0; at < size; at += text.size()) {
      first.feed(text).value();
      second.feed(text).value();
    }
    StopSource stop;
    std::error_code error;
    std::uint64_t moved = 0;
    const auto receive = [&](MemoryStream& stream, bool told) -> Task<> {
      StopToken token;  // named: g++ 12 destroys a conditional temporary twice
      if (told) token = stop.token();
      const FileRange range{.size = size};
      const auto outcome = co_await recv_file(stream, target.file, range).within(1s).stop(token);
      if (!told) co_return;
      error = outcome.error();
      moved = outcome.bytes();
    };
    std::optional<Scope> scope;
    std::optional<Scope> other;
    loop.post([&] {
          other.emplace();
          other->spawn(receive(first, false));
          scope.emplace();
          scope->spawn(receive(second, true));
        })
        .value();
    loop.turn().value();
    if (how == 0) stop.request_stop();
    if (how == 1) clock.advance(1s);
    if (how == 2) loop.post([&] { scope.reset(); }).value();
    for (int i = 0; i < 3; ++i) loop.turn().value();
    if (how == 0) CHECK(error == Error::cancelled);
    if (how == 1) CHECK(error == Error::timed_out);
    CHECK(second.fed_bytes() >= size - (how == 2 ? size : moved));
    if (how != 2) CHECK(second.fed_bytes() == size - moved);
    loop.post([&] {
          scope.reset();
          other.reset();
        })
        .value();
    loop.turn().value();
  }
}

TEST_CASE("what is received keeps to its limit, spliced or not") {
  each_way([&](FileTransferOptions options) {
    const std::string text = pattern(1000);
    const Target target;
    auto pair = socket_pair().value();
    pair.first.send_all(text).wait().value();
    pair.first.close();
    ManualClock clock{ManualClock::Idle::skip};
    LoopOptions with_clock;
    with_clock.time = &clock;
    EventLoop loop(with_clock);
    Bandwidth limit(2000);
    options.limit = &limit;
    const TimePoint begin = clock.now();
    const auto receive = [&]() -> Task<> {
      const auto received = co_await recv_file(pair.second, target.file, {.size = 1000}, options);
      CHECK(received.value() == 1000);
    };
    loop.run(receive()).value();
    CHECK(clock.now() - begin == 400ms);
    CHECK(target.content() == text);
  });
}
