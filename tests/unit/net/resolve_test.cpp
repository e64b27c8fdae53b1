// SPDX-License-Identifier: BSL-1.0
#include <parley/net/resolve.hpp>

#include <parley/core/scope.hpp>
#include <parley/core/when_all.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"

#include <errno.h>

#include <optional>
#include <string>
#include <vector>

using namespace parley;
using namespace std::chrono_literals;
using support::Faults;

TEST_CASE("names and numbers become addresses with the port") {
  const auto numeric = resolve("127.0.0.1", 8000).wait().value();
  CHECK(numeric == std::vector<Address>{Address::loopback_v4(8000)});
  const auto ipv6 = resolve("::1", 8000).wait().value();
  CHECK(ipv6 == std::vector<Address>{Address::loopback_v6(8000)});
  const auto this_machine = resolve("localhost", 53).wait().value();
  REQUIRE_FALSE(this_machine.empty());
  for (const Address& address : this_machine) {
    CHECK(address.is_loopback());
    CHECK(address.port() == 53);
  }
  const auto nobody = resolve("", 9).wait().value();
  REQUIRE_FALSE(nobody.empty());
  for (const Address& address : nobody) CHECK(address.is_loopback());
}

TEST_CASE("names are looked up beside each other, on a loop") {
  const auto go = []() -> Task<> {
    const auto [a, b] = co_await when_all(resolve("localhost", 1), resolve("127.0.0.1", 2));
    CHECK(a);
    CHECK(b.value().front().port() == 2);
  };
  support::run(go());
}

TEST_CASE("a name that cannot be is an error") {
  CHECK_FALSE(resolve("no such name", 1).within(30s).wait());
  CHECK_FALSE(resolve("no-such-host.invalid", 1).within(30s).wait());
  CHECK(resolve(std::string(5000, 'x'), 1).wait().error() == Error::too_long);
  CHECK(resolve(std::string("nul\0byte", 8), 1).wait().error() == Error::malformed);
}

TEST_CASE("the resolver's own failure is passed on") {
  Faults faults(Faults::Threads::all);
  faults.fail_call("getaddrinfo", 1, EMFILE);
  CHECK(resolve("localhost", 1).wait().error() == std::errc::too_many_files_open);
}

TEST_CASE("giving up does not wait for the resolver") {
  StopSource source;
  source.request_stop();
  CHECK(resolve("localhost", 1).stop(source.token()).wait().error() == Error::cancelled);
  for (int turns = 0; turns < 3; ++turns) {
    EventLoop loop;
    std::optional<Scope> scope(std::in_place);
    const auto look = []() -> Task<> { static_cast<void>(co_await resolve("localhost", 1)); };
    const auto begin = [&]() -> Task<> {
      for (int i = 0; i < 20; ++i) scope->spawn(look());
      co_return;
    };
    loop.run(begin()).value();
    for (int i = 0; i < turns; ++i) loop.turn().value();
    scope.reset();  // the frames are gone while the pool is at work for them
    loop.turn().value();
  }
  support::finish_pool_work();
}
