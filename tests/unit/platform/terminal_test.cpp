// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/terminal.hpp>

#include "support/catch.hpp"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

using namespace parley::platform;

TEST_CASE("terminals are told from other descriptors") {
  int hands = -1;
  int terminal = -1;
  REQUIRE(::openpty(&hands, &terminal, nullptr, nullptr, nullptr) == 0);
  const NativeHandle owns_hands(hands);
  const NativeHandle owns_terminal(terminal);
  const NativeHandle null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(is_terminal(terminal));
  CHECK_FALSE(is_terminal(null.get()));
  CHECK_FALSE(is_terminal(invalid_socket));
}

TEST_CASE("without job control nobody is in the background") {
  int hands = -1;
  int terminal = -1;
  REQUIRE(::openpty(&hands, &terminal, nullptr, nullptr, nullptr) == 0);
  const NativeHandle owns_hands(hands);
  const NativeHandle owns_terminal(terminal);
  CHECK_FALSE(in_background_of(terminal));  // not this process's controlling terminal
  CHECK_FALSE(in_background_of(invalid_socket));
}

TEST_CASE("standard input counts as inherited unless it is closed in children") {
  const NativeHandle kept(::fcntl(standard_input, F_DUPFD_CLOEXEC, 3));
  const NativeHandle null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(::dup3(null.get(), standard_input, O_CLOEXEC) == standard_input);
  CHECK_FALSE(standard_input_is_inherited());
  REQUIRE(::dup2(null.get(), standard_input) == standard_input);
  CHECK(standard_input_is_inherited());
  ::close(standard_input);
  CHECK_FALSE(standard_input_is_inherited());
  if (kept) ::dup2(kept.get(), standard_input);
}
