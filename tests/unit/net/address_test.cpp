// SPDX-License-Identifier: BSL-1.0
#include <parley/net/address.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

using namespace parley;
using Family = Address::Family;

static_assert(std::is_trivially_copyable_v<Address>);
static_assert(std::is_trivially_destructible_v<Result<Address>>);

namespace {

Address parsed(std::string_view text) { return Address::parse(text).value(); }
bool malformed(std::string_view text) { return Address::parse(text).error() == Error::malformed; }

template <class Fields>
Address native(const Fields& fields) {
  return Address::from_native(&fields, sizeof(fields)).value();
}

std::uint32_t number(std::mt19937& random, std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); }

std::string bytes(std::mt19937& random, std::size_t size, bool with_nul) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    const unsigned char byte = static_cast<unsigned char>(number(random, 256));
    text += byte == 0 && !with_nul ? 'x' : static_cast<char>(byte);
  }
  return text;
}

Address any_ipv6(std::mt19937& random) {
  ::sockaddr_in6 fields{};
  fields.sin6_family = AF_INET6;
  fields.sin6_port = static_cast<::in_port_t>(random());
  for (unsigned char& byte : fields.sin6_addr.s6_addr) {
    // Runs of zeros are where texts differ.
    byte = static_cast<unsigned char>(number(random, 3) == 0 ? random() : 0);
  }
  if (number(random, 4) == 0) fields.sin6_scope_id = static_cast<std::uint32_t>(random());
  if (number(random, 8) == 0) {
    std::memset(&fields.sin6_addr, 0, 10);
    std::memset(fields.sin6_addr.s6_addr + 10, 0xff, 2);
  }
  return native(fields);
}

/// An address of any family that has a text, from a small space now and then so that equal ones occur.
Address generate(std::mt19937& random) {
  switch (number(random, 5)) {
    case 0: {
      ::sockaddr_in fields{};
      fields.sin_family = AF_INET;
      fields.sin_addr.s_addr = static_cast<std::uint32_t>(random());
      fields.sin_port = static_cast<::in_port_t>(random());
      return native(fields);
    }
    case 1: return any_ipv6(random);
    case 2: return Address::unix_path(bytes(random, 1 + number(random, 107), false)).value();
    case 3: return Address::unix_abstract(bytes(random, 1 + number(random, 107), true)).value();
    default: {
      const auto port = static_cast<std::uint16_t>(number(random, 3));
      return number(random, 2) == 0 ? Address::loopback_v4(port) : Address::any_v6(port);
    }
  }
}

}  // namespace

TEST_CASE("the usual texts are read") {
  const Address ipv4 = parsed("127.0.0.1:8000");
  CHECK(ipv4.family() == Family::ipv4);
  CHECK(ipv4.native_family() == AF_INET);
  CHECK(ipv4.port() == 8000);
  CHECK(ipv4.host() == "127.0.0.1");
  CHECK(ipv4 == Address::loopback_v4(8000));

  const Address ipv6 = parsed("[::1]:8000");
  CHECK(ipv6.family() == Family::ipv6);
  CHECK(ipv6.host() == "::1");
  CHECK(ipv6 == Address::loopback_v6(8000));

  CHECK(parsed("[fe80::1%2]:80").scope_id() == 2);
  CHECK(parsed("[fe80::1%2]:80").host() == "fe80::1%2");
  CHECK(parsed("fe80::1%4294967295").scope_id() == 4294967295u);
  const Address path = parsed("unix:/run/x.sock");
  CHECK(path.family() == Family::unix_domain);
  CHECK(path.unix_name() == "/run/x.sock");
  const Address abstract = parsed("unix:@x");
  CHECK(abstract.is_unix_abstract());
  CHECK(abstract.unix_name() == "x");
}

TEST_CASE("the default port is used where the text has none") {
  CHECK(Address::parse("10.0.0.1", 80).value().port() == 80);
  CHECK(Address::parse("10.0.0.1:81", 80).value().port() == 81);
  CHECK(Address::parse("10.0.0.1:0", 80).value().port() == 0);
  CHECK(Address::parse("::1", 80).value() == Address::loopback_v6(80));
  CHECK(Address::parse("[::1]", 80).value() == Address::loopback_v6(80));
  CHECK(Address::parse("::1:8000", 80).value().host() == "::1:8000");  // no brackets, no port
  CHECK(parsed("::").port() == 0);
}

TEST_CASE("a scope may be the name of an interface that exists") {
  if (const std::uint32_t index = platform::interface_index("lo"); index != 0) {
    CHECK(parsed("[fe80::1%lo]:80").scope_id() == index);
  }
  CHECK(Address::parse("[fe80::1%no-such-if]:80").error() == Error::not_found);
}

TEST_CASE("rubbish is malformed") {
  for (const std::string_view text : {"",
                                      " ",
                                      ":",
                                      "::1::",
                                      ":80",
                                      "80",
                                      "localhost",
                                      "localhost:80",
                                      "example.com:80",
                                      "*:80",
                                      "127.0.0.1:",
                                      " 127.0.0.1:80",
                                      "127.0.0.1:80 ",
                                      "127.0.0.1:80\n",
                                      "127.0.0.1 :80",
                                      "127.0.0.1:+80",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:99999999999999999999",
                                      "127.0.0.1:080",
                                      "127.0.0.1:8x",
                                      "127.0.0.1:0x50",
                                      "127.0.0.01:80",
                                      "0177.0.0.1:80",
                                      "0x7f.0.0.1:80",
                                      "127.1:80",
                                      "127.0.0.1.:80",
                                      "127.0.0.256:80",
                                      "1.2.3.4.5:80",
                                      "[127.0.0.1]:80",
                                      "[]:80",
                                      "[]",
                                      "[",
                                      "]",
                                      "[::1",
                                      "::1]",
                                      "[::1]80",
                                      "[::1]:",
                                      "[::1] :80",
                                      "[::1]:65536",
                                      "[[::1]]:80",
                                      "[::1]x",
                                      "[::1]::80",
                                      "[::1%]:80",
                                      "[::1%01]:80",
                                      "[::1%4294967296]:80",
                                      "127.0.0.1%1:80",
                                      "127.0.0.1%1",
                                      "::g",
                                      "12345::",
                                      "tcp://127.0.0.1:80",
                                      "unix:",
                                      "unix:@",
                                      "Unix:/x",
                                      "unix",
                                      "unix:/x\n",
                                      "unix:/%",
                                      "unix:/%4",
                                      "unix:/%4g",
                                      "unix:/%00",
                                      "unix:/\x1b[2J"}) {
    CAPTURE(text);
    CHECK(malformed(text));
  }
  CHECK(malformed(std::string_view("127.0.0.1:80\0", 13)));
  CHECK(malformed(std::string_view("127.0.0.1\0:80", 13)));
  CHECK(malformed(std::string_view("unix:/a\0b", 9)));
  CHECK(malformed(std::string(100'000, '1')));
  CHECK(malformed(std::string(100'000, ':')));
}

TEST_CASE("no rubbish is read as something that is written otherwise") {
  std::mt19937 random(20240601);
  constexpr std::string_view alphabet = "0123456789abf.:[]%@/uinx- \n\0";
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text = number(random, 4) == 0 ? "unix:" : number(random, 2) == 0 ? "[::1]:80" : "127.0.0.1:80";
    for (std::uint32_t changes = 1 + number(random, 3); changes > 0; --changes) {
      const std::size_t at = number(random, static_cast<std::uint32_t>(text.size() + 1));
      const char c = alphabet[number(random, static_cast<std::uint32_t>(alphabet.size()))];
      if (number(random, 2) == 0 || at == text.size()) {
        text.insert(at, 1, c);
      } else if (number(random, 2) == 0) {
        text[at] = c;
      } else {
        text.erase(at, 1);
      }
    }
    const Result<Address> address = Address::parse(text, 7);
    if (!address) continue;
    ++accepted;
    CAPTURE(text);
    if (parsed(address->to_string()) != *address) FAIL("does not read back: " << address->to_string());
  }
  CHECK(accepted > 1000);
}

TEST_CASE("what is written reads back equal") {
  std::mt19937 random(12345);
  for (int i = 0; i < 20'000; ++i) {
    const Address address = generate(random);
    const std::string text = address.to_string();
    CAPTURE(text);
    for (const char c : text) {
      if (c < ' ' || c > '~') FAIL("not printable");
    }
    const Result<Address> back = Address::parse(text, 9);
    if (!back || *back != address) FAIL("does not read back");
    const Result<Address> bytes = Address::from_native(address.native_data(), address.native_size());
    if (!bytes || *bytes != address) FAIL("native bytes do not read back");
  }
}

TEST_CASE("equality, order and hash agree") {
  std::mt19937 random(777);
  std::vector<Address> all{Address(), Address()};
  for (int i = 0; i < 150; ++i) all.push_back(generate(random));
  for (std::size_t i = 0; i < 60; ++i) all.push_back(all[i]);
  bool lawful = true;
  std::size_t equal_pairs = 0;
  for (const Address& a : all) {
    lawful = lawful && a == a;
    for (const Address& b : all) {
      const std::strong_ordering order = a <=> b;
      lawful = lawful && (order == 0) == (a == b) && (b <=> a) == (0 <=> order);
      if (a == b)
        lawful = lawful && std::hash<Address>{}(a) == std::hash<Address>{}(b) && a.to_string() == b.to_string();
      equal_pairs += a == b ? 1 : 0;
      for (const Address& c : all) lawful = lawful && !(a < b && b < c && !(a < c));
    }
  }
  CHECK(lawful);
  CHECK(equal_pairs > all.size());
  std::sort(all.begin(), all.end());
  CHECK(all.front().family() == Family::unspecified);
}

TEST_CASE("addresses that differ in one part only are different and hash apart") {
  std::unordered_set<std::size_t> hashes;
  std::vector<Address> all;
  for (std::uint16_t port = 0; port < 1000; ++port) {
    all.push_back(Address::loopback_v4(port));
    all.push_back(Address::loopback_v6(port));
    all.push_back(parsed("[::1%" + std::to_string(port + 1) + "]:0"));
    all.push_back(parsed("10.0." + std::to_string(port / 256) + "." + std::to_string(port % 256)));
    all.push_back(Address::unix_path("/tmp/" + std::to_string(port)).value());
    all.push_back(Address::unix_abstract("/tmp/" + std::to_string(port)).value());
  }
  for (const Address& address : all) hashes.insert(std::hash<Address>{}(address));
  CHECK(hashes.size() == all.size());
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("what does not matter does not count") {
  ::sockaddr_in padded{};
  padded.sin_family = AF_INET;
  padded.sin_port = htons(80);
  padded.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::memset(padded.sin_zero, 0xff, sizeof(padded.sin_zero));
  CHECK(native(padded) == Address::loopback_v4(80));
  CHECK(native(padded).hash() == Address::loopback_v4(80).hash());

  ::sockaddr_in6 labelled{};
  labelled.sin6_family = AF_INET6;
  labelled.sin6_port = htons(80);
  labelled.sin6_addr = in6addr_loopback;
  labelled.sin6_flowinfo = htonl(12345);
  CHECK(native(labelled) == Address::loopback_v6(80));
  CHECK(native(labelled).hash() == Address::loopback_v6(80).hash());

  ::sockaddr_un wide{};  // sized as a whole, as many programs pass it
  wide.sun_family = AF_UNIX;
  std::strcpy(wide.sun_path, "/tmp/x");
  CHECK(native(wide) == Address::unix_path("/tmp/x").value());
  CHECK(native(wide).hash() == Address::unix_path("/tmp/x").value().hash());
}

TEST_CASE("IPv6 is written as RFC 5952 has it, the same on every system") {
  const auto written = [](std::string_view text) { return parsed(text).host(); };
  CHECK(written("2001:0DB8:0:0:0:0:0:1") == "2001:db8::1");
  CHECK(written("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // one zero is not shortened
  CHECK(written("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");           // the longest run
  CHECK(written("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // the first of equals
  CHECK(written("1:0:0:0:0:0:0:0") == "1::");
  CHECK(written("0:0:0:0:0:0:0:0") == "::");
  CHECK(written("0:0:1:2:3:4:5:6") == "::1:2:3:4:5:6");
  CHECK(written("1:2:3:4:5:6:0:0") == "1:2:3:4:5:6::");
  CHECK(written("FFFF:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  CHECK(written("::ffff:c000:201") == "::ffff:192.0.2.1");
  CHECK(written("::192.0.2.1") == "::c000:201");
  CHECK(parsed("255.0.10.1").host() == "255.0.10.1");
}

TEST_CASE("special ranges") {
  for (const std::string_view text : {"127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1"}) {
    CAPTURE(text);
    CHECK(parsed(text).is_loopback());
    CHECK_FALSE(parsed(text).is_any());
  }
  for (const std::string_view text : {"0.0.0.0", "::", "::ffff:0.0.0.0"}) {
    CAPTURE(text);
    CHECK(parsed(text).is_any());
    CHECK_FALSE(parsed(text).is_loopback());
  }
  for (const std::string_view text : {"224.0.0.1", "239.255.77.77", "ff02::1", "::ffff:224.0.0.1"}) {
    CAPTURE(text);
    CHECK(parsed(text).is_multicast());
  }
  for (const std::string_view text :
       {"223.255.255.255", "240.0.0.0", "fe80::1", "128.0.0.1", "126.0.0.1", "::2", "1::"}) {
    CAPTURE(text);
    CHECK_FALSE(parsed(text).is_multicast());
    CHECK_FALSE(parsed(text).is_loopback());
    CHECK_FALSE(parsed(text).is_any());
  }
  const Address path = parsed("unix:/x");
  CHECK_FALSE((path.is_loopback() || path.is_any() || path.is_multicast() || path.is_v4_mapped() || path.is_ip()));
  CHECK(Address::any_v4(5).is_any());
  CHECK(Address::any_v6(5).is_any());
}

TEST_CASE("a mapped IPv4 address can be unmapped") {
  const Address mapped = parsed("[::ffff:192.0.2.1]:80");
  CHECK(mapped.is_v4_mapped());
  CHECK(mapped != parsed("192.0.2.1:80"));
  CHECK(mapped.unmapped() == parsed("192.0.2.1:80"));
  CHECK(parsed("[::1]:80").unmapped() == parsed("[::1]:80"));
  CHECK_FALSE(parsed("::192.0.2.1").is_v4_mapped());
}

TEST_CASE("with_port changes nothing but the port") {
  CHECK(parsed("10.0.0.1:1").with_port(65535).to_string() == "10.0.0.1:65535");
  CHECK(parsed("[fe80::1%3]:1").with_port(2).to_string() == "[fe80::1%3]:2");
  CHECK(parsed("unix:/x").with_port(2) == parsed("unix:/x"));
  CHECK(Address().with_port(2) == Address());
}

TEST_CASE("ip takes a bare address") {
  CHECK(Address::ip("10.0.0.1", 5).value().to_string() == "10.0.0.1:5");
  CHECK(Address::ip("::1", 5).value().to_string() == "[::1]:5");
  CHECK(Address::ip("fe80::1%7", 5).value().to_string() == "[fe80::1%7]:5");
  for (const std::string_view text : {"", "[::1]", "10.0.0.1:5", "unix:/x", "localhost"}) {
    CAPTURE(text);
    CHECK(Address::ip(text, 5).error() == Error::malformed);
  }
}

TEST_CASE("Unix names are taken byte for byte and bounded") {
  const std::string longest(107, 'p');
  const Address long_path = Address::unix_path(longest).value();
  CHECK(long_path.unix_name() == longest);
  const Address long_abstract = Address::unix_abstract(longest).value();
  CHECK(long_abstract.unix_name() == longest);
  CHECK(Address::unix_path(longest + "p").error() == Error::too_long);
  CHECK(Address::unix_abstract(longest + "p").error() == Error::too_long);
  CHECK(Address::parse("unix:" + longest + "p").error() == Error::too_long);
  CHECK(Address::parse("unix:@" + longest).value() == Address::unix_abstract(longest).value());
  CHECK(Address::unix_path("").error() == Error::malformed);
  CHECK(Address::unix_abstract("").error() == Error::malformed);
  CHECK(Address::unix_path(std::string_view("a\0b", 3)).error() == Error::malformed);

  const Address abstract = Address::unix_abstract(std::string_view("a\0b", 3)).value();
  CHECK(abstract.is_unix_abstract());
  CHECK(abstract.unix_name() == std::string_view("a\0b", 3));
  CHECK(abstract.to_string() == "unix:@a%00b");
  CHECK_FALSE(Address::unix_path("x").value().is_unix_abstract());
  CHECK(Address::unix_path("x").value() != Address::unix_abstract("x").value());
}

TEST_CASE("Unix names cannot control a terminal, and stay readable") {
  CHECK(Address::unix_path("/tmp/a b\\c").value().to_string() == "unix:/tmp/a b\\c");
  CHECK(Address::unix_path("\x1b[2J\r\n\x7f\xc2\x9b").value().to_string() == "unix:%1B[2J%0D%0A%7F%C2%9B");
  CHECK(Address::unix_path("100%41").value().to_string() == "unix:100%2541");
  CHECK(Address::unix_path("@x@").value().to_string() == "unix:%40x@");
  CHECK(parsed("unix:%40x").is_unix_abstract() == false);
  CHECK(Address::unix_abstract("@x").value().to_string() == "unix:@@x");
  CHECK(parsed("unix:/\xc3\xa9") == parsed("unix:/%c3%A9"));
}

TEST_CASE("an unnamed Unix address and no address") {
  const ::sa_family_t family = AF_UNIX;
  const Address unnamed = Address::from_native(&family, sizeof(family)).value();
  CHECK(unnamed.family() == Family::unix_domain);
  CHECK(unnamed.unix_name().empty());
  CHECK(unnamed.to_string() == "unix:");

  const Address none;
  CHECK(none.family() == Family::unspecified);
  CHECK(none.native_size() == 0);
  CHECK(none.native_family() == AF_UNSPEC);
  CHECK(none.to_string() == "unspecified");
  CHECK(none.host().empty());
  CHECK(none.unix_name().empty());
  CHECK(none == Address::from_native(nullptr, 0).value());
}

TEST_CASE("other families are carried as bytes") {
  unsigned char can[16] = {};
  const ::sa_family_t family = AF_CAN;
  std::memcpy(can, &family, sizeof(family));
  can[4] = 3;
  const Address address = native(can);
  CHECK(address.family() == Family::other);
  CHECK(address.native_family() == AF_CAN);
  CHECK(address.native_size() == sizeof(can));
  CHECK(std::memcmp(address.native_data(), can, sizeof(can)) == 0);
  CHECK(address.to_string() == "family 29: 1D000000030000000000000000000000");
  CHECK(address == native(can));
  can[4] = 4;
  CHECK(address < native(can));
  CHECK(address.port() == 0);
  CHECK(address.with_port(7) == address);
}

TEST_CASE("native bytes that do not make an address are refused") {
  const unsigned char bytes[200] = {};
  CHECK(Address::from_native(bytes, sizeof(bytes)).error() == Error::too_long);
  CHECK(Address::from_native(bytes, 1).error() == Error::malformed);
  const Address ipv4 = Address::loopback_v4(1);
  CHECK(Address::from_native(ipv4.native_data(), 15).error() == Error::malformed);
}

TEST_CASE("the system can write into an address") {
  const Address source = parsed("[fe80::1%2]:99");
  Address target = Address::loopback_v4(1);
  std::memcpy(target.native_buffer(), source.native_data(), source.native_size());
  target.set_native_size(source.native_size());
  CHECK(target == source);
  target.set_native_size(100'000);  // what recvfrom reports when it had to cut
  CHECK(target.native_size() == Address::native_capacity);
  target.set_native_size(0);
  CHECK(target == Address());
}

TEST_CASE("text is appended without disturbing what is there") {
  std::string line = "from ";
  parsed("10.0.0.1:5").append_to(line);
  line += " to ";
  parsed("[::1]:6").append_to(line);
  CHECK(line == "from 10.0.0.1:5 to [::1]:6");
}
