// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/signal_watch.hpp>

#include "support/catch.hpp"

#include <signal.h>

using namespace parley;

TEST_CASE("each signal's number is the system's", "[signal_watch]") {
  for (std::size_t i = 0; i < platform::signal_numbers.size(); ++i) {
    const auto expected = static_cast<Signal>(i);
    platform::SignalWatch watch;
    platform::NativeHandle readable;
    REQUIRE(watch.start({expected}, OnRepeat::deliver, readable) == 0);
    Signal got{};
    CHECK_FALSE(watch.take(got));
    ::raise(platform::signal_numbers[i]);
    REQUIRE(watch.take(got));
    CHECK(got == expected);
    CHECK_FALSE(watch.take(got));
    watch.stop();
    watch.stop();
  }
}

TEST_CASE("several kinds are taken one by one, several of one kind as one", "[signal_watch]") {
  platform::SignalWatch watch;
  platform::NativeHandle readable;
  REQUIRE(watch.start({Signal::user1, Signal::user2}, OnRepeat::deliver, readable) == 0);
  for (int i = 0; i < 3; ++i) ::raise(SIGUSR2);
  ::raise(SIGUSR1);
  Signal got{};
  REQUIRE(watch.take(got));
  CHECK(got == Signal::user1);
  REQUIRE(watch.take(got));
  CHECK(got == Signal::user2);
  CHECK_FALSE(watch.take(got));
}

TEST_CASE("broken pipes are ignored unless the program has its own way with them", "[signal_watch]") {
  struct ::sigaction before {};
  struct ::sigaction now {};
  ::sigaction(SIGPIPE, nullptr, &before);
  ::signal(SIGPIPE, SIG_DFL);
  platform::ignore_broken_pipes();
  ::sigaction(SIGPIPE, nullptr, &now);
  CHECK(now.sa_handler == SIG_IGN);
  const auto own = [](int) {};
  ::signal(SIGPIPE, own);
  platform::ignore_broken_pipes();
  ::sigaction(SIGPIPE, nullptr, &now);
  CHECK(now.sa_handler == static_cast<void (*)(int)>(own));
  ::sigaction(SIGPIPE, &before, nullptr);
}
