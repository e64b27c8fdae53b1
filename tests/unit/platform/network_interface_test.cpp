// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/network_interface.hpp>

#include "support/catch.hpp"

#include <net/if.h>

using namespace parley::platform;

namespace {
std::uint32_t index_of(const NativeAddress& address) {
  std::uint32_t index = 77;
  REQUIRE(interface_with_address(address, index) == 0);
  return index;
}
}  // namespace

TEST_CASE("an interface is found by any of its addresses") {
  const std::uint32_t loopback = ::if_nametoindex("lo");
  if (loopback == 0) return;  // another system's name for it
  CHECK(index_of(make_ipv4({{127, 0, 0, 1}, 80})) == loopback);
  CHECK(index_of(make_ipv4({{127, 9, 8, 7}, 0})) == loopback);
  const std::uint32_t by_ipv6 = index_of(make_ipv6({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 0, 0}));
  CHECK((by_ipv6 == loopback || by_ipv6 == 0));  // 0 on a machine without IPv6
}

TEST_CASE("an address that no interface has is found nowhere") {
  CHECK(index_of(make_ipv4({{203, 0, 113, 99}, 0})) == 0);
  CHECK(index_of(make_ipv6({{0x20, 0x01, 0x0d, 0xb8, 9}, 0, 0})) == 0);
  CHECK(index_of(make_unix(UnixNameKind::path, "/tmp/x")) == 0);
  CHECK(index_of(NativeAddress{}) == 0);
}
