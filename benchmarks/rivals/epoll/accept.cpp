// SPDX-License-Identifier: BSL-1.0
// Connections that come and go as a bare epoll loop: what waits is accepted until none is left, greeted by one send,
// and closed. The greeting always fits into a new socket's buffer.

#include "support/accept_scenario.hpp"
#include "support/servers.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace {

int serve(int listener) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) return 1;
  for (;;) {
    if (::epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR) return 1;
    int peer = 0;
    while ((peer = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      ::send(peer, bench::kGreeting.data(), bench::kGreeting.size(), MSG_NOSIGNAL);
      ::close(peer);
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return 1;
  }
}

const bench::Server registered{"epoll", serve};

}  // namespace
