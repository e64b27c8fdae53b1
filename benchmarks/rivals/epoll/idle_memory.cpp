// SPDX-License-Identifier: BSL-1.0
// The floor: a bare level-triggered epoll loop that keeps something for a connection only while half a line is there.

#include "support/servers.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace {

constexpr int kEventsPerWait = 512;

class LineLoop {
 public:
  explicit LineLoop(int listener) : listener_{listener}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {}

  int run() {
    if (!watch(listener_)) return 1;
    epoll_event events[kEventsPerWait];
    for (;;) {
      const int count = ::epoll_wait(epoll_, events, kEventsPerWait, -1);
      if (count < 0 && errno != EINTR) return 1;
      for (int i = 0; i < count; ++i) {
        const int ready = events[i].data.fd;
        if (ready == listener_ ? !accept_one() : !answer(ready)) return 1;
      }
    }
  }

 private:
  bool watch(int socket) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) == 0;
  }

  bool accept_one() const {
    const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    return watch(peer);
  }

  // Sockets block here: one that takes no answers would hold up all, which the clients of this scenario never do.
  bool answer(int peer) {
    const ssize_t got = ::recv(peer, buffer_, sizeof buffer_, 0);
    if (got <= 0) return close(peer);
    std::string text;
    if (const auto found = halves_.find(peer); found != halves_.end()) {
      text.swap(found->second);
      halves_.erase(found);
    }
    text.append(buffer_, static_cast<std::size_t>(got));
    const std::size_t whole = text.rfind('\n') + 1;  // 0 where there is no line feed
    if (whole != 0 && ::send(peer, text.data(), whole, MSG_NOSIGNAL) != static_cast<ssize_t>(whole)) return close(peer);
    text.erase(0, whole);
    if (text.size() > bench::kMaxLineBytes) return close(peer);
    if (!text.empty()) halves_.emplace(peer, text);
    return true;
  }

  bool close(int peer) {
    halves_.erase(peer);
    return ::close(peer) == 0;
  }

  int listener_;
  int epoll_;
  std::unordered_map<int, std::string> halves_;
  char buffer_[bench::kMaxLineBytes];
};

int serve(int listener) {
  LineLoop loop{listener};
  return loop.run();
}

const bench::Server registered{"epoll", serve};

}  // namespace
