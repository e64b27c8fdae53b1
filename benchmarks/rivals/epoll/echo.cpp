// SPDX-License-Identifier: BSL-1.0
// Echo as a bare edge-triggered epoll loop: one buffer for all connections, recv until it comes up short, one send for
// each recv, one registration for each connection. State is kept for a connection only while a send of it came up
// short.

#include "support/servers.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace {

constexpr int kEventsPerWait = 512;
constexpr int kReadsPerTurn = 16;  // then the others have their turn

class EchoLoop {
 public:
  explicit EchoLoop(int listener) : listener_{listener}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {}

  int run() {
    if (!watch(EPOLL_CTL_ADD, listener_, EPOLLIN)) return 1;
    epoll_event events[kEventsPerWait];
    for (;;) {
      const int count = ::epoll_wait(epoll_, events, kEventsPerWait, -1);
      if (count < 0 && errno != EINTR) return 1;
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_) {
          if (!accept_one()) return 1;
        } else {
          echo(events[i].data.fd, events[i].events);
        }
      }
    }
  }

 private:
  static constexpr std::uint32_t kInterest = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

  bool watch(int operation, int socket, std::uint32_t interest) const {
    epoll_event event{};
    event.events = interest;
    event.data.fd = socket;
    return ::epoll_ctl(epoll_, operation, socket, &event) == 0;
  }

  // The listener is level-triggered: one a turn is enough.
  bool accept_one() const {
    const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    return watch(EPOLL_CTL_ADD, peer, kInterest);
  }

  void echo(int peer, std::uint32_t ready) {
    bool readable = (ready & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
    if (!unsent_.empty() && unsent_.count(peer) != 0) {
      if (!flush(peer)) return;
      readable = true;  // what arrived meanwhile had its edge while we did not read
    }
    if (!readable) return;
    const bool hung_up = (ready & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    for (int reads = 0; reads < kReadsPerTurn; ++reads) {
      const ssize_t got = ::recv(peer, buffer_, sizeof buffer_, 0);
      if (got <= 0) {
        if (got == 0 || errno != EAGAIN) close(peer);
        return;
      }
      if (!send(peer, static_cast<std::size_t>(got))) return;
      if (static_cast<std::size_t>(got) < sizeof buffer_ && !hung_up) return;
    }
    watch(EPOLL_CTL_MOD, peer, kInterest);  // reports again what is left
  }

  // False where nothing more may be read for now: the send came up short, or the connection is closed.
  bool send(int peer, std::size_t bytes) {
    const ssize_t sent = ::send(peer, buffer_, bytes, MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes)) return true;
    if (sent < 0 && errno != EAGAIN) {
      close(peer);
      return false;
    }
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    unsent_[peer].assign(buffer_ + done, bytes - done);
    return false;
  }

  // Sends what an earlier send left over. True where nothing is left and the connection is open.
  bool flush(int peer) {
    const auto found = unsent_.find(peer);
    const ssize_t sent = ::send(peer, found->second.data(), found->second.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
      close(peer);
      return false;
    }
    if (sent > 0) found->second.erase(0, static_cast<std::size_t>(sent));
    if (!found->second.empty()) return false;
    unsent_.erase(found);
    return true;
  }

  void close(int peer) {
    unsent_.erase(peer);
    ::close(peer);
  }

  int listener_;
  int epoll_;
  std::unordered_map<int, std::string> unsent_;  // at most one buffer a connection
  char buffer_[bench::kEchoBufferBytes];
};

int serve(int listener) {
  EchoLoop loop{listener};
  return loop.run();
}

const bench::Server registered{"epoll", serve};

}  // namespace
