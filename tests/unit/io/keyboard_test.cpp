// SPDX-License-Identifier: BSL-1.0
#include <parley/io/keyboard.hpp>

#include <parley/core/event_loop.hpp>
#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>
#include <parley/net/socket_pair.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;
using platform::NativeHandle;

static_assert(sizeof(std::declval<Keyboard&>().line()) <= 96);
static_assert(sizeof(std::declval<Keyboard&>().recv(std::declval<char (&)[1]>())) <= 96);

namespace {

struct Ends {
  NativeHandle read;
  NativeHandle write;
};

Ends make_pipe() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  return {NativeHandle(ends[0]), NativeHandle(ends[1])};
}

/// `read` is the terminal, `write` is the hands on it.
Ends make_terminal() {
  int hands = -1;
  int terminal = -1;
  REQUIRE(::openpty(&hands, &terminal, nullptr, nullptr, nullptr) == 0);
  return {NativeHandle(terminal), NativeHandle(hands)};
}

NativeHandle make_file(std::string_view content) {
  char name[] = "/tmp/parley-keyboard-XXXXXX";
  NativeHandle file(::mkstemp(name));
  REQUIRE(file);
  ::unlink(name);
  REQUIRE(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

void type_in(const NativeHandle& to, std::string_view text) {
  REQUIRE(::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

using Lines = std::vector<std::string>;

Task<Result<>> read_all(Keyboard& keyboard, Lines& lines) {
  for (;;) {
    auto line = co_await keyboard.line().within(5s);
    if (!line) co_return line.error();
    lines.emplace_back(*line);
  }
}

// On a loop, and on a plain thread.
void check_lines(const NativeHandle& from, const Lines& expected) {
  Lines lines;
  Keyboard keyboard(from.get());
  EventLoop loop;
  CHECK(loop.run(read_all(keyboard, lines)).error() == Error::end_of_stream);
  CHECK(lines == expected);
}
void check_lines_waiting(const NativeHandle& from, const Lines& expected) {
  Lines lines;
  Keyboard keyboard(from.get());
  Result<std::string_view> line;
  while ((line = keyboard.line().within(5s).wait())) lines.emplace_back(*line);
  CHECK(line.error() == Error::end_of_stream);
  CHECK(lines == expected);
}

using MaybeLine = std::optional<Result<std::string>>;

Task<> read_one(Keyboard& keyboard, MaybeLine& into, Duration timeout = Duration::max()) {
  const auto line = co_await keyboard.line().within(timeout);
  if (line) {
    into.emplace(std::string(*line));
  } else {
    into.emplace(line.error());
  }
}

// Runs what is ready on a loop that is turned by hand.
struct Bench {
  explicit Bench(int max_resumptions = 1024) : loop({.max_resumptions = max_resumptions, .time = &clock}) {}
  void start(Scope& scope, Task<> task) {
    REQUIRE(loop.post([&] { scope.spawn(std::move(task)); }));
    turn();
  }
  void turn() {
    for (int i = 0; i < 3; ++i) REQUIRE(loop.turn());
  }
  ManualClock clock;
  EventLoop loop;
};

// The ways in which a wait for a line ends before there is one.
enum class End { destroyed, cancelled, timed_out };
constexpr End ends[] = {End::destroyed, End::cancelled, End::timed_out};

// A coroutine that reads a line and is ended in one of these ways.
class Doomed {
 public:
  Doomed(Bench& bench, Keyboard& keyboard) : bench_(bench) { bench.start(*scope_, read_one(keyboard, line, timeout)); }
  // It is destroyed at once; of the others it learns in the next turn.
  void end(End how) {
    if (how == End::destroyed) scope_.reset();
    if (how == End::cancelled) scope_->cancel();
    if (how == End::timed_out) bench_.clock.advance(timeout);
  }
  // It has ended without a line, and said why if there was anybody left to say it.
  void check_ended(End how) const {
    REQUIRE(line.has_value() == (how != End::destroyed));
    if (line) CHECK(line->error() == (how == End::cancelled ? Error::cancelled : Error::timed_out));
  }

  MaybeLine line;

 private:
  static constexpr Duration timeout = 1s;
  Bench& bench_;
  std::unique_ptr<Scope> scope_ = std::make_unique<Scope>();
};

// What it has read, if anything, and all that is left.
Lines rest_of_lines(Bench& bench, Keyboard& keyboard, const MaybeLine& first) {
  Lines lines;
  if (first && *first) lines.push_back(**first);
  CHECK(bench.loop.run(read_all(keyboard, lines)).error() == Error::end_of_stream);
  return lines;
}

}  // namespace

TEST_CASE("lines from a pipe") {
  for (const bool waits : {false, true}) {
    Ends pipe = make_pipe();
    type_in(pipe.write, "one\n\ntwo\r\nthree");
    pipe.write.close();
    (waits ? check_lines_waiting : check_lines)(pipe.read, {"one", "", "two", "three"});
  }
}

TEST_CASE("lines from a file, a socket and /dev/null") {
  for (const bool waits : {false, true}) {
    const auto check = waits ? check_lines_waiting : check_lines;
    std::string big;
    Lines many;
    for (int i = 0; i < 20000; ++i) {
      many.push_back("line " + std::to_string(i));
      big += many.back() + "\n";
    }
    check(make_file(big), many);
    check(make_file(""), {});
    check(NativeHandle(::open("/dev/null", O_RDONLY | O_CLOEXEC)), {});
    auto [near, far] = socket_pair().value();
    far.send_all("over a socket\n").wait().value();
    far.close();
    check(NativeHandle(near.release()), {"over a socket"});
  }
}

TEST_CASE("lines from a terminal: each when it is finished, until Ctrl-D") {
  for (const bool waits : {false, true}) {
    const Ends terminal = make_terminal();
    type_in(terminal.write,
            "one\ntwo\nthr\x7f"
            "x\n\x04");  // with a backspace
    CHECK(Keyboard(terminal.read.get()).is_terminal());
    (waits ? check_lines_waiting : check_lines)(terminal.read, {"one", "two", "thx"});
  }
}

TEST_CASE("a terminal that has gone is the end of the stream") {
  for (const bool waits : {false, true}) {
    Ends terminal = make_terminal();
    std::thread hangs_up([&] { terminal.write.close(); });
    (waits ? check_lines_waiting : check_lines)(terminal.read, {});
    hangs_up.join();
  }
  // Some ways of going are told as EIO, which of a file is an error like any other.
  const Ends terminal = make_terminal();
  const NativeHandle file = make_file("x\n");
  for (const bool is_terminal : {true, false}) {
    Keyboard keyboard((is_terminal ? terminal.read : file).get());
    type_in(terminal.write, "x\n");
    support::Faults faults;
    faults.fail_call("read", 1, EIO);
    const auto line = keyboard.line().wait();
    CHECK(line.error() ==
          (is_terminal ? make_error_code(Error::end_of_stream) : std::error_code(EIO, std::system_category())));
  }
}

TEST_CASE("the flags of what it reads from are left alone") {
  Ends pipe = make_pipe();
  const int before = ::fcntl(pipe.read.get(), F_GETFL);
  Keyboard keyboard(pipe.read.get());
  CHECK(keyboard.line().within(0s).wait().error() == Error::timed_out);
  EventLoop loop;
  Lines lines;
  const auto once = [](Keyboard& k) -> Task<Result<>> { co_return (co_await k.line().within(1ms)).error(); };
  CHECK(loop.run(once(keyboard)).error() == Error::timed_out);
  CHECK(::fcntl(pipe.read.get(), F_GETFL) == before);
  CHECK((before & O_NONBLOCK) == 0);
}

TEST_CASE("what is not open says so") {
  Keyboard none(-1);
  CHECK(none.line().wait().error() == Error::closed);
  CHECK(none.line().wait().error() == Error::closed);
  CHECK_FALSE(none.is_terminal());
  EventLoop loop;
  Lines lines;
  CHECK(loop.run(read_all(none, lines)).error() == Error::closed);
}

TEST_CASE("what can only be written and a folder give the system's error") {
  const NativeHandle null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  Keyboard writes(null.get());
  CHECK(writes.line().within(5s).wait().error() == std::errc::bad_file_descriptor);
  const NativeHandle folder(::open("/", O_RDONLY | O_CLOEXEC));
  Keyboard reads(folder.get());
  CHECK(reads.line().within(5s).wait().error() == std::errc::is_a_directory);
}

TEST_CASE("a timeout or a stop in the middle of a line loses nothing") {
  const Ends pipe = make_pipe();
  Keyboard keyboard(pipe.read.get());
  EventLoop loop;
  const auto read = [&]() -> Task<> {
    type_in(pipe.write, "hel");
    const auto late = co_await keyboard.line().within(1ms);
    CHECK(late.error() == Error::timed_out);
    StopSource stop;
    stop.request_stop();
    const auto stopped = co_await keyboard.line().stop(stop.token());
    CHECK(stopped.error() == Error::cancelled);
    type_in(pipe.write, "lo\n");
    const auto line = co_await keyboard.line();
    CHECK(line.value() == "hello");
  };
  CHECK(loop.run(read()).has_value());
}

TEST_CASE("a wait for a line that ends loses nothing, not even half a line") {
  for (const bool on_terminal : {false, true}) {
    for (const std::string half : {"", "hel"}) {
      for (const End how : ends) {
        CAPTURE(on_terminal, half, static_cast<int>(how));
        Ends typed = on_terminal ? make_terminal() : make_pipe();
        Bench bench;
        Keyboard keyboard(typed.read.get());
        Doomed doomed(bench, keyboard);
        type_in(typed.write, half);
        bench.turn();
        CHECK_FALSE(doomed.line);
        doomed.end(how);
        bench.turn();
        doomed.check_ended(how);
        type_in(typed.write, std::string("hello\nnext\n").substr(half.size()));
        if (on_terminal) {
          type_in(typed.write, "\x04");
        } else {
          typed.write.close();
        }
        CHECK(rest_of_lines(bench, keyboard, doomed.line) == Lines{"hello", "next"});
      }
    }
  }
}

TEST_CASE("a line that comes in the turn in which the wait for it ends is not lost") {
  for (const std::string half : {"", "hel"}) {
    for (const End how : ends) {
      CAPTURE(half, static_cast<int>(how));
      Ends pipe = make_pipe();
      Bench bench;
      Keyboard keyboard(pipe.read.get());
      Doomed doomed(bench, keyboard);
      type_in(pipe.write, half);
      bench.turn();
      type_in(pipe.write, std::string("hello\n").substr(half.size()));
      doomed.end(how);
      bench.turn();
      CHECK(doomed.line.has_value() == (how != End::destroyed));
      type_in(pipe.write, "next\n");
      pipe.write.close();
      CHECK(rest_of_lines(bench, keyboard, doomed.line) == Lines{"hello", "next"});
    }
  }
}

TEST_CASE("a line that was found is not lost when its coroutine ends before it resumes") {
  for (const End how : ends) {
    CAPTURE(static_cast<int>(how));
    Ends one_pipe = make_pipe();
    Ends other_pipe = make_pipe();
    Bench bench(1);
    Keyboard one(one_pipe.read.get());
    Keyboard other(other_pipe.read.get());
    Doomed reads_one(bench, one);
    Doomed reads_other(bench, other);
    for (Ends* pipe : {&one_pipe, &other_pipe}) {
      type_in(pipe->write, "found\nnext\n");
      pipe->write.close();
    }
    REQUIRE(bench.loop.turn());  // both operations are done; only one coroutine was resumed
    CHECK(reads_one.line.has_value() != reads_other.line.has_value());
    reads_one.end(how);
    reads_other.end(how);
    bench.turn();
    CHECK(rest_of_lines(bench, one, reads_one.line) == Lines{"found", "next"});
    CHECK(rest_of_lines(bench, other, reads_other.line) == Lines{"found", "next"});
  }
}

TEST_CASE("another keyboard on the descriptor goes on when the wait of one ends") {
  for (const End how : ends) {
    CAPTURE(static_cast<int>(how));
    Ends pipe = make_pipe();
    Bench bench;
    Keyboard first(pipe.read.get());
    Keyboard second(pipe.read.get());
    Doomed doomed(bench, first);
    MaybeLine line;
    Scope scope;
    bench.start(scope, read_one(second, line));
    doomed.end(how);
    bench.turn();
    doomed.check_ended(how);
    type_in(pipe.write, "for the second\n");
    bench.turn();
    REQUIRE((line && *line));
    CHECK(**line == "for the second");
    type_in(pipe.write, "for the first\n");
    pipe.write.close();
    CHECK(rest_of_lines(bench, first, doomed.line) == Lines{"for the first"});
  }
}

TEST_CASE("a plain thread's wait that ends loses nothing either") {
  const Ends pipe = make_pipe();
  Keyboard keyboard(pipe.read.get());
  for (const std::string half : {"", "hel"}) {
    if (!half.empty()) type_in(pipe.write, half);
    CHECK(keyboard.line().within(0s).wait().error() == Error::timed_out);
    StopSource source;
    std::thread stops([&] { source.request_stop(); });
    CHECK(keyboard.line().stop(source.token()).wait().error() == Error::cancelled);
    stops.join();
    type_in(pipe.write, std::string("hello\n").substr(half.size()));
    CHECK(keyboard.line().within(5s).wait().value() == "hello");
  }
}

TEST_CASE("raced with a socket, whoever is first wins and the other loses nothing") {
  const Ends terminal = make_terminal();
  auto [near, far] = socket_pair().value();
  Keyboard keyboard(terminal.read.get());
  LineReader lines{near};
  EventLoop loop;
  const auto read = [](Keyboard& keys, LineReader<Socket>& peer, Socket& other, const NativeHandle& hands) -> Task<> {
    for (int i = 0; i < 20; ++i) {
      if (i % 2 == 0) {
        type_in(hands, "typed\n");
      } else {
        (co_await other.send_all("sent\n")).value();
      }
      const auto raced = co_await race(keys.line(), peer.next());
      CHECK(raced.index == static_cast<std::size_t>(i % 2));
      if (i % 2 == 0) {
        CHECK(std::get<0>(raced.results).value() == "typed");
        CHECK(std::get<1>(raced.results).error() == Error::cancelled);
      } else {
        CHECK(std::get<0>(raced.results).error() == Error::cancelled);
        CHECK(std::get<1>(raced.results).value() == "sent");
      }
    }
  };
  CHECK(loop.run(read(keyboard, lines, far, terminal.write)).has_value());
}

TEST_CASE("two keyboards on one descriptor share its lines") {
  Ends pipe = make_pipe();
  Keyboard first(pipe.read.get());
  Keyboard second(pipe.read.get());
  EventLoop loop;
  Lines one;
  Lines two;
  const auto both = [&]() -> Task<Result<>> {
    Scope scope;
    scope.spawn([](Keyboard& k, Lines& lines) -> Task<> {
      const auto end = co_await read_all(k, lines);
      CHECK(end.error() == Error::end_of_stream);
    }(first, one));
    scope.spawn([](Keyboard& k, Lines& lines) -> Task<> {
      const auto end = co_await read_all(k, lines);
      CHECK(end.error() == Error::end_of_stream);
    }(second, two));
    type_in(pipe.write, "a\nb\n");
    pipe.write.close();
    co_return co_await scope.join();
  };
  CHECK(loop.run(both()).has_value());
  CHECK(one.size() + two.size() == 2);
}

TEST_CASE("a second line() at once is told that it is busy") {
  const Ends pipe = make_pipe();
  Keyboard keyboard(pipe.read.get());
  EventLoop loop;
  const auto both = [](Keyboard& k, const NativeHandle& hands) -> Task<Result<>> {
    Scope scope;
    scope.spawn([](Keyboard& keys) -> Task<> {
      const auto line = co_await keys.line();
      CHECK(line.value() == "x");
    }(k));
    const auto second = co_await k.line();
    CHECK(second.error() == Error::busy);
    type_in(hands, "x\n");
    co_return co_await scope.join();
  };
  CHECK(loop.run(both(keyboard, pipe.write)).has_value());
}

TEST_CASE("close() and destruction end the wait") {
  const Ends pipe = make_pipe();
  EventLoop loop;
  const auto run = [](const NativeHandle& from) -> Task<Result<>> {
    Keyboard keyboard(from.get());
    Scope scope;
    scope.spawn([](Keyboard& keys) -> Task<> {
      const auto line = co_await keys.line();
      CHECK(line.error() == Error::cancelled);
      const auto after = co_await keys.line();
      CHECK(after.error() == Error::closed);
    }(keyboard));
    keyboard.close();
    const auto joined = co_await scope.join();
    CHECK(joined.has_value());
    Keyboard other(from.get());
    Scope destroyed;
    destroyed.spawn([](Keyboard& keys) -> Task<> {
      static_cast<void>(co_await keys.line());
      CHECK(false);
    }(other));
    co_return Result<>();
  };
  CHECK(loop.run(run(pipe.read)).has_value());
}

TEST_CASE("a line over the limit is an error") {
  Ends pipe = make_pipe();
  type_in(pipe.write, "abc\nabcd\n");
  Keyboard keyboard(pipe.read.get(), {.max_line = 3});
  CHECK(keyboard.line().wait().value() == "abc");
  CHECK(keyboard.line().wait().error() == Error::too_long);
}

namespace {

/// Runs in a process of its own: a session leader with a terminal, and a background job of it. Returns 0, or the step
/// that failed.
int background_job_of_terminal(const char* terminal_name, int hands) {
  if (::setsid() < 0) return 1;
  const int terminal = ::open(terminal_name, O_RDWR);
  if (terminal < 0 || ::ioctl(terminal, TIOCSCTTY, 0) < 0) return 2;
  int told[2];
  int go[2];
  if (::pipe(told) < 0 || ::pipe(go) < 0) return 3;
  const ::pid_t job = ::fork();
  if (job == 0) {
    ::setpgid(0, 0);
    // Time that is waited for passes at once, so that nothing here depends on the machine's speed.
    ManualClock clock(ManualClock::Idle::skip);
    EventLoop loop({.time = &clock});
    Keyboard keyboard(terminal);
    const auto read = [](Keyboard& keys, int told_end, int go_end) -> Task<int> {
      const auto kept_waiting = co_await keys.line().within(2s);
      if (kept_waiting.error() != Error::timed_out) co_return 10;
      MaybeLine stopped;
      MaybeLine destroyed;
      {
        Scope scope;
        scope.spawn(read_one(keys, stopped));
        static_cast<void>(co_await sleep(1s));
        static_cast<void>(co_await scope.cancel_and_join());
        if (!stopped || stopped->error() != Error::cancelled) co_return 14;
        Scope ends_here;
        ends_here.spawn(read_one(keys, destroyed));
        static_cast<void>(co_await sleep(1s));
      }
      if (destroyed) co_return 15;
      char byte = 'w';
      if (::write(told_end, &byte, 1) != 1 || ::read(go_end, &byte, 1) != 1) co_return 11;
      const auto line = co_await keys.line().within(2s);
      co_return line&&* line == "for the job" ? 0 : 12;
    };
    const auto result = loop.run(read(keyboard, told[1], go[0]));
    ::_exit(result ? *result : 13);
  }
  if (::write(hands, "for the job\n", 12) != 12) return 4;
  ::close(told[1]);  // so that a job that has died is noticed
  char byte = 0;
  int status = 0;
  if (::read(told[0], &byte, 1) != 1) {
    return ::waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) ? 5 : 6;
  }
  if (::tcsetpgrp(terminal, job) < 0 || ::write(go[1], &byte, 1) != 1) return 7;
  if (::waitpid(job, &status, WUNTRACED) != job) return 8;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

}  // namespace

TEST_CASE("a background job is not stopped by the terminal, and reads once it is in the foreground") {
  const Ends terminal = make_terminal();
  const std::string name = ::ttyname(terminal.read.get());
  std::fflush(nullptr);
  const ::pid_t leader = ::fork();
  if (leader == 0) {
    ::alarm(20);
    ::_exit(background_job_of_terminal(name.c_str(), terminal.write.get()));
  }
  int status = 0;
  REQUIRE(::waitpid(leader, &status, 0) == leader);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("standard input that was closed at the start is not mistaken for what got its number") {
  std::fflush(nullptr);
  const ::pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    ::close(0);
    EventLoop loop;  // its poller is descriptor 0 now
    Keyboard keyboard;
    Lines lines;
    const auto result = loop.run(read_all(keyboard, lines));
    ::_exit(result.error() == Error::closed ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("bytes come as they are, and the end of the stream is none of them") {
  for (const bool on_loop : {false, true}) {
    Ends pipe = make_pipe();
    Keyboard keyboard(pipe.read.get());
    char buffer[3];
    EventLoop loop;
    const auto receive = [&]() -> Task<Result<std::size_t>> { co_return co_await keyboard.recv(buffer).within(5s); };
    const auto read = [&] {
      const auto count = on_loop ? loop.run(receive()) : keyboard.recv(buffer).within(5s).wait();
      return std::string(buffer, count.value());
    };
    type_in(pipe.write, "ab\ncd");
    CHECK(read() == "ab\n");
    CHECK(read() == "cd");
    pipe.write.close();
    CHECK(read().empty());
    CHECK(read().empty());
  }
}

TEST_CASE("bytes of a terminal that hands over each key") {
  const Ends terminal = make_terminal();
  termios modes{};
  REQUIRE(::tcgetattr(terminal.read.get(), &modes) == 0);
  ::cfmakeraw(&modes);
  REQUIRE(::tcsetattr(terminal.read.get(), TCSANOW, &modes) == 0);
  Keyboard keyboard(terminal.read.get());
  EventLoop loop;
  const auto read = [&]() -> Task<> {
    char buffer[16];
    for (const std::string key : {"a", "\x1b[A", "\x03", "\x04"}) {
      type_in(terminal.write, key);
      const auto count = co_await keyboard.recv(buffer).within(5s);
      CHECK(std::string(buffer, count.value()) == key);
    }
  };
  CHECK(loop.run(read()).has_value());
}

TEST_CASE("bytes that line() has read ahead come first") {
  Ends pipe = make_pipe();
  Keyboard keyboard(pipe.read.get());
  char buffer[4];
  type_in(pipe.write, "line\nahead");
  CHECK(keyboard.line().within(5s).wait().value() == "line");
  CHECK(keyboard.recv(buffer).within(5s).wait().value() == 4);
  CHECK(std::string(buffer, 4) == "ahea");
  CHECK(keyboard.line().within(0s).wait().error() == Error::timed_out);
  keyboard.close();
  CHECK(keyboard.recv(buffer).within(5s).wait().value() == 1);
  CHECK(buffer[0] == 'd');
  CHECK(keyboard.recv(buffer).within(5s).wait().error() == Error::closed);
}

TEST_CASE("waiting for bytes ends like any other wait, and loses none") {
  Ends pipe = make_pipe();
  Keyboard keyboard(pipe.read.get());
  char buffer[8];
  CHECK(keyboard.recv(MutableBytes()).within(5s).wait().error() == std::errc::invalid_argument);
  EventLoop loop;
  const auto read = [&]() -> Task<> {
    const auto late = co_await keyboard.recv(buffer).within(0s);
    CHECK(late.error() == Error::timed_out);
    const auto raced = co_await race(keyboard.recv(buffer), sleep(0s));
    CHECK(raced.index == 1);
    CHECK(std::get<0>(raced.results).error() == Error::cancelled);
    Scope scope;
    scope.spawn([](Keyboard& keys) -> Task<> {
      char other[8];
      static_cast<void>(co_await keys.recv(other));
      CHECK(false);
    }(keyboard));
    const auto second = co_await keyboard.line();
    CHECK(second.error() == Error::busy);
  };
  CHECK(loop.run(read()).has_value());
  const auto go_on = [&]() -> Task<> {
    type_in(pipe.write, "typed");
    const auto count = co_await keyboard.recv(buffer).within(5s);
    CHECK(std::string(buffer, count.value()) == "typed");
    Scope scope;
    scope.spawn([](Keyboard& keys) -> Task<> {
      char other[8];
      const auto ended = co_await keys.recv(other);
      CHECK(ended.error() == Error::cancelled);
    }(keyboard));
    keyboard.close();
    const auto joined = co_await scope.join();
    CHECK(joined.has_value());
  };
  CHECK(loop.run(go_on()).has_value());
}
