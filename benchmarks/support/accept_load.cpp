// SPDX-License-Identifier: BSL-1.0
#include "support/accept_load.hpp"

#include "support/accept_scenario.hpp"
#include "support/clock.hpp"
#include "support/die.hpp"
#include "support/sockets.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace bench {
namespace {

constexpr double kPatience_s = 30;

}  // namespace

AcceptLoad::AcceptLoad(std::uint16_t port, std::size_t in_flight) : port_{port}, visits_(in_flight, {-1, 0, 0}) {}

AcceptLoad::~AcceptLoad() {
  for (const Visit& visit : visits_)
    if (visit.socket >= 0) ::close(visit.socket);
}

void AcceptLoad::begin(std::uint32_t index) {
  const double now = now_s();
  visits_[index] = {connect_to(port_), 0, now};
  poll_.watch(visits_[index].socket, index, EPOLLIN | EPOLLRDHUP);
}

// True once the server has closed it.
bool AcceptLoad::receive(Visit& visit) const {
  for (;;) {
    char text[2 * kGreeting.size()];
    const ssize_t got = ::recv(visit.socket, text, sizeof text, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return false;
    if (got < 0) die_errno("cannot receive a greeting");
    if (got == 0) break;
    const std::string_view part{text, static_cast<std::size_t>(got)};
    if (kGreeting.substr(visit.received_bytes, part.size()) != part) die("the server has sent another greeting");
    visit.received_bytes += part.size();
  }
  if (visit.received_bytes != kGreeting.size()) die("the server has closed before its greeting was out");
  ::close(visit.socket);
  visit.socket = -1;
  return true;
}

void AcceptLoad::run(std::uint64_t connections, std::vector<double>* latencies_s) {
  std::uint64_t begun = 0;
  for (std::uint32_t index = 0; index < visits_.size() && begun < connections; ++index, ++begun) begin(index);
  for (std::uint64_t done = 0; done < connections;) {
    const auto events = poll_.wait(kPatience_s);
    if (events.empty()) die("the server has not closed a connection for 30 s");
    for (const epoll_event& event : events) {
      Visit& visit = visits_[event.data.u32];
      if (visit.socket < 0 || !receive(visit)) continue;
      ++done;
      if (latencies_s != nullptr) latencies_s->push_back(now_s() - visit.began_s);
      if (begun == connections) continue;
      ++begun;
      begin(event.data.u32);
    }
  }
}

}  // namespace bench
