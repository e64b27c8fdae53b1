// SPDX-License-Identifier: BSL-1.0
#include "support/echo_load.hpp"

#include "support/clock.hpp"
#include "support/die.hpp"
#include "support/sockets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bench {
namespace {

constexpr double kPatience_s = 30;

}  // namespace

EchoLoad::EchoLoad(std::uint16_t port, Options options)
    : options_{options}, out_(options.message_bytes, 'x'), in_(options.message_bytes + 1) {
  for (std::size_t i = 0; i < options.connections; ++i) {
    const int socket = connect_to(port);
    must(::fcntl(socket, F_SETFL, O_NONBLOCK), "cannot make a socket non-blocking");
    connections_.push_back({socket, 0, 0, 0});
    poll_.watch(socket, static_cast<std::uint32_t>(i), EPOLLIN);
    idle_.push_back(static_cast<std::uint32_t>(i));
  }
  run(options.connections, nullptr);
}

EchoLoad::~EchoLoad() {
  for (const Connection& connection : connections_) ::close(connection.socket);
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

void EchoLoad::run(std::uint64_t round_trips, std::vector<double>* latencies_s) {
  std::uint64_t started = 0;
  for (; started < round_trips && started < options_.in_flight; ++started) {
    start(idle_[idle_head_]);
    idle_head_ = (idle_head_ + 1) % idle_.size();
  }
  std::size_t idle_tail = (idle_head_ + idle_.size() - started) % idle_.size();
  for (std::uint64_t done = 0; done < round_trips;) {
    const auto events = poll_.wait(kPatience_s);
    if (events.empty()) die("the server has not answered for 30 s");
    for (const epoll_event& event : events) {
      const std::uint32_t index = event.data.u32;
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
