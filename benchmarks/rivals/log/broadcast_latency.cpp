// SPDX-License-Identifier: BSL-1.0
// Broadcast as a bare log, the best raw form that we know: what the members of one turn of an epoll loop say is
// appended to one log in memory, and at the end of the turn each member that is behind gets one send of everything from
// its cursor to the head, its own messages left out. A turn's sending is cut after 2 ms and goes on in the next. Nothing is copied for a member, and in the steady state nothing is
// allocated. A member whose socket is full stays where it is until there is room.

#include "support/broadcast_wire.hpp"
#include "support/clock.hpp"
#include "support/die.hpp"
#include "support/line_splitter.hpp"
#include "support/servers.hpp"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kEventsPerWait = 1024;
constexpr std::size_t kReceiveBytes = 65'536;
constexpr std::size_t kLogBytes = 2 * bench::kMaxUnsentBytes;
constexpr std::size_t kSlicesPerSend = 64;
constexpr std::int64_t kFlush_ns = 2'000'000;
constexpr int kSendsPerClock = 32;
constexpr int kReadsPerTurn = 16;  // then the others have their turn
constexpr std::uint32_t kNone = ~std::uint32_t{0};

using Position = std::uint64_t;  // in bytes since the server's start

// A message that its sender has to skip, in a list of the sender's.
struct OwnRecord {
  Position begin;
  Position end;
  std::uint32_t next;
};

enum class State : std::uint8_t { nameless, ready, full, gone };

// What the flush looks at, apart from the rest to be dense in memory.
struct Cursor {
  Position at;  // means something once the member has a name
  int socket;
  State state;
  std::uint32_t first_own;  // the list of its records that it has not passed
  std::uint32_t last_own;
};

struct Session {
  std::string prefix;  // "<name> ", empty before the first line
  bench::LineSplitter lines;
};

// Bytes at positions, in one piece of address space. It starts over when nobody is behind, so that a log that is kept
// up with stays in the caches; else what all have passed is given up when the space is used up.
class Log {
 public:
  Log()
      : memory_{static_cast<char*>(
            ::mmap(nullptr, kLogBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))} {
    if (memory_ == MAP_FAILED) bench::die_errno("log: cannot map the log");
  }

  Position head() const { return head_; }
  bool has_room(std::size_t bytes) const { return head_ + bytes - base_ <= kLogBytes; }
  char* at(Position position) { return memory_ + (position - base_); }

  void append(std::string_view bytes) {
    std::memcpy(at(head_), bytes.data(), bytes.size());
    head_ += bytes.size();
  }

  /// Gives up what is before `oldest`, the least of all cursors.
  void forget(Position oldest) {
    const std::size_t kept = static_cast<std::size_t>(head_ - oldest);
    if (kept > bench::kMaxUnsentBytes) bench::die("log: a member is too far behind");
    if (kept != 0) std::memmove(memory_, at(oldest), kept);
    base_ = oldest;
  }

 private:
  char* memory_;
  Position base_ = 0;  // the position of the first byte
  Position head_ = 0;
};

class BroadcastLoop {
 public:
  explicit BroadcastLoop(int listener) : listener_{listener}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {}

  int run() {
    if (!watch(EPOLL_CTL_ADD, listener_, EPOLLIN, kNone)) return 1;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events_, kEventsPerWait, is_behind_ ? 0 : -1);
      if (count < 0 && errno != EINTR) return 1;
      for (int i = 0; i < count; ++i) {
        const std::uint32_t index = events_[i].data.u32;
        if (index == kNone) {
          if (!accept_one()) return 1;
        } else {
          take_event(index, events_[i].events);
        }
      }
      flush();
    }
  }

 private:
  // Edge-triggered for both, so that no call is needed when a socket is full and when it no longer is.
  static constexpr std::uint32_t kInterest = EPOLLIN | EPOLLOUT | EPOLLET;

  bool watch(int operation, int socket, std::uint32_t interest, std::uint32_t index) const {
    epoll_event event{};
    event.events = interest;
    event.data.u32 = index;
    return ::epoll_ctl(epoll_, operation, socket, &event) == 0;
  }

  bool accept_one() {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    const auto index = static_cast<std::uint32_t>(cursors_.size());
    cursors_.push_back({0, socket, State::nameless, kNone, kNone});
    sessions_.emplace_back();
    return watch(EPOLL_CTL_ADD, socket, kInterest, index);
  }

  void take_event(std::uint32_t index, std::uint32_t ready) {
    Cursor& cursor = cursors_[index];
    if ((ready & EPOLLOUT) != 0 && cursor.state == State::full) {
      cursor.state = State::ready;
      is_behind_ = true;
    }
    if ((ready & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive(index);
  }

  void receive(std::uint32_t index) {
    for (int reads = 0; reads < kReadsPerTurn; ++reads) {
      const ssize_t got = ::recv(cursors_[index].socket, buffer_, sizeof buffer_, 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return leave(index);
      if (!sessions_[index].lines.feed({buffer_, static_cast<std::size_t>(got)}, bench::kMaxTextBytes,
                                       [&](std::string_view line) { take_line(index, line); }))
        return leave(index);
      if (static_cast<std::size_t>(got) < sizeof buffer_) return;
    }
    watch(EPOLL_CTL_MOD, cursors_[index].socket, kInterest, index);  // reports again what is left
  }

  void take_line(std::uint32_t index, std::string_view line) {
    std::string& prefix = sessions_[index].prefix;
    if (prefix.empty()) {
      prefix.append("<").append(line).append("> ");
      cursors_[index].at = log_.head();
      cursors_[index].state = State::ready;
      return;
    }
    const std::size_t bytes = prefix.size() + line.size() + 1;
    if (!log_.has_room(bytes)) log_.forget(oldest());
    const Position begin = log_.head();
    log_.append(prefix);
    log_.append(line);
    log_.append("\n");
    add_own(cursors_[index], begin, begin + bytes);
    is_behind_ = true;
  }

  // What is said next to its last one makes that longer.
  void add_own(Cursor& cursor, Position begin, Position end) {
    if (cursor.last_own != kNone && own_[cursor.last_own].end == begin) {
      own_[cursor.last_own].end = end;
      return;
    }
    std::uint32_t added = free_own_;
    if (added == kNone) {
      added = static_cast<std::uint32_t>(own_.size());
      own_.push_back({begin, end, kNone});
    } else {
      free_own_ = own_[added].next;
      own_[added] = {begin, end, kNone};
    }
    (cursor.last_own == kNone ? cursor.first_own : own_[cursor.last_own].next) = added;
    cursor.last_own = added;
  }

  void drop_first_own(Cursor& cursor) {
    const std::uint32_t dropped = cursor.first_own;
    cursor.first_own = own_[dropped].next;
    if (cursor.first_own == kNone) cursor.last_own = kNone;
    own_[dropped].next = free_own_;
    free_own_ = dropped;
  }

  // Stops after a while, so that what was said meanwhile goes along with the rest for those whose turn is still to come.
  void flush() {
    if (!is_behind_) return;
    const std::int64_t stop_at_ns = bench::now_ns() + kFlush_ns;
    int sends = 0;
    for (std::size_t visited = 0; visited < cursors_.size(); ++visited) {
      const std::uint32_t index = next_;
      next_ = next_ + 1 == cursors_.size() ? 0 : next_ + 1;
      Cursor& cursor = cursors_[index];
      if (cursor.state != State::ready || cursor.at == log_.head()) continue;
      if (!advance(cursor)) leave(index);
      if (++sends % kSendsPerClock == 0 && bench::now_ns() > stop_at_ns) return;
    }
    is_behind_ = false;
    if (oldest() == log_.head()) log_.forget(log_.head());
  }

  static bool is_member(const Cursor& cursor) { return cursor.state == State::ready || cursor.state == State::full; }

  // Sends what the member has not got. False where its connection is broken.
  bool advance(Cursor& cursor) {
    for (;;) {
      iovec slices[kSlicesPerSend];
      std::size_t total = 0;
      const std::size_t count = collect(cursor, slices, total);
      if (count == 0) return true;
      const ssize_t sent = count == 1 ? ::send(cursor.socket, slices[0].iov_base, total, MSG_NOSIGNAL)
                                      : send_slices(cursor.socket, slices, count);
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent > 0) pass(cursor, static_cast<std::size_t>(sent));
      if (sent < static_cast<ssize_t>(total)) {
        cursor.state = State::full;  // until EPOLLOUT
        return true;
      }
    }
  }

  static ssize_t send_slices(int socket, iovec* slices, std::size_t count) {
    msghdr message{};
    message.msg_iov = slices;
    message.msg_iovlen = count;
    return ::sendmsg(socket, &message, MSG_NOSIGNAL);
  }

  // The slices between the cursor and the head without the member's own records; moves the cursor past those that it
  // stands before.
  std::size_t collect(Cursor& cursor, iovec* slices, std::size_t& total) {
    while (cursor.first_own != kNone && own_[cursor.first_own].begin == cursor.at) {
      cursor.at = own_[cursor.first_own].end;
      drop_first_own(cursor);
    }
    Position from = cursor.at;
    std::size_t count = 0;
    for (std::uint32_t own = cursor.first_own; from != log_.head() && count < kSlicesPerSend;) {
      const Position end = own == kNone ? log_.head() : own_[own].begin;
      slices[count++] = {log_.at(from), static_cast<std::size_t>(end - from)};
      total += static_cast<std::size_t>(end - from);
      from = end;
      if (own == kNone) continue;
      from = own_[own].end;
      own = own_[own].next;
    }
    return count;
  }

  void pass(Cursor& cursor, std::size_t sent) {
    while (cursor.first_own != kNone && own_[cursor.first_own].begin - cursor.at <= sent) {
      sent -= static_cast<std::size_t>(own_[cursor.first_own].begin - cursor.at);
      cursor.at = own_[cursor.first_own].end;
      drop_first_own(cursor);
    }
    cursor.at += sent;
  }

  Position oldest() const {
    Position least = log_.head();
    for (const Cursor& cursor : cursors_)
      if (is_member(cursor)) least = std::min(least, cursor.at);
    return least;
  }

  // Its place is not used again: members of this scenario do not come and go.
  void leave(std::uint32_t index) {
    Cursor& cursor = cursors_[index];
    ::close(cursor.socket);
    while (cursor.first_own != kNone) drop_first_own(cursor);
    cursor.state = State::gone;
  }

  int listener_;
  int epoll_;
  bool is_behind_ = false;  // somebody may be, who could take something
  std::uint32_t next_ = 0;  // where the flush goes on
  Log log_;
  std::vector<Cursor> cursors_;
  std::vector<Session> sessions_;
  std::vector<OwnRecord> own_;
  std::uint32_t free_own_ = kNone;  // a list of places in own_
  epoll_event events_[kEventsPerWait];
  char buffer_[kReceiveBytes];
};

int serve(int listener) {
  const auto loop = std::make_unique<BroadcastLoop>(listener);
  return loop->run();
}

const bench::Server registered{"log", serve};

}  // namespace
