// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which pollers this system has, and how one is chosen: by name, else by the environment variable PARLEY_POLLER, else
// the system's best.

#include <parley/platform/epoll_poller.hpp>
#include <parley/platform/io_uring_poller.hpp>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace parley::inline PARLEY_ABI {

enum class PollerKind { automatic, epoll, io_uring };

namespace platform {

/// Null where the kind is unknown or this system does not have it.
inline std::unique_ptr<Poller> make_poller(PollerKind kind) {
  if (kind == PollerKind::automatic) {
    const char* wanted = std::getenv("PARLEY_POLLER");
    const std::string_view name = wanted == nullptr ? "" : wanted;
    if (!name.empty() && name != "epoll" && name != "io_uring") return nullptr;
    if (name == "io_uring") kind = PollerKind::io_uring;
  }
#if PARLEY_OS_LINUX
  if (kind == PollerKind::io_uring) return std::make_unique<IoUringPoller>();
  return std::make_unique<EpollPoller>();
#else
  return nullptr;
#endif
}

}  // namespace platform

}  // namespace parley::inline PARLEY_ABI
