// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/sockaddr.hpp>

#include "support/catch.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>

using namespace parley::platform;

TEST_CASE("an IPv4 endpoint becomes the system's structure and back") {
  const NativeAddress address = make_ipv4({{192, 0, 2, 7}, 8000});
  ::sockaddr_in fields;
  REQUIRE(address.size == sizeof(fields));
  std::memcpy(&fields, address.bytes, sizeof(fields));
  CHECK(fields.sin_family == AF_INET);
  CHECK(fields.sin_port == htons(8000));
  CHECK(fields.sin_addr.s_addr == htonl(0xc0000207));
  CHECK(is_ipv4(address));
  CHECK_FALSE(is_ipv6(address));
  const Ipv4Endpoint endpoint = read_ipv4(address);
  CHECK(endpoint.address[0] == 192);
  CHECK(endpoint.address[3] == 7);
  CHECK(endpoint.port == 8000);
}

TEST_CASE("an IPv6 endpoint keeps its scope, and its flow label when the port changes") {
  NativeAddress address = make_ipv6({{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, 80, 3});
  ::sockaddr_in6 fields;
  REQUIRE(address.size == sizeof(fields));
  std::memcpy(&fields, address.bytes, sizeof(fields));
  CHECK(fields.sin6_scope_id == 3);
  fields.sin6_flowinfo = htonl(77);
  std::memcpy(address.bytes, &fields, sizeof(fields));
  set_port(address, 443);
  CHECK(read_ipv6(address).port == 443);
  CHECK(read_ipv6(address).scope_id == 3);
  std::memcpy(&fields, address.bytes, sizeof(fields));
  CHECK(fields.sin6_flowinfo == htonl(77));
}

TEST_CASE("Unix names are told apart by kind") {
  CHECK(read_unix(make_unix(UnixNameKind::unnamed, {})).kind == UnixNameKind::unnamed);
  const NativeAddress path = make_unix(UnixNameKind::path, "/tmp/x");
  CHECK(read_unix(path).kind == UnixNameKind::path);
  CHECK(read_unix(path).name == "/tmp/x");
  CHECK(path.size == offsetof(::sockaddr_un, sun_path) + 7);
  if (has_abstract_unix_names) {
    const std::string name("a\0b", 3);
    const NativeAddress abstract = make_unix(UnixNameKind::abstract_name, name);
    CHECK(read_unix(abstract).kind == UnixNameKind::abstract_name);
    CHECK(read_unix(abstract).name == name);
  }
}

TEST_CASE("a Unix path that fills its structure, without a NUL, is read within bounds") {
  NativeAddress address{};
  std::memset(address.bytes, 'x', sizeof(address.bytes));
  const ::sa_family_t family = AF_UNIX;
  std::memcpy(address.bytes, &family, sizeof(family));
  address.size = sockaddr_capacity;
  CHECK(read_unix(address).name == std::string(sizeof(::sockaddr_un::sun_path), 'x'));
}

TEST_CASE("foreign bytes are adopted whole or refused") {
  const NativeAddress ipv4 = make_ipv4({{127, 0, 0, 1}, 1});
  const NativeAddress ipv6 = make_ipv6({{}, 1, 5});
  NativeAddress adopted;
  SECTION("room to spare is cut off") {
    REQUIRE(adopt_native(ipv4.bytes, sockaddr_capacity, adopted));
    CHECK(adopted.size == sizeof(::sockaddr_in));
  }
  SECTION("missing bytes are refused") {
    CHECK_FALSE(adopt_native(ipv4.bytes, sizeof(::sockaddr_in) - 1, adopted));
    CHECK_FALSE(adopt_native(ipv6.bytes, offsetof(::sockaddr_in6, sin6_scope_id) - 1, adopted));
    CHECK_FALSE(adopt_native(ipv4.bytes, 1, adopted));
  }
  SECTION("an IPv6 address from before scopes has none") {
    REQUIRE(adopt_native(ipv6.bytes, offsetof(::sockaddr_in6, sin6_scope_id), adopted));
    CHECK(is_ipv6(adopted));
    CHECK(read_ipv6(adopted).scope_id == 0);
  }
  SECTION("nothing is no address") {
    REQUIRE(adopt_native(nullptr, 0, adopted));
    CHECK(family_of(adopted) == family_unspecified);
  }
}

TEST_CASE("an address cut short by its size is of no known family") {
  NativeAddress address = make_ipv6({{}, 1, 0});
  address.size = 8;
  CHECK(family_of(address) == AF_INET6);
  CHECK_FALSE(is_ipv6(address));
  address.size = 1;
  CHECK(family_of(address) == family_unspecified);
}
