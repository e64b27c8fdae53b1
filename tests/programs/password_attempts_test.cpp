// SPDX-License-Identifier: BSL-1.0
// How many wrong passwords may come from one address.

#include "../../examples/tcp_chat/password_attempts.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>

using namespace tcp_chat;
using namespace std::chrono_literals;

namespace {

constexpr parley::TimePoint start{1h};

void guess(PasswordAttempts& attempts, const std::string& peer, int times, parley::TimePoint now = start) {
  while (times-- > 0) attempts.note_wrong(peer, now);
}

}  // namespace

TEST_CASE("an address has three attempts, whatever the port, and three more when the last is ten minutes ago") {
  PasswordAttempts attempts;
  guess(attempts, "192.0.2.1:1000", 2);
  CHECK(attempts.may_try("192.0.2.1:1001", start));
  guess(attempts, "192.0.2.1:1001", 1, start + 5min);
  CHECK_FALSE(attempts.may_try("192.0.2.1:1002", start + 5min));
  CHECK(attempts.may_try("192.0.2.2:1000", start + 5min));
  CHECK_FALSE(attempts.may_try("192.0.2.1:1000", start + 15min - 1s));
  CHECK(attempts.may_try("192.0.2.1:1000", start + 15min));
  CHECK(attempts.size() == 0);
  guess(attempts, "192.0.2.1:1000", 3, start + 15min);
  CHECK_FALSE(attempts.may_try("192.0.2.1:1000", start + 15min));
}

TEST_CASE("what counts as one address when passwords are tried") {
  PasswordAttempts attempts;
  guess(attempts, "[2001:db8:1:2::7]:1000", 3);
  CHECK_FALSE(attempts.may_try("[2001:db8:1:2:ffff::1]:1000", start));  // one network's
  CHECK(attempts.may_try("[2001:db8:1:3::7]:1000", start));
  guess(attempts, "192.0.2.1:1000", 3);
  CHECK_FALSE(attempts.may_try("[::ffff:192.0.2.1]:1000", start));
  guess(attempts, "unix:", 3);
  for (const std::string local : {"unix:", "unix:/tmp/x", "unknown", ""}) {
    INFO(local);
    CHECK_FALSE(attempts.may_try(local, start));
  }
}

TEST_CASE("while many addresses have tried passwords, all others count as one, and nobody is forgotten") {
  PasswordAttempts attempts;
  guess(attempts, "192.0.2.1:1", 3);
  std::size_t allowed = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string peer = "10.0." + std::to_string(i / 250) + '.' + std::to_string(i % 250) + ":1";
    allowed += attempts.may_try(peer, start);
    guess(attempts, peer, 1);
  }
  CHECK(allowed == PasswordAttempts::most_addresses - 1 + PasswordAttempts::most_wrong);
  CHECK(attempts.size() == PasswordAttempts::most_addresses + 1);
  CHECK_FALSE(attempts.may_try("192.0.2.1:1", start));
  CHECK_FALSE(attempts.may_try("192.0.2.2:1", start));
  CHECK(attempts.may_try("10.0.0.0:1", start));  // has a place of its own, and two attempts left
  CHECK(attempts.may_try("192.0.2.2:1", start + 10min));
}
