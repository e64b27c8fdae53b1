// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/name_lookup.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace parley::platform;
using parley::Error;

namespace {
LookupHints numeric() {
  LookupHints hints;
  hints.numeric_host = true;
  hints.numeric_service = true;
  return hints;
}
}  // namespace

TEST_CASE("a numeric host and port are turned into one address") {
  std::vector<NativeAddress> found;
  REQUIRE_FALSE(look_up("192.0.2.1", "8000", numeric(), found));
  REQUIRE(found.size() == 1);
  REQUIRE(is_ipv4(found[0]));
  CHECK(read_ipv4(found[0]).address[3] == 1);
  CHECK(read_ipv4(found[0]).port == 8000);
  REQUIRE_FALSE(look_up("2001:db8::1", "", numeric(), found));
  REQUIRE(found.size() == 1);
  REQUIRE(is_ipv6(found[0]));
  CHECK(read_ipv6(found[0]).port == 0);
}

TEST_CASE("an address is listed once, whatever the socket types") {
  LookupHints hints = numeric();
  hints.type = 0;
  std::vector<NativeAddress> found;
  REQUIRE_FALSE(look_up("192.0.2.1", "1", hints, found));
  CHECK(found.size() == 1);
}

TEST_CASE("an empty host is this machine: loopback, or every interface when passive") {
  LookupHints hints = numeric();
  hints.family = family_ipv4;
  std::vector<NativeAddress> found;
  REQUIRE_FALSE(look_up("", "80", hints, found));
  REQUIRE(found.size() == 1);
  CHECK(read_ipv4(found[0]).address[0] == 127);
  hints.passive = true;
  REQUIRE_FALSE(look_up("", "80", hints, found));
  REQUIRE(found.size() == 1);
  CHECK(read_ipv4(found[0]).address[0] == 0);
}

TEST_CASE("what has no address is not_found, and former results are gone") {
  std::vector<NativeAddress> found(3);
  CHECK(look_up("a-name.invalid", "80", numeric(), found) == Error::not_found);
  CHECK(found.empty());
  CHECK(look_up("", "", LookupHints{}, found) == Error::not_found);
  LookupHints wants_ipv6 = numeric();
  wants_ipv6.family = family_ipv6;
  CHECK(look_up("127.0.0.1", "80", wants_ipv6, found) == Error::not_found);
}

TEST_CASE("localhost is found without a name server") {
  std::vector<NativeAddress> found;
  REQUIRE_FALSE(look_up("localhost", "80", LookupHints{}, found));
  CHECK(!found.empty());
  CHECK(found.size() <= max_lookup_addresses);
}

TEST_CASE("a name that the resolver must not see is refused") {
  std::vector<NativeAddress> found;
  CHECK(look_up(std::string(max_lookup_name + 1, 'a'), "80", LookupHints{}, found) == Error::too_long);
  CHECK(look_up("a", std::string(max_lookup_name + 1, '1'), LookupHints{}, found) == Error::too_long);
  CHECK(look_up(std::string_view("127.0.0.1\0.example", 18), "80", LookupHints{}, found) == Error::malformed);
}

TEST_CASE("every resolver error says what happened") {
  CHECK_FALSE(resolve_error(0, 5));
  CHECK(resolve_error(EAI_SYSTEM, EMFILE) == std::errc::too_many_files_open);
  CHECK(resolve_error(EAI_SYSTEM, 0));  // an error even though errno does not tell which
  CHECK(resolve_error(EAI_MEMORY, 0) == std::errc::not_enough_memory);
  CHECK(resolve_error(EAI_NONAME, 0) == Error::not_found);
#if defined(EAI_NODATA)
  CHECK(resolve_error(EAI_NODATA, 0) == Error::not_found);
#endif
  const std::error_code again = resolve_error(EAI_AGAIN, 0);
  CHECK(again == std::errc::resource_unavailable_try_again);
  CHECK(std::string(again.category().name()) == "resolve");
  CHECK(again.message() == ::gai_strerror(EAI_AGAIN));
  CHECK(resolve_error(EAI_FAIL, 0) != Error::not_found);
}
