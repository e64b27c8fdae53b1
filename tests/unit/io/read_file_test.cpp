// SPDX-License-Identifier: BSL-1.0
#include <parley/io/read_file.hpp>

#include "support/catch.hpp"
#include "unit/io/file_transfer_harness.hpp"

#include <errno.h>
#include <unistd.h>

#include <vector>

using namespace file_test;

namespace {

std::vector<PollerKind> pollers() {
  std::vector<PollerKind> kinds{PollerKind::epoll};
  const auto poller = platform::make_poller(PollerKind::io_uring);
  if (poller != nullptr && poller->open() == 0) kinds.push_back(PollerKind::io_uring);
  return kinds;
}

// As if the disk had to be waited for.
struct SlowDisk : Faults {
  SlowDisk() : Faults(Threads::all) { fail_always("preadv2", EAGAIN); }
};

// The read end of a pipe as a file, whose disk takes until something is written.
struct Stuck {
  Stuck() {
    int both[2];
    REQUIRE(::pipe(both) == 0);
    file = File::own_unseen(platform::NativeHandle(both[0]));
    to = platform::NativeHandle(both[1]);
  }
  File file;
  platform::NativeHandle to;
};

Task<> check_reads(const Source& source, const std::string& text) {
  std::string buffer(100000, '\0');
  const auto begin = co_await read_file(source.file, 0, buffer);
  CHECK(begin.value() == buffer.size());
  CHECK(buffer == text.substr(0, buffer.size()));
  const auto rest = co_await read_file(source.file, text.size() - 10, buffer).within(10s);
  CHECK(rest.value() == 10);
  CHECK(buffer.substr(0, 10) == text.substr(text.size() - 10));
  const auto end = co_await read_file(source.file, text.size(), buffer);
  CHECK(end.value() == 0);
  const auto nothing = co_await read_file(source.file, 0, MutableBytes());
  CHECK(nothing.value() == 0);
}

Task<> read_stuck(const File& file, std::string& buffer, std::error_code& error, Duration limit, StopToken stop) {
  const auto count = co_await read_file(file, 0, buffer).within(limit).stop(stop);
  error = count.error();
}

}  // namespace

TEST_CASE("a file is read in parts up to its end") {
  const std::string text = pattern(300000);
  const Source source(text);
  for (const PollerKind kind : pollers()) {
    EventLoop loop({.poller = kind});
    CHECK(loop.run(check_reads(source, text)).has_value());
    SlowDisk disk;
    CHECK(loop.run(check_reads(source, text)).has_value());
    CHECK((disk.count("pread") == 0) == (kind == PollerKind::io_uring));
  }
}

TEST_CASE("what is in memory is read by one call, without the pool, and at most 256 KiB of it") {
  const Source source(pattern(300000));
  std::string buffer(300000, '\0');
  Faults faults(Faults::Threads::all);
  CHECK(read_file(source.file, 0, buffer).within(0s).wait().value() == std::size_t{256} << 10);
  CHECK(faults.count("preadv2") == 1);
  CHECK(faults.count("pread") == 0);
}

TEST_CASE("a plain thread waits for the disk") {
  const Source source("hello");
  std::string buffer(10, '\0');
  const SlowDisk disk;
  CHECK(read_file(source.file, 1, buffer).wait().value() == 4);
  CHECK(buffer.substr(0, 4) == "ello");
}

TEST_CASE("a file that is closed, a place that cannot be, and what the system says") {
  const Source source("hello");
  const File only_written = File::open(source / "source", FileAccess::write).value();
  std::string buffer(10, '\0');
  CHECK(read_file(File(), 0, buffer).wait().error() == Error::closed);
  CHECK(read_file(source.file, UINT64_MAX, buffer).wait().error() == std::errc::invalid_argument);
  for (const PollerKind kind : pollers()) {
    EventLoop loop({.poller = kind});
    const auto refused = [](const File& file, std::string& into) -> Task<> {
      const auto count = co_await read_file(file, 0, into);
      CHECK(count.error() == std::errc::bad_file_descriptor);
    };
    CHECK(loop.run(refused(only_written, buffer)).has_value());
  }
}

TEST_CASE("where a loop that reads goes on with another ring, the read is made anew") {
  const std::string text = pattern(1000);
  const Source source(text);
  EventLoop loop({.poller = pollers().back()});
  SlowDisk disk;
  disk.fail_call("io_uring_enter", 1, EEXIST);
  std::string buffer(1000, '\0');
  const auto read = [](const File& file, std::string& into) -> Task<> {
    const auto count = co_await read_file(file, 0, into);
    CHECK(count.value() == into.size());
  };
  CHECK(loop.run(read(source.file, buffer)).has_value());
  CHECK(buffer == text);
}

TEST_CASE("a read that waits ends at its time or when it is told to, and leaves the buffer alone from then on") {
  if (pollers().back() != PollerKind::io_uring) return;
  Stuck stuck;
  EventLoop loop({.poller = PollerKind::io_uring});
  std::string late(5, '-');
  std::string stopped(5, '-');
  std::error_code late_error;
  std::error_code stop_error;
  StopSource source;
  const auto both = [&]() -> Task<> {
    Scope scope;
    scope.spawn(read_stuck(stuck.file, late, late_error, 0s, {}));
    scope.spawn(read_stuck(stuck.file, stopped, stop_error, 1h, source.token()));
    source.request_stop();
    static_cast<void>(co_await scope.join());
  };
  CHECK(loop.run(both()).has_value());
  CHECK(late_error == Error::timed_out);
  CHECK(stop_error == Error::cancelled);
  const File same = File::own_unseen(platform::duplicate(stuck.file.native_handle()).handle);
  stuck.file.close();
  // Enough for all three. The last one brings the others' ends with it.
  REQUIRE(::write(stuck.to.get(), "helloagainthird", 15) == 15);
  const auto last = [](const File& file) -> Task<> {
    std::string buffer(5, '-');
    const auto count = co_await read_file(file, 0, buffer);
    CHECK(count.value() == 5);
  };
  CHECK(loop.run(last(same)).has_value());
  CHECK(late == "-----");
  CHECK(stopped == "-----");
}

TEST_CASE("a coroutine that reads can be destroyed, and its loop after it") {
  const Source source(pattern(100000));
  for (const PollerKind kind : pollers()) {
    EventLoop loop({.poller = kind});
    const SlowDisk disk;
    const auto start = [](const File& file) -> Task<> {
      std::string buffer(100000, '\0');
      Scope scope;
      const auto read = [](const File& from, std::string& into) -> Task<> {
        static_cast<void>(co_await read_file(from, 0, into));
      };
      for (int i = 0; i < 70; ++i) scope.spawn(read(file, buffer));
      co_return;  // which destroys them
    };
    CHECK(loop.run(start(source.file)).has_value());
  }
}
