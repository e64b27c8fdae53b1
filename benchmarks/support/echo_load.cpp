// SPDX-License-Identifier: BSL-1.0
#include "support/echo_load.hpp"

#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/sockets.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace bench {
namespace {

constexpr int kEventsPerWait = 512;
constexpr double kPatience_s = 30;
epoll_event events[kEventsPerWait];

double now_s() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

EchoLoad::EchoLoad(std::uint16_t port, Options options)
    : options_{options},
      epoll_{must(::epoll_create1(EPOLL_CLOEXEC), "cannot make an epoll instance")},
      spins_{cpu_count() > 1},
      out_(options.message_bytes, 'x'),
      in_(options.message_bytes + 1) {
  for (std::size_t i = 0; i < options.connections; ++i) {
    const int socket = connect_to(port);
    must(::fcntl(socket, F_SETFL, O_NONBLOCK), "cannot make a socket non-blocking");
    connections_.push_back({socket, 0, 0, 0});
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLET;
    interest.data.u32 = static_cast<std::uint32_t>(i);
    must(::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &interest), "cannot watch a socket");
    idle_.push_back(static_cast<std::uint32_t>(i));
  }
  run(options.connections, nullptr);
}

EchoLoad::~EchoLoad() {
  for (const Connection& connection : connections_) ::close(connection.socket);
  ::close(epoll_);
}

void EchoLoad::start(std::uint32_t index) {
  Connection& connection = connections_[index];
  connection.received_bytes = 0;
  connection.number = next_number_++;
  connection.sent_at_s = now_s();
  std::memcpy(out_.data(), &connection.number, sizeof connection.number);
  if (::send(connection.socket, out_.data(), out_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out_.size()))
    die_errno("cannot send a message whole");
}

// True once the whole answer is there.
bool EchoLoad::receive(std::uint32_t index) {
  Connection& connection = connections_[index];
  // One byte more is asked for than is due, so that a server that answers too much is found out.
  const std::size_t due = options_.message_bytes - connection.received_bytes;
  const ssize_t got = ::recv(connection.socket, in_.data() + connection.received_bytes, due + 1, 0);
  if (got < 0 && errno == EAGAIN) return false;
  if (got < 0) die_errno("cannot receive");
  if (got == 0) die("the server has closed a connection");
  if (static_cast<std::size_t>(got) > due) die("the server has answered more than it was sent");
  const bool is_first = connection.received_bytes == 0;
  connection.received_bytes += static_cast<std::size_t>(got);
  if (connection.received_bytes < options_.message_bytes) return false;
  // An answer in pieces shares in_ with others and is only counted; one in a piece is compared.
  if (is_first && (std::memcmp(in_.data(), &connection.number, sizeof connection.number) != 0 ||
                   std::memcmp(in_.data() + 8, out_.data() + 8, out_.size() - 8) != 0))
    die("the server has answered something else than it was sent");
  return true;
}

// Spins where the load has a processor of its own, so that the server's sends never pay for waking it.
int EchoLoad::wait() {
  double give_up_at_s = 0;
  for (std::uint32_t empty = 0;; ++empty) {
    const int count = ::epoll_wait(epoll_, events, kEventsPerWait, spins_ ? 0 : 1000);
    if (count > 0) return count;
    if (count < 0 && errno != EINTR) die_errno("cannot wait");
    if (spins_ && empty % 1024 != 0) continue;
    if (give_up_at_s == 0) give_up_at_s = now_s() + kPatience_s;
    if (now_s() > give_up_at_s) die("the server has not answered for 30 s");
  }
}

void EchoLoad::run(std::uint64_t round_trips, std::vector<double>* latencies_s) {
  std::uint64_t started = 0;
  for (; started < round_trips && started < options_.in_flight; ++started) {
    start(idle_[idle_head_]);
    idle_head_ = (idle_head_ + 1) % idle_.size();
  }
  std::size_t idle_tail = (idle_head_ + idle_.size() - started) % idle_.size();
  for (std::uint64_t done = 0; done < round_trips;) {
    const int count = wait();
    for (int i = 0; i < count; ++i) {
      const std::uint32_t index = events[i].data.u32;
      if (!receive(index)) continue;
      ++done;
      if (latencies_s != nullptr) latencies_s->push_back(now_s() - connections_[index].sent_at_s);
      idle_[idle_tail] = index;  // the ring is full again once all have come back
      idle_tail = (idle_tail + 1) % idle_.size();
      if (started == round_trips) continue;
      ++started;
      start(idle_[idle_head_]);
      idle_head_ = (idle_head_ + 1) % idle_.size();
    }
  }
}

}  // namespace bench
