// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the pollers of Linux have in common: they tell of readiness, in the events of epoll(7), which poll(2) shares.

#include <parley/platform/config.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/poller.hpp>

#include <sys/epoll.h>

#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

class Reactor : public Poller {
 public:
  bool cancel(Request& request, Direction direction) noexcept final {
    if (request.pollable->waiting(direction) == &request) request.pollable->set_waiting(direction, nullptr);
    return true;
  }

 protected:
  static void tell(Pollable& pollable, std::uint32_t events, Finished& finished) noexcept {
    constexpr std::uint32_t ended = EPOLLHUP | EPOLLRDHUP | EPOLLERR;
    // A read also stops short at TCP's urgent mark, with more behind it.
    if ((events & (EPOLLHUP | EPOLLRDHUP | EPOLLPRI)) != 0) pollable.no_more_edges = true;
    if ((events & (EPOLLIN | ended)) != 0) ready(pollable, Direction::read, finished);
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) ready(pollable, Direction::write, finished);
  }

 private:
  static void ready(Pollable& pollable, Direction direction, Finished& finished) noexcept {
    pollable.set_ready(direction);
    finished.add(pollable.waiting(direction));
    pollable.set_waiting(direction, nullptr);
  }
};

}  // namespace parley::inline PARLEY_ABI::platform

#endif
