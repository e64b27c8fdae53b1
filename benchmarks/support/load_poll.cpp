// SPDX-License-Identifier: BSL-1.0
#include "support/load_poll.hpp"

#include "support/clock.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace bench {

LoadPoll::LoadPoll()
    : epoll_{must(::epoll_create1(EPOLL_CLOEXEC), "cannot make an epoll instance")}, spins_{cpu_count() > 1} {}

LoadPoll::~LoadPoll() { ::close(epoll_); }

void LoadPoll::watch(int socket, std::uint32_t index, std::uint32_t interest) {
  epoll_event event{};
  event.events = interest | EPOLLET;
  event.data.u32 = index;
  must(::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event), "cannot watch a socket");
}

std::span<const epoll_event> LoadPoll::take(int timeout_ms) {
  const int count = ::epoll_wait(epoll_, events_, kEventsPerWait, timeout_ms);
  if (count < 0 && errno != EINTR) die_errno("cannot wait");
  return {events_, static_cast<std::size_t>(count < 0 ? 0 : count)};
}

std::span<const epoll_event> LoadPoll::wait(double patience_s) {
  double give_up_at_s = 0;
  for (std::uint32_t empty = 0;; ++empty) {
    const std::span<const epoll_event> events = take(spins_ ? 0 : 1000);
    if (!events.empty()) return events;
    if (spins_ && empty % 1024 != 0) continue;
    if (give_up_at_s == 0) give_up_at_s = now_s() + patience_s;
    if (now_s() > give_up_at_s) return {};
  }
}

}  // namespace bench
