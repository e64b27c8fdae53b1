// SPDX-License-Identifier: BSL-1.0
#include <parley/core/run.hpp>

#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <stdexcept>
#include <string>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace parley;
using namespace std::chrono_literals;

namespace {

struct Ended {
  int status = -1;
  int signal = 0;
  std::string errors;
};

// What a process does that has this as its main().
template <class Main>
Ended in_process(Main main_function) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::_exit(main_function());
  }
  ::close(ends[1]);
  Ended ended;
  char buffer[512];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof(buffer))) > 0;) {
    ended.errors.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  return ended;
}

Task<> nothing() { co_return; }

}  // namespace

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("a callable that throws before it returns a task ends as a task that throws", "[run]") {
  const auto ended = in_process([] {
    return parley::run([]() -> Task<> {
      const Result<int> failed = Error::not_found;
      static_cast<void>(failed.value());
      return nothing();
    });
  });
  CHECK(ended.status == 1);
  CHECK(ended.errors.find("No such name or address") != std::string::npos);
}
#endif

TEST_CASE("the exit status is what the task returns", "[run]") {
  CHECK(parley::run(nothing) == 0);
  CHECK(parley::run(nothing()) == 0);
  CHECK(parley::run([]() -> Task<int> { co_return 3; }) == 3);
  CHECK(parley::run([]() -> Task<Result<>> { co_return Result<>(); }) == 0);
  CHECK(parley::run([]() -> Task<Result<int>> { co_return 4; }) == 4);
  CHECK(parley::run([]() -> Task<Result<std::string>> { co_return std::string("fine"); }) == 0);
}

TEST_CASE("what the callable captured is there until the task has ended", "[run]") {
  std::string text(50, 'm');
  std::string seen;
  auto program = [text, &seen]() -> Task<> {
    static_cast<void>(co_await sleep(1ms));
    seen = text;
  };
  CHECK(parley::run(std::move(program)) == 0);
  CHECK(seen == text);
}

TEST_CASE("an error is printed and the status is 1", "[run]") {
  const auto failed = in_process([] {
    return parley::run([]() -> Task<Result<>> { co_return std::make_error_code(std::errc::address_in_use); });
  });
  CHECK(failed.status == 1);
  CHECK(failed.errors == "error: Address already in use\n");
  const auto cancelled =
      in_process([] { return parley::run([]() -> Task<Result<int>> { co_return Error::cancelled; }); });
  CHECK(cancelled.status == 1);
}

#if PARLEY_HAS_EXCEPTIONS
TEST_CASE("an exception is printed and the status is 1", "[run]") {
  const auto failed = in_process([] {
    return parley::run([]() -> Task<int> {
      static_cast<void>(co_await sleep(1ms));
      throw std::runtime_error("cannot go on");
    });
  });
  CHECK(failed.status == 1);
  CHECK(failed.errors == "error: cannot go on\n");
  const auto unknown = in_process([] {
    return parley::run([]() -> Task<> {
      throw 5;
      co_return;
    });
  });
  CHECK(unknown.status == 1);
  CHECK(unknown.errors == "error: unknown exception\n");
}
#endif

TEST_CASE("SIGINT and SIGTERM stop the task, and the end they bring is a good one", "[run]") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto program = [signal]() -> Task<Result<>> {
      ::raise(signal);
      const auto slept = co_await sleep(Duration::max());
      co_return slept;
    };
    const auto ended = in_process([&] { return parley::run(program); });
    CHECK(ended.status == 0);
    CHECK(ended.errors.empty());
#if PARLEY_HAS_EXCEPTIONS
    const auto thrower = [signal]() -> Task<> {
      ::raise(signal);
      (co_await sleep(Duration::max())).value();
    };
    CHECK(in_process([&] { return parley::run(thrower); }).status == 0);
#endif
    // A failure on the way out is still a failure, and a status of its own counts.
    const auto failing = [signal]() -> Task<Result<>> {
      ::raise(signal);
      static_cast<void>(co_await sleep(Duration::max()));
      co_return Error::malformed;
    };
    CHECK(in_process([&] { return parley::run(failing); }).status == 1);
    const auto own = [signal]() -> Task<int> {
      ::raise(signal);
      static_cast<void>(co_await sleep(Duration::max()));
      co_return 7;
    };
    CHECK(in_process([&] { return parley::run(own); }).status == 7);
  }
}

TEST_CASE("a signal that came just before the task started counts", "[run]") {
  const auto program = []() -> Task<Result<>> { co_return co_await sleep(Duration::max()); };
  const auto ended = in_process([&] {
    const Signals early({Signal::interrupt});
    return parley::run([&]() -> Task<Result<>> {
      ::raise(SIGINT);
      return program();
    });
  });
  CHECK(ended.status == 0);
}

// A child forked from a process with threads gets no deadly signal under the thread sanitizer.
#if !defined(__SANITIZE_THREAD__)
TEST_CASE("a second signal ends a program that does not stop, even one that hangs", "[run]") {
  const auto ended = in_process([] {
    return parley::run([]() -> Task<> {
      ::raise(SIGINT);
      const TimePoint start = Clock::now();
      while (Clock::now() - start < 30ms) {
      }
      ::raise(SIGINT);
      co_return;
    });
  });
  CHECK(ended.signal == SIGINT);
}

TEST_CASE("afterwards signals do what they did before", "[run]") {
  const auto ended = in_process([] {
    static_cast<void>(parley::run(nothing));
    ::raise(SIGTERM);
    return 0;
  });
  CHECK(ended.signal == SIGTERM);
}
#endif

TEST_CASE("writing to a closed pipe is an error, not the end", "[run]") {
  const auto ended = in_process([] {
    return parley::run([]() -> Task<int> {
      int ends[2];
      if (::pipe(ends) != 0) co_return 1;
      ::close(ends[0]);
      co_return ::write(ends[1], "x", 1) < 0 && errno == EPIPE ? 42 : 1;
    });
  });
  CHECK(ended.status == 42);
}
