// SPDX-License-Identifier: BSL-1.0
#pragma once

// The poller of Linux: epoll(7), edge-triggered, each descriptor registered once for both directions.

#include <parley/platform/config.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/reactor.hpp>
#include <parley/platform/waker.hpp>

#include <errno.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <climits>

namespace parley::inline PARLEY_ABI::platform {

class EpollPoller final : public Reactor {
 public:
  const char* name() const noexcept override { return "epoll"; }

  int open() noexcept override {
    if (epoll_) return 0;
    if (const int error = waker_.open()) return error;
    NativeHandle epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return errno;
    // Edge-triggered: every wake() is a new edge, so the counter never has to be read back.
    if (const int error = add(epoll.get(), waker_.handle(), EPOLLIN | EPOLLET, nullptr)) return error;
    epoll_ = std::move(epoll);
    return 0;
  }

  int submit(Request& request, Direction direction, WaitsFor) noexcept override {
    Pollable& pollable = *request.pollable;
    if (!pollable.registered) {
      const int error =
          add(epoll_.get(), pollable.handle.get(), EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, &pollable);
      if (error != 0) return error;
      pollable.registered = true;
      // Registration reports what is ready already, so from here on "not ready" means that an edge will come.
      pollable.clear_ready(direction);
    }
    pollable.set_waiting(direction, &request);
    return 0;
  }

  // Closing alone is not enough: a duplicate of the descriptor in another process would keep it registered.
  void forget(Pollable& pollable) noexcept override {
    if (!pollable.registered) return;
    ::epoll_event unused{};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, pollable.handle.get(), &unused);
    pollable.registered = false;
    pollable.maybe_readable = pollable.maybe_writable = true;
  }

  int wait(Duration timeout, Finished& finished) noexcept override {
    const int count =
        ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), milliseconds(timeout));
    if (count < 0) return errno == EINTR ? 0 : errno;
    for (int i = 0; i < count; ++i) dispatch(events_[static_cast<std::size_t>(i)], finished);
    return 0;
  }

  void wake() noexcept override { waker_.wake(); }

 private:
  static int add(NativeSocket epoll, NativeSocket handle, std::uint32_t events, void* pointer) noexcept {
    ::epoll_event event{};
    event.events = events;
    event.data.ptr = pointer;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, handle, &event) < 0 ? errno : 0;
  }

  // Rounded up: a wait that ends a moment too early would be followed by a busy turn.
  static int milliseconds(Duration timeout) noexcept {
    if (timeout == Duration::max()) return -1;
    if (timeout <= Duration::zero()) return 0;
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    return static_cast<int>(std::min<long long>(rounded, INT_MAX));
  }

  static void dispatch(const ::epoll_event& event, Finished& finished) noexcept {
    if (event.data.ptr == nullptr) return;  // the waker
    tell(*static_cast<Pollable*>(event.data.ptr), event.events, finished);
  }

  NativeHandle epoll_;
  Waker waker_;
  std::array<::epoll_event, Finished::capacity / 2> events_;
};

}  // namespace parley::inline PARLEY_ABI::platform

#endif
