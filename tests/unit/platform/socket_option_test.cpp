// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/socket_option.hpp>

#include "support/catch.hpp"

#include <errno.h>
#include <sys/socket.h>

using namespace parley::platform;

namespace {
NativeHandle open(int family, int type) { return NativeHandle(::socket(family, type | SOCK_CLOEXEC, 0)); }
}  // namespace

TEST_CASE("an option that the system lacks is answered without a call") {
  int value = 5;
  CHECK(set_option(invalid_socket, OptionKey{}, 1) == option_not_known);
  CHECK(get_option(invalid_socket, OptionKey{}, value) == option_not_known);
  CHECK(value == 5);
}

TEST_CASE("the system's error comes back as a number, and the value stays") {
  int value = 5;
  CHECK(set_option(invalid_socket, option_keep_alive, 1) == EBADF);
  CHECK(get_option(invalid_socket, option_keep_alive, value) == EBADF);
  CHECK(value == 5);
  bool enabled = true;
  int seconds = 7;
  CHECK(get_linger(invalid_socket, enabled, seconds) == EBADF);
  CHECK(enabled);
  CHECK(seconds == 7);
  CHECK(set_ttl(invalid_socket, 1) == EBADF);
  CHECK(get_ttl(invalid_socket, value) == EBADF);
}

TEST_CASE("the family of a socket is known before it is bound") {
  const NativeHandle socket = open(AF_UNIX, SOCK_STREAM);
  REQUIRE(socket);
  int family = 0;
  REQUIRE(get_family(socket.get(), family) == 0);
  CHECK(family == AF_UNIX);
}

TEST_CASE("a dual-stack socket has its time to live set for both families") {
  const NativeHandle socket = open(AF_INET6, SOCK_STREAM);
  if (!socket) return;  // no IPv6 on this machine
  REQUIRE(set_ttl(socket.get(), 33) == 0);
  int hops = 0;
  REQUIRE(get_option(socket.get(), option_ttl_ipv6, hops) == 0);
  CHECK(hops == 33);
#if defined(__linux__)
  REQUIRE(get_option(socket.get(), option_ttl_ipv4, hops) == 0);
  CHECK(hops == 33);
#endif
}

TEST_CASE("a Unix socket has no time to live") {
  const NativeHandle socket = open(AF_UNIX, SOCK_STREAM);
  REQUIRE(socket);
  int hops = 0;
  CHECK(set_ttl(socket.get(), 1) == EOPNOTSUPP);
  CHECK(get_ttl(socket.get(), hops) == EOPNOTSUPP);
}
