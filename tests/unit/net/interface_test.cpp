// SPDX-License-Identifier: BSL-1.0
#include <parley/net/interface.hpp>

#include "support/catch.hpp"

using namespace parley;

TEST_CASE("an interface is named, numbered, or found by an address") {
  CHECK(Interface() == Interface(0));
  CHECK(Interface(3).index() == 3);
  CHECK(Interface::named("no such interface").error() == Error::not_found);
  CHECK(Interface::named("").error() == Error::not_found);
  const auto loopback = Interface::with_address(Address::loopback_v4(0)).value();
  CHECK(loopback.index() != 0);
  CHECK(Interface::with_address(Address::parse("[::ffff:127.0.0.1]:9").value()).value() == loopback);
  if (const auto named = Interface::named("lo")) CHECK(*named == loopback);
}

TEST_CASE("no address, or all addresses, name no interface in particular") {
  CHECK(Interface::with_address(Address()).value() == Interface());
  CHECK(Interface::with_address(Address::any_v4(80)).value() == Interface());
  CHECK(Interface::with_address(Address::any_v6(80)).value() == Interface());
}

TEST_CASE("a scope is an interface, an address of nobody is none") {
  CHECK(Interface::with_address(Address::parse("[fe80::1%7]:9").value()).value() == Interface(7));
  CHECK(Interface::with_address(Address::parse("203.0.113.99:1").value()).error() == Error::not_found);
  CHECK(Interface::with_address(Address::unix_path("/tmp/x").value()).error() == Error::not_found);
}
