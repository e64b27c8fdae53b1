// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/select_poller.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"

#include <errno.h>
#include <stdlib.h>

#include <optional>
#include <string>

using namespace parley;
using platform::make_poller;

namespace {

// Sets a variable of the environment, and puts back what it was.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) const {
    if (value == nullptr) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("the kind chooses, then the environment, then the system") {
  {
    const Environment none("PARLEY_POLLER", nullptr);
    REQUIRE(make_poller(PollerKind::automatic));
  }
  {
    const Environment empty("PARLEY_POLLER", "");
    REQUIRE(make_poller(PollerKind::automatic));
  }
  {
    const Environment named("PARLEY_POLLER", "epoll");
    CHECK(make_poller(PollerKind::automatic)->name() == std::string("epoll"));
    CHECK(make_poller(PollerKind::io_uring)->name() == std::string("io_uring"));
  }
  {
    const Environment named("PARLEY_POLLER", "io_uring");
    CHECK(make_poller(PollerKind::automatic)->name() == std::string("io_uring"));
    CHECK(make_poller(PollerKind::epoll)->name() == std::string("epoll"));
  }
  const Environment unknown("PARLEY_POLLER", "abacus");
  CHECK(make_poller(PollerKind::automatic) == nullptr);
  CHECK(make_poller(PollerKind::epoll)->name() == std::string("epoll"));
}

TEST_CASE("where io_uring is forbidden, who asked for it is told, and nobody else") {
  const Environment none("PARLEY_POLLER", nullptr);
  support::Faults faults;
  for (const int error : {EPERM, ENOSYS}) {
    faults.fail_always("io_uring_setup", error);
    CHECK(make_poller(PollerKind::io_uring)->open() == error);
    CHECK(make_poller(PollerKind::automatic)->open() == 0);
  }
}
