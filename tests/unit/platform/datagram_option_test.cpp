// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/datagram_option.hpp>

#include "support/catch.hpp"

#include <errno.h>
#include <sys/socket.h>

using namespace parley::platform;

namespace {
NativeHandle open(int family, int type) { return NativeHandle(::socket(family, type | SOCK_CLOEXEC, 0)); }
}  // namespace

TEST_CASE("an IP option goes by the socket's family, on a dual-stack one by both") {
  const NativeHandle ipv4 = open(AF_INET, SOCK_DGRAM);
  REQUIRE(ipv4);
  REQUIRE(set_ip_option(ipv4.get(), option_multicast_ttl, 7) == 0);
  int value = 0;
  REQUIRE(get_option(ipv4.get(), option_multicast_ttl.ipv4, value) == 0);
  CHECK(value == 7);
  const NativeHandle ipv6 = open(AF_INET6, SOCK_DGRAM);
  if (!ipv6) return;  // no IPv6 on this machine
  REQUIRE(set_ip_option(ipv6.get(), option_multicast_ttl, 9) == 0);
  REQUIRE(get_ip_option(ipv6.get(), option_multicast_ttl, value) == 0);
  CHECK(value == 9);
#if defined(__linux__)
  REQUIRE(get_option(ipv6.get(), option_multicast_ttl.ipv4, value) == 0);
  CHECK(value == 9);
#endif
}

TEST_CASE("errors of IP options come back as numbers") {
  const NativeHandle local = open(AF_UNIX, SOCK_DGRAM);
  REQUIRE(local);
  const NativeAddress group = make_ipv4({{239, 255, 77, 77}, 0});
  int value = 0;
  CHECK(set_ip_option(local.get(), option_multicast_ttl, 1) == EOPNOTSUPP);
  CHECK(get_ip_option(local.get(), option_multicast_ttl, value) == EOPNOTSUPP);
  CHECK(set_multicast_interface(local.get(), 1) == EOPNOTSUPP);
  CHECK(change_membership(local.get(), Membership::join, group, 0) != 0);
  CHECK(set_ip_option(invalid_socket, option_multicast_ttl, 1) == EBADF);
  CHECK(get_ip_option(invalid_socket, option_multicast_ttl, value) == EBADF);
  CHECK(set_multicast_interface(invalid_socket, 1) == EBADF);
  CHECK(change_membership(invalid_socket, Membership::leave, group, 0) == EBADF);
  CHECK(change_source_membership(invalid_socket, Membership::join, group, group, 0) == EBADF);
  const NativeHandle ipv4 = open(AF_INET, SOCK_DGRAM);
  CHECK(set_ip_option(ipv4.get(), IpOption{}, 1) == option_not_known);
  CHECK(set_multicast_interface(ipv4.get(), 1'000'000) != 0);
}
