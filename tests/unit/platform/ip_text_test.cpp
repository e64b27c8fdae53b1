// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/ip_text.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <string_view>

using namespace parley::platform;

TEST_CASE("IPv4 text is four decimal parts and nothing else") {
  unsigned char address[4];
  REQUIRE(parse_ipv4("203.0.113.255", address));
  CHECK(address[0] == 203);
  CHECK(address[3] == 255);
  for (const std::string_view text : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.010", "0x1.2.3.4",
                                      " 1.2.3.4", "1.2.3.4 ", "1..2.3", "-1.2.3.4", "1.2.3.4\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ipv4(text, address));
  }
  CHECK_FALSE(parse_ipv4(std::string_view("1.2.3.4\0x", 9), address));
  CHECK_FALSE(parse_ipv4(std::string(1000, '1'), address));
}

TEST_CASE("text need not end with a NUL") {
  unsigned char address[4];
  REQUIRE(parse_ipv4(std::string_view("1.2.3.45").substr(0, 7), address));
  CHECK(address[3] == 4);
}

TEST_CASE("IPv6 text is an address without brackets and scope") {
  unsigned char address[16];
  REQUIRE(parse_ipv6("2001:0DB8:0:0:1:0:0:1", address));
  CHECK(address[0] == 0x20);
  CHECK(address[15] == 1);
  REQUIRE(parse_ipv6("::ffff:192.0.2.1", address));
  CHECK(address[12] == 192);
  for (const std::string_view bad : {"", ":", ":::", "1::2::3", "::g", "::12345", "::1%lo", "[::1]", "1:2:3:4:5:6:7"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_ipv6(bad, address));
  }
}

TEST_CASE("interfaces go by name and by number") {
  CHECK(interface_index("") == 0);
  CHECK(interface_index("no-such-if") == 0);
  CHECK(interface_index(std::string(1000, 'x')) == 0);
  CHECK(interface_index(std::string_view("lo\0x", 4)) == 0);
  InterfaceText text;
  CHECK(interface_name(0, text).empty());
  if (const std::uint32_t loopback = interface_index("lo"); loopback != 0) {
    CHECK(interface_name(loopback, text) == "lo");
  }
}
