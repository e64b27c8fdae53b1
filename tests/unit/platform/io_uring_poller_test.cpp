// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/io_uring_poller.hpp>

#include "polled_pair.hpp"
#include "support/faults.hpp"
#include "support/temporary_folder.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// What all pollers promise is tested in reactor_test.cpp.

using namespace parley::platform;
using namespace std::chrono_literals;
using parley::Duration;
using uring::Kernel;

namespace {

bool allowed() { return uring::Ring().open(1, 1) == 0; }

using Fixture = PolledPair<IoUringPoller>;

// Many descriptors of one socket, so that they all become ready at once.
class Crowd {
 public:
  Crowd(IoUringPoller& poller, NativeSocket socket, std::size_t size) : poller_(poller), requests_(size) {
    for (Request& request : requests_) {
      pollables_.push_back(std::make_unique<Pollable>(duplicate(socket).handle, true));
      request.pollable = pollables_.back().get();
      REQUIRE(poller.submit(request, Direction::read, WaitsFor::readiness) == 0);
    }
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const auto& pollable : pollables_) poller_.forget(*pollable);
  }
  bool has(const Request* request) const { return request >= requests_.data() && request < &requests_.back() + 1; }

 private:
  IoUringPoller& poller_;
  std::vector<std::unique_ptr<Pollable>> pollables_;
  std::vector<Request> requests_;
};

// A read that notes what it is told. Of a pipe, it takes until something is written, as with a slow disk.
struct Reading : FileRead {
  explicit Reading(NativeSocket from) : FileRead{from, 0, bytes, sizeof bytes, &note, {0, 0}} {}
  static void note(FileRead& read, bool let_go) noexcept {
    auto& self = static_cast<Reading&>(read);
    ++self.told;
    self.let_go = let_go;
  }
  bool wait_for(IoUringPoller& poller) {
    for (int waits = 0; told == 0 && waits < 5; ++waits) {
      Finished finished;
      if (poller.wait(1s, finished) != 0) return false;
    }
    return told == 1;
  }
  char bytes[8] = {};
  int told = 0;
  bool let_go = false;
};

struct Pipe {
  Pipe() {
    int both[2];
    REQUIRE(::pipe(both) == 0);
    from = NativeHandle(both[0]);
    to = NativeHandle(both[1]);
  }
  void write(const char* text, std::size_t size) const { REQUIRE(::write(to.get(), text, size) > 0); }
  NativeHandle from;
  NativeHandle to;
};

}  // namespace

TEST_CASE("more become ready at once than the rings have room for: each comes out once") {
  if (!allowed()) return;
  for (const Kernel kernel : {Kernel::any, Kernel::as_5_13, Kernel::as_5_10}) {
    IoUringPoller poller(kernel);
    REQUIRE(poller.open() == 0);
    NativeHandle ends[2];
    REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
    constexpr std::size_t size = 3000;
    const Crowd crowd(poller, ends[0].get(), size);
    Finished finished;
    REQUIRE(poller.wait(Duration::zero(), finished) == 0);
    CHECK(finished.count == 0);
    REQUIRE(send(ends[1].get(), "x", 1).count == 1);
    std::set<const Request*> out;
    for (int waits = 0; out.size() < size && waits < 10000; ++waits) {
      finished.count = 0;
      REQUIRE(poller.wait(1h, finished) == 0);
      for (std::size_t i = 0; i < finished.count; ++i) {
        CHECK(crowd.has(finished.requests[i]));
        CHECK(out.insert(finished.requests[i]).second);
      }
    }
    CHECK(out.size() == size);
  }
}

TEST_CASE_METHOD(Fixture, "what is closed after forget() is closed, whatever was polled") {
  if (!usable) return;
  // Closing alone would not end the connection before the poll ends, which holds on to the socket.
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(wait() == 0);
  poller.cancel(reader, Direction::read);
  poller.forget(pollable);
  pollable.handle.close();
  char byte = 0;
  const IoOutcome outcome = receive(peer.get(), &byte, 1);
  CHECK(outcome.error == 0);
  CHECK(outcome.count == 0);
}

TEST_CASE_METHOD(Fixture, "an event on its way to one that is forgotten goes nowhere, and slots are used again") {
  if (!usable) return;
  for (int i = 0; i < 2000; ++i) {
    REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
    if (i % 3 != 0) CHECK(wait() == 0);
    write();
    if (i % 2 == 0) poller.cancel(reader, Direction::read);
    pollable.set_waiting(Direction::read, nullptr);
    poller.forget(pollable);
    char byte = 0;
    REQUIRE(receive(pollable.handle.get(), &byte, 1).count == 1);
    CHECK(pollable.slot < 64);  // how many of the past may not have ended
  }
  CHECK(wait() == 0);
}

TEST_CASE_METHOD(Fixture, "it goes on on another thread, and on a third one, where those before have ended") {
  if (!usable) return;
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  const auto use = [this] {
    CHECK(wait() == 0);
    write();
    REQUIRE(wait(Duration::max()) <= 1);  // to move takes a turn
    if (finished.count == 0) REQUIRE(wait(Duration::max()) == 1);
    CHECK(finished.requests[0] == &reader);
    char byte = 0;
    REQUIRE(receive(pollable.handle.get(), &byte, 1).count == 1);
    pollable.clear_ready(Direction::read);
    REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  };
  std::thread(use).join();
  std::thread(use).join();
  std::thread([this] {
    poller.cancel(reader, Direction::read);
    poller.forget(pollable);
  }).join();
  CHECK(wait() == 0);
}

TEST_CASE_METHOD(Fixture, "a child that was forked has polls of its own, and leaves the parent's alone") {
  if (!usable) return;
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(wait() == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    finished.count = 0;
    const bool waited = poller.wait(Duration::zero(), finished) == 0 && finished.count == 0;
    poller.forget(pollable);
    ::_exit(waited ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  write();
  CHECK(wait(Duration::max()) == 1);
}

TEST_CASE_METHOD(Fixture, "a poll that fails has its request try") {
  if (!usable) return;
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  NativeHandle moved(duplicate(pollable.handle.get()).handle);
  pollable.handle.close();  // wrongly, without forget()
  CHECK(wait(Duration::max()) == 1);
  CHECK(pollable.maybe_ready(Direction::read));
  pollable.handle = std::move(moved);
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  write();
  CHECK(wait(Duration::max()) == 1);
}

TEST_CASE_METHOD(Fixture, "errors of the ring are told, and passing ones are not") {
  if (!usable) return;
  support::Faults faults;
  finished.count = 0;
  for (const int error : {EINTR, EAGAIN, EBUSY}) {
    faults.fail_call("io_uring_enter", 1, error);
    CHECK(poller.wait(Duration::max(), finished) == 0);
  }
  faults.fail_call("io_uring_enter", 1, EBADF);
  CHECK(poller.wait(Duration::max(), finished) == EBADF);
  // The call that lets go of a socket fails: later will do.
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(wait() == 0);
  faults.fail_call("io_uring_enter", 1, EAGAIN);
  poller.forget(pollable);
  CHECK(wait() == 0);
  pollable.handle.close();
  char byte = 0;
  CHECK(receive(peer.get(), &byte, 1).error == 0);
  // Another thread's ring, and no new one to be had.
  faults.fail_call("io_uring_enter", 1, EEXIST);
  faults.fail_call("io_uring_setup", 1, EMFILE);
  CHECK(poller.wait(Duration::zero(), finished) == EMFILE);
  CHECK(poller.wait(Duration::zero(), finished) == 0);
}

TEST_CASE("a ring that is refused can be had later, and then stays") {
  if (!allowed()) return;
  IoUringPoller poller;
  support::Faults faults;
  for (const char* call : {"eventfd", "io_uring_setup"}) {
    faults.fail_call(call, 1, EMFILE);
    CHECK(poller.open() == EMFILE);
  }
  CHECK(poller.open() == 0);
  const std::size_t calls = faults.count();
  CHECK(poller.open() == 0);
  CHECK(faults.count() == calls);
}

TEST_CASE_METHOD(Fixture, "it makes sends together") {
  if (!usable) return;
  SendBatch* batch = poller.send_batch();
  REQUIRE(batch != nullptr);
  SendBatch::Send& sent = batch->add();
  sent.socket = peer.get();
  sent.count = 1;
  sent.slices[0] = {"x", 1};
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(wait() == 0);
  poller.carry_out(*batch);
  CHECK(batch->sends()[0].outcome.count == 1);
  CHECK(wait(Duration::max()) == 1);
}

TEST_CASE("a read of a file ends in wait(): with what is there, at the end, or with an error") {
  if (!allowed()) return;
  for (const Kernel kernel : {Kernel::any, Kernel::as_5_13, Kernel::as_5_10}) {
    IoUringPoller poller(kernel);
    REQUIRE(poller.open() == 0);
    const support::TemporaryFolder folder;
    const NativeHandle file(::open(folder.write("file", "0123456789").c_str(), O_RDONLY | O_CLOEXEC));
    Reading part(file.get());
    part.offset = 4;
    Reading end(file.get());
    end.offset = 10;
    Reading none(-1);
    for (Reading* read : {&part, &end, &none}) REQUIRE(poller.read_file(*read));
    for (Reading* read : {&part, &end, &none}) {
      REQUIRE(read->wait_for(poller));
      CHECK(read->let_go);
    }
    CHECK(part.outcome.error == 0);
    CHECK(std::string_view(part.bytes, part.outcome.count) == "456789");
    CHECK(end.outcome.error == 0);
    CHECK(end.outcome.count == 0);
    CHECK(none.outcome.error == EBADF);
  }
}

TEST_CASE("no more than 64 reads are under way; the next one is refused until one has ended") {
  if (!allowed()) return;
  IoUringPoller poller;
  REQUIRE(poller.open() == 0);
  const Pipe pipe;
  std::vector<std::unique_ptr<Reading>> all;
  for (std::size_t i = 0; i < IoUringReads::capacity; ++i) {
    all.push_back(std::make_unique<Reading>(pipe.from.get()));
    REQUIRE(poller.read_file(*all.back()));
  }
  Reading more(pipe.from.get());
  CHECK_FALSE(poller.read_file(more));
  pipe.write("x", 1);
  Finished finished;
  const auto ended = [&] {
    return std::count_if(all.begin(), all.end(), [](const auto& read) { return read->told != 0; });
  };
  for (int waits = 0; ended() == 0 && waits < 100; ++waits) REQUIRE(poller.wait(1s, finished) == 0);
  CHECK(ended() == 1);
  CHECK(poller.read_file(more));
  pipe.write(std::string(IoUringReads::capacity * sizeof more.bytes, 'x').data(), 512);
  CHECK(more.wait_for(poller));
  for (const auto& read : all) CHECK(read->wait_for(poller));
}

TEST_CASE_METHOD(Fixture, "reads and sockets do not get in each other's way, nor does one that is forgotten") {
  if (!usable) return;
  const Pipe pipe;
  Reading read(pipe.from.get());
  REQUIRE(poller.read_file(read));
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  CHECK(wait() == 0);
  pipe.write("x", 1);
  write();
  poller.cancel(reader, Direction::read);
  poller.forget(pollable);  // which looks at the completions that are there, and leaves this one to wait()
  CHECK(read.told == 0);
  CHECK(read.wait_for(poller));
  CHECK(read.outcome.count == 1);
}

TEST_CASE_METHOD(Fixture, "what comes while others are forgotten ends the next wait: a read that was made, a wake()") {
  if (!usable) return;
  const bool wakes = GENERATE(false, true);
  const Pipe pipe;
  Reading read(pipe.from.get());
  REQUIRE(poller.submit(reader, Direction::read, WaitsFor::readiness) == 0);
  wait();
  if (wakes) {
    poller.wake();
  } else {
    pipe.write("x", 1);
    REQUIRE(poller.read_file(read));
  }
  poller.cancel(reader, Direction::read);
  poller.forget(pollable);
  const parley::TimePoint begin = parley::Clock::now();
  wait(10s);
  CHECK(parley::Clock::now() - begin < 5s);
  CHECK(read.told == (wakes ? 0 : 1));
  wait();
}

TEST_CASE("a read under way is lost where the loop goes on on another thread, and is told so") {
  if (!allowed()) return;
  static Reading* const lost = new Reading(-1);  // for ever, as the kernel may still write to it
  const Pipe pipe;
  lost->file = pipe.from.get();
  IoUringPoller poller;
  REQUIRE(poller.open() == 0);
  Finished finished;
  std::thread([&] {
    CHECK(poller.read_file(*lost));
    CHECK(poller.wait(Duration::zero(), finished) == 0);
  }).join();
  Reading next(pipe.from.get());
  std::thread([&] {
    CHECK(lost->wait_for(poller));
    CHECK(poller.read_file(next));
    pipe.write("x", 1);
    CHECK(next.wait_for(poller));
  }).join();
  CHECK_FALSE(lost->let_go);
  CHECK(lost->outcome.error == ECANCELED);
  CHECK(next.outcome.count == 1);
}

TEST_CASE("a child that was forked has lost the reads, which are its parent's") {
  if (!allowed()) return;
  const Pipe pipe;
  Reading read(pipe.from.get());
  IoUringPoller poller;
  REQUIRE(poller.open() == 0);
  Finished finished;
  REQUIRE(poller.read_file(read));
  REQUIRE(poller.wait(Duration::zero(), finished) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool told = read.wait_for(poller) && !read.let_go && read.outcome.error == ECANCELED;
    ::_exit(told ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  pipe.write("x", 1);
  CHECK(read.wait_for(poller));
  CHECK(read.let_go);
}

TEST_CASE("a poller that ends waits for its reads, unless its ring has failed") {
  if (!allowed()) return;
  const Pipe pipe;
  pipe.write("x", 1);
  Reading read(pipe.from.get());
  Reading lost(pipe.from.get());
  {
    IoUringPoller poller;
    REQUIRE(poller.open() == 0);
    REQUIRE(poller.read_file(read));
  }
  CHECK(read.let_go);
  CHECK(read.outcome.count == 1);
  auto poller = std::make_unique<IoUringPoller>();
  REQUIRE(poller->open() == 0);
  REQUIRE(poller->read_file(lost));  // not yet the kernel's
  support::Faults faults;
  faults.fail_call("io_uring_enter", 1, EBADF);
  poller.reset();
  CHECK(lost.told == 1);
  CHECK_FALSE(lost.let_go);
}
