// SPDX-License-Identifier: BSL-1.0
// The smallest echo server as a bare epoll loop: system calls and nothing else, which is the least a program can be.
// What a client does not take at once is lost to it.

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>

int main() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(7000);
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 128) != 0 ||
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
    return 1;
  while (::epoll_wait(epoll, &event, 1, -1) == 1) {
    const int ready = event.data.fd;
    if (ready == listener) {
      event.data.fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
      continue;
    }
    char buffer[4096];
    const ssize_t got = ::recv(ready, buffer, sizeof buffer, 0);
    if (got <= 0 || ::send(ready, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) ::close(ready);
  }
  return 1;
}
