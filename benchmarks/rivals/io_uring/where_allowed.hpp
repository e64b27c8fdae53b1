// SPDX-License-Identifier: BSL-1.0
#pragma once
// Registers a bare io_uring loop as "io_uring" where this machine allows io_uring, which containers often do not.

#include "support/servers.hpp"

#include <parley/platform/io_uring.hpp>

#include <optional>

namespace bench {

class WhereIoUringIsAllowed {
 public:
  explicit WhereIoUringIsAllowed(Server::Serve serve) {
    parley::platform::uring::Ring ring;
    if (ring.open(8, 16) == 0)
      server_.emplace("io_uring", serve);
    else
      leave_out("io_uring", kNoIoUring);
  }

 private:
  std::optional<Server> server_;
};

}  // namespace bench
