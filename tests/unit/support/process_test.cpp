// SPDX-License-Identifier: BSL-1.0
#include "support/process.hpp"

#include <csignal>
#include <string>
#include <system_error>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using support::Exit;
using support::Process;

TEST_CASE("a program is fed, heard and waited for") {
  Process cat({"/bin/cat"});
  REQUIRE(cat.write("one\ntwo\n"));
  CHECK(cat.wait_for("on") == "one");
  CHECK(cat.wait_for_line("two") == "two");
  CHECK_FALSE(cat.wait_for("one", 0ms));
  CHECK_FALSE(cat.wait(0ms));
  cat.close_input();
  CHECK(cat.wait() == Exit{0, 0});
  CHECK(cat.output() == "one\ntwo\n");
}

TEST_CASE("a line counts once it is whole, and only where it begins a line") {
  Process shell({"/bin/sh", "-c", "printf 'not ready\\nready'; read x; printf ' now\\n'; printf oops >&2; exit 3"});
  CHECK_FALSE(shell.wait_for_line("ready", 100ms));
  shell.write("\n");
  CHECK(shell.wait_for_line("ready") == "ready now");
  CHECK(shell.wait_for_error("oops"));
  CHECK(shell.wait() == Exit{3, 0});
}

TEST_CASE("waiting ends when the output does") {
  Process shell({"/bin/sh", "-c", "exit 0"});
  CHECK_FALSE(shell.wait_for("never"));
  CHECK(shell.wait() == Exit{0, 0});
}

TEST_CASE("a signal ends a program") {
  Process cat({"/bin/cat"});
  cat.send_signal(SIGTERM);
  CHECK(cat.wait() == Exit{-1, SIGTERM});
  CHECK_FALSE(cat.write("too late\n"));
}

TEST_CASE("more than a pipe holds gets through a program that answers meanwhile") {
  Process cat({"/bin/cat"});
  const std::string text(1 << 20, 'x');
  REQUIRE(cat.write(text));
  cat.close_input();
  CHECK(cat.wait() == Exit{0, 0});
  CHECK(cat.output().size() == text.size());
}

TEST_CASE("a terminal is a terminal") {
  Process shell({"/bin/sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size && cat"}, Process::Input::terminal);
  CHECK(shell.wait_for_line("24 80"));
  shell.write("typed\n");
  CHECK(shell.wait_for_line("typed"));  // the echo
  CHECK(shell.wait_for_line("typed"));  // from cat
  shell.close_input();
  CHECK(shell.wait() == Exit{0, 0});
}

TEST_CASE("Ctrl-C on a terminal interrupts the program") {
  Process cat({"/bin/cat"}, Process::Input::terminal);
  cat.write("here\n");
  REQUIRE(cat.wait_for_line("here"));
  REQUIRE(cat.wait_for_line("here"));
  cat.write("\x03");
  CHECK(cat.wait() == Exit{-1, SIGINT});
}

TEST_CASE("a program that is not there is an error") {
  CHECK_THROWS_AS(Process({"/no/such/program"}), std::system_error);
}
