// SPDX-License-Identifier: BSL-1.0
#pragma once
// Registers parley's own server of a scenario: as "parley" on the poller that is the default, and once more as
// "parley-io_uring" where the machine allows io_uring.

#include "support/servers.hpp"

#include <parley/platform/select_poller.hpp>

#include <optional>

namespace bench {

template <int (*ServeOn)(parley::PollerKind, int)>
class ParleyServers {
 public:
  ParleyServers() : by_default_("parley", serve<parley::PollerKind::automatic>) {
    const auto poller = parley::platform::make_poller(parley::PollerKind::io_uring);
    if (poller != nullptr && poller->open() == 0)
      on_io_uring_.emplace("parley-io_uring", serve<parley::PollerKind::io_uring>);
    else
      leave_out("parley-io_uring", kNoIoUring);
  }

 private:
  template <parley::PollerKind Kind>
  static int serve(int listen_fd) {
    return ServeOn(Kind, listen_fd);
  }

  Server by_default_;
  std::optional<Server> on_io_uring_;
};

}  // namespace bench
