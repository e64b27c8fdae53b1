// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/select_poller.hpp>

#include "support/catch.hpp"

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
  }
  const Environment unknown("PARLEY_POLLER", "abacus");
  CHECK(make_poller(PollerKind::automatic) == nullptr);
  CHECK(make_poller(PollerKind::epoll)->name() == std::string("epoll"));
}
