// SPDX-License-Identifier: BSL-1.0
#pragma once
// How a load waits for its sockets. It spins where it has a processor of its own, so that the server's sends never pay
// for waking it.

#include <sys/epoll.h>

#include <cstdint>
#include <span>

namespace bench {

class LoadPoll {
 public:
  LoadPoll();
  ~LoadPoll();
  LoadPoll(const LoadPoll&) = delete;
  LoadPoll& operator=(const LoadPoll&) = delete;

  /// Reports `interest` (EPOLLIN, EPOLLOUT), edge-triggered, with `index` as data.u32. Failures end the process.
  void watch(int socket, std::uint32_t index, std::uint32_t interest);

  /// What has happened, at most 512 events; empty where nothing has for `patience_s`. Valid until the next call.
  std::span<const epoll_event> wait(double patience_s);

  /// What has happened already; empty where nothing has.
  std::span<const epoll_event> poll() { return take(0); }

 private:
  static constexpr int kEventsPerWait = 512;

  std::span<const epoll_event> take(int timeout_ms);

  int epoll_;
  bool spins_;
  epoll_event events_[kEventsPerWait];
};

}  // namespace bench
