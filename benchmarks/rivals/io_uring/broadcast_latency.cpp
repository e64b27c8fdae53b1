// SPDX-License-Identifier: BSL-1.0
// Broadcast as a bare io_uring loop, the best raw form that we know: a line is read, and sends to all other members are
// submitted in batches, each by one system call that also carries them out. Reading is by polls that complete many
// times, in a ring of their own so that nothing stands between the sends' completions. Only what a send did not take is
// copied, and goes out when the socket has room again. The rings are parley's header: system calls and shared memory.

#include "rivals/io_uring/where_allowed.hpp"
#include "support/broadcast_wire.hpp"
#include "support/die.hpp"
#include "support/line_splitter.hpp"
#include "support/unsent.hpp"

#include <parley/platform/io_uring.hpp>

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

namespace uring = parley::platform::uring;

constexpr std::uint32_t kSendsPerCall = 64;
constexpr std::uint32_t kEventsPerWait = 512;
constexpr std::size_t kReceiveBytes = 65'536;
constexpr std::uint32_t kInterest = EPOLLIN | EPOLLOUT | EPOLLRDHUP;  // edge-triggered, being many times

struct Member {
  int socket;
  std::size_t index;   // among the members
  std::string prefix;  // "<name> ", empty before the first line
  bench::LineSplitter lines;
  bench::Unsent unsent;
  bool gone;  // its poll has still to end
};

class BroadcastLoop {
 public:
  explicit BroadcastLoop(int listener) : listener_{listener} {}

  int run() {
    if (reads_.open(256, 16'384) != 0 || sends_.open(kSendsPerCall, 2 * kSendsPerCall) != 0) return 1;
    if (!reads_.polls_many_times()) return 1;
    watch(listener_, EPOLLIN, nullptr);
    for (;;) {
      if (reads_.enter(1, parley::Duration::max()) != 0) return 1;
      reads_.take(kEventsPerWait, [this](const uring::Completion& event) { take(event); });
    }
  }

 private:
  void watch(int socket, std::uint32_t interest, Member* member) {
    uring::Entry* entry = reads_.next();
    if (entry == nullptr) {
      if (reads_.enter(0, {}) != 0) bench::die("io_uring: cannot submit");
      entry = reads_.next();
    }
    entry->opcode = uring::poll_add;
    entry->handle = socket;
    entry->length = uring::poll_many_times;
    entry->operation_flags = interest;
    entry->tag = reinterpret_cast<std::uintptr_t>(member);
  }

  void take(const uring::Completion& event) {
    auto* member = reinterpret_cast<Member*>(static_cast<std::uintptr_t>(event.tag));
    const bool ended = (event.flags & uring::more_to_come) == 0;
    if (member == nullptr) {
      accept_all();
      if (ended) watch(listener_, EPOLLIN, nullptr);
    } else if (member->gone) {
      if (ended) delete member;
    } else if (!serve(*member, static_cast<std::uint32_t>(event.result))) {
      leave(*member, ended);
    } else if (ended) {
      watch(member->socket, kInterest, member);
    }
  }

  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      members_.push_back(new Member{socket, members_.size(), {}, {}, {}, false});
      watch(socket, kInterest, members_.back());
    }
  }

  // False where the member has gone.
  bool serve(Member& member, std::uint32_t ready) {
    if ((ready & EPOLLOUT) != 0 && !member.unsent.empty() && !member.unsent.send_to(member.socket)) return false;
    for (;;) {
      const ssize_t got = ::recv(member.socket, buffer_, sizeof buffer_, 0);
      if (got < 0) return errno == EAGAIN;
      const std::string_view bytes{buffer_, static_cast<std::size_t>(got)};
      if (got == 0 ||
          !member.lines.feed(bytes, bench::kMaxTextBytes, [&](std::string_view line) { take_line(member, line); }))
        return false;
      if (bytes.size() < sizeof buffer_ && (ready & (EPOLLRDHUP | EPOLLHUP)) == 0) return true;
    }
  }

  void take_line(Member& from, std::string_view line) {
    if (from.prefix.empty()) {
      from.prefix.append("<").append(line).append("> ");
      return;
    }
    record_.assign(from.prefix).append(line).push_back('\n');
    for (Member* member : members_) {
      if (member == &from || member->prefix.empty()) continue;
      if (member->unsent.empty())
        send(*member);
      else
        member->unsent.keep(record_, 0);
    }
    submit_sends();
  }

  void send(Member& member) {
    uring::Entry* entry = sends_.next();
    if (entry == nullptr) {
      submit_sends();
      entry = sends_.next();
    }
    entry->opcode = uring::send;
    entry->handle = member.socket;
    entry->address = reinterpret_cast<std::uintptr_t>(record_.data());
    entry->length = static_cast<std::uint32_t>(record_.size());
    entry->operation_flags = MSG_DONTWAIT | MSG_NOSIGNAL;  // what it cannot do at once comes back as EAGAIN
    entry->tag = reinterpret_cast<std::uintptr_t>(&member);
  }

  // A send that fails is left to the next receive, which fails too.
  void submit_sends() {
    std::uint32_t under_way = sends_.unsubmitted();
    while (under_way > 0) {
      if (sends_.enter(under_way, parley::Duration::max()) != 0) bench::die("io_uring: cannot send");
      under_way -= sends_.take(under_way, [this](const uring::Completion& sent) {
        auto& member = *reinterpret_cast<Member*>(static_cast<std::uintptr_t>(sent.tag));
        if (sent.result == static_cast<std::int32_t>(record_.size())) return;
        if (sent.result >= 0 || sent.result == -EAGAIN)
          member.unsent.keep(record_, sent.result > 0 ? static_cast<std::size_t>(sent.result) : 0);
      });
    }
  }

  void leave(Member& member, bool ended) {
    const std::size_t index = member.index;
    members_[index] = members_.back();
    members_[index]->index = index;
    members_.pop_back();
    ::shutdown(member.socket, SHUT_RDWR);  // the poll, which holds on to the socket, ends with it
    ::close(member.socket);
    member.gone = true;
    if (ended) delete &member;
  }

  int listener_;
  uring::Ring reads_;
  uring::Ring sends_;
  std::vector<Member*> members_;
  std::string record_;
  char buffer_[kReceiveBytes];
};

int serve(int listener) {
  const auto loop = std::make_unique<BroadcastLoop>(listener);
  return loop->run();
}

const bench::WhereIoUringIsAllowed registered{serve};

}  // namespace
