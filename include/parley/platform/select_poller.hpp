// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which pollers this system has, and how one is chosen: by name, else by the environment variable PARLEY_POLLER, else
// the one that is best in most cases.

#include <parley/platform/epoll_poller.hpp>
#include <parley/platform/io_uring_poller.hpp>
#include <parley/platform/owned.hpp>

#include <cstdlib>
#include <string_view>

namespace parley::inline PARLEY_ABI {

/// automatic: what PARLEY_POLLER names, else epoll.
/// io_uring:  Linux 5.10 and later. Where it is not allowed (by /proc/sys/kernel/io_uring_disabled or a sandbox), the
///            loop does not run and says so (EPERM, ENOSYS), as for everything that is asked for by name. It saves most
///            where a message goes to many members of a chat room. From 6.1 on the kernel accepts before it is
///            asked to, for listeners, and receives, for streams that were accepted and are read in small pieces:
///            buffers of up to 16 KiB, of which less than 4 KiB come at once. While nobody takes them it goes on up to
///            16 KiB or 64 connections, and what comes at once comes on top: 128 KiB, or the backlog. Each connection
///            takes a descriptor, of as many as the process might have when accepting began; a child that is forked has
///            its own of those that came ahead.
enum class PollerKind { automatic, epoll, io_uring };

namespace platform {

/// Null where the kind is unknown or this system does not have it.
inline Owned<Poller> make_poller(PollerKind kind) {
  if (kind == PollerKind::automatic) {
    const char* wanted = std::getenv("PARLEY_POLLER");
    const std::string_view name = wanted == nullptr ? "" : wanted;
    if (!name.empty() && name != "epoll" && name != "io_uring") return {};
    if (name == "io_uring") kind = PollerKind::io_uring;
  }
#if PARLEY_OS_LINUX
  if (kind == PollerKind::io_uring) return Owned<Poller>(new IoUringPoller);
  return Owned<Poller>(new EpollPoller);
#else
  return {};
#endif
}

}  // namespace platform

}  // namespace parley::inline PARLEY_ABI
