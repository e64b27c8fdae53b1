// SPDX-License-Identifier: BSL-1.0
// Broadcast as a bare epoll loop: a line is read, and a send made for each other member at once. Only what a send did
// not take is copied, and goes out when the socket has room again.

#include "support/broadcast_wire.hpp"
#include "support/line_splitter.hpp"
#include "support/servers.hpp"
#include "support/unsent.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kEventsPerWait = 512;
constexpr std::size_t kReceiveBytes = 65'536;

struct Member {
  int socket;
  std::size_t index;   // among the members
  std::string prefix;  // "<name> ", empty before the first line
  bench::LineSplitter lines;
  bench::Unsent unsent;
};

class BroadcastLoop {
 public:
  explicit BroadcastLoop(int listener) : listener_{listener}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {}

  int run() {
    if (!watch(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr)) return 1;
    epoll_event events[kEventsPerWait];
    for (;;) {
      const int count = ::epoll_wait(epoll_, events, kEventsPerWait, -1);
      if (count < 0 && errno != EINTR) return 1;
      for (int i = 0; i < count; ++i) {
        auto* member = static_cast<Member*>(events[i].data.ptr);
        if (member == nullptr) {
          if (!accept_one()) return 1;
        } else if (!serve(*member, events[i].events)) {
          leave(*member);
        }
      }
    }
  }

 private:
  bool watch(int operation, int socket, std::uint32_t interest, Member* member) const {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = member;
    return ::epoll_ctl(epoll_, operation, socket, &event) == 0;
  }

  bool accept_one() {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    members_.push_back(std::make_unique<Member>(Member{socket, members_.size(), {}, {}, {}}));
    return watch(EPOLL_CTL_ADD, socket, EPOLLIN, members_.back().get());
  }

  // False where the member has gone.
  bool serve(Member& member, std::uint32_t ready) {
    if ((ready & EPOLLOUT) != 0 && !send_unsent(member)) return false;
    if ((ready & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return true;
    const ssize_t got = ::recv(member.socket, buffer_, sizeof buffer_, 0);
    if (got < 0) return errno == EAGAIN;
    return got > 0 && member.lines.feed({buffer_, static_cast<std::size_t>(got)}, bench::kMaxTextBytes,
                                        [&](std::string_view line) { take_line(member, line); });
  }

  void take_line(Member& from, std::string_view line) {
    if (from.prefix.empty()) {
      from.prefix.append("<").append(line).append("> ");
      return;
    }
    record_.assign(from.prefix).append(line).push_back('\n');
    for (const std::unique_ptr<Member>& member : members_)
      if (member.get() != &from && !member->prefix.empty()) send(*member);
  }

  // A send that fails is left to the next receive, which fails too.
  void send(Member& member) {
    std::size_t done = 0;
    if (member.unsent.empty()) {
      const ssize_t sent = ::send(member.socket, record_.data(), record_.size(), MSG_NOSIGNAL);
      if (sent == static_cast<ssize_t>(record_.size()) || (sent < 0 && errno != EAGAIN)) return;
      if (sent > 0) done = static_cast<std::size_t>(sent);
      watch(EPOLL_CTL_MOD, member.socket, EPOLLIN | EPOLLOUT, &member);
    }
    member.unsent.keep(record_, done);
  }

  bool send_unsent(Member& member) {
    if (!member.unsent.send_to(member.socket)) return false;
    return !member.unsent.empty() || watch(EPOLL_CTL_MOD, member.socket, EPOLLIN, &member);
  }

  void leave(Member& member) {
    ::close(member.socket);
    const std::size_t index = member.index;
    members_[index].swap(members_.back());
    members_[index]->index = index;
    members_.pop_back();
  }

  int listener_;
  int epoll_;
  std::vector<std::unique_ptr<Member>> members_;
  std::string record_;
  char buffer_[kReceiveBytes];
};

int serve(int listener) {
  const auto loop = std::make_unique<BroadcastLoop>(listener);
  return loop->run();
}

const bench::Server registered{"epoll", serve};

}  // namespace
