// SPDX-License-Identifier: BSL-1.0
#include "lossy_relay.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace support {
namespace {

using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;

void check(bool done, const char* what) {
  if (!done) throw std::system_error(errno, std::system_category(), what);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) { check(number >= 0, "socket"); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  check(::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1, "inet_pton");
  return address;
}

template <class Value>
void set(int socket, int level, int name, const Value& value, const char* what) {
  check(::setsockopt(socket, level, name, &value, sizeof value) == 0, what);
}

Descriptor udp_socket() { return Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

void bind_to(int socket, const sockaddr_in& address) {
  check(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
}

std::uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  return ntohs(address.sin_port);
}

Descriptor socket_on_loopback() {
  Descriptor socket = udp_socket();
  bind_to(socket.get(), address_of("127.0.0.1", 0));
  return socket;
}

Descriptor socket_in_group(const std::string& group, std::uint16_t port) {
  Descriptor socket = udp_socket();
  const sockaddr_in address = address_of(group, port);
  set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  bind_to(socket.get(), address);
  const ip_mreq membership{address.sin_addr, address_of("127.0.0.1", 0).sin_addr};
  set(socket.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, membership, "IP_ADD_MEMBERSHIP");
  return socket;
}

}  // namespace

class LossyRelay::Work {
 public:
  explicit Work(LossyPathOptions options) : options_(options) {
    std::array<int, 2> ends{};
    check(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe");
    over_.emplace_back(ends[0]);
    over_.emplace_back(ends[1]);
  }
  ~Work() {
    over_.pop_back();
    if (thread_.joinable()) thread_.join();
  }

  void relay_to(std::uint16_t target) {
    target_ = target;
    ends_.push_back({socket_on_loopback(), nullptr, 0});
    port_ = port_of(ends_.front().socket.get());
    thread_ = std::thread([this] { run(); });
  }

  void relay_between(const TwoGroups& groups) {
    sender_.push_back(socket_on_loopback());
    const int sender = sender_.front().get();
    set(sender, IPPROTO_IP, IP_MULTICAST_IF, address_of("127.0.0.1", 0).sin_addr, "IP_MULTICAST_IF");
    Line& to_one = add_line(sender, address_of(groups.one, groups.port));
    Line& to_other = add_line(sender, address_of(groups.other, groups.port));
    ends_.push_back({socket_in_group(groups.one, groups.port), &to_other, 0});
    ends_.push_back({socket_in_group(groups.other, groups.port), &to_one, 0});
    thread_ = std::thread([this] { run(); });
  }

  void relay_between_peers() {
    ends_.push_back({socket_on_loopback(), nullptr, 0});
    ends_.push_back({socket_on_loopback(), nullptr, 0});
    End &one = ends_.front(), &other = ends_.back();
    one.onward = &add_line(other.socket.get(), {});
    other.onward = &add_line(one.socket.get(), {});
    one.back = other.onward;
    other.back = one.onward;
    port_ = port_of(one.socket.get());
    other_port_ = port_of(other.socket.get());
    thread_ = std::thread([this] { run(); });
  }

  std::uint16_t port() const { return port_; }
  std::uint16_t other_port() const { return other_port_; }

  LossyPath::Counters counters() const {
    const std::lock_guard lock(mutex_);
    LossyPath::Counters sum;
    for (const Line& line : lines_) {
      const auto& one = line.path.counters();
      sum.taken += one.taken;
      sum.bytes += one.bytes;
      sum.delivered += one.delivered;
      sum.dropped += one.dropped;
      sum.duplicated += one.duplicated;
      sum.reordered += one.reordered;
    }
    return sum;
  }

 private:
  static constexpr std::size_t most_ends = 65;

  // A direction: datagrams leave by this socket, for that address.
  struct Line {
    LossyPath path;
    int socket;
    sockaddr_in to;
  };
  // Where datagrams come in, and where they go from there; nothing: that depends on who sent them.
  struct End {
    Descriptor socket;
    Line* onward;
    std::uint16_t client;  // on whose behalf it speaks with the target
    Line* to_target = nullptr;
    Line* back = nullptr;  // between peers: what goes to whoever sends here
  };

  Line& add_line(int socket, const sockaddr_in& to) {
    LossyPathOptions options = options_;
    options.seed += lines_.size();
    return lines_.emplace_back(Line{LossyPath(options), socket, to});
  }

  void run() {
    for (;;) {
      std::vector<pollfd> polled{{over_.front().get(), POLLIN, 0}};
      for (const End& end : ends_) polled.push_back({end.socket.get(), POLLIN, 0});
      wait(polled);
      if (polled[0].revents != 0) return;
      const std::lock_guard lock(mutex_);
      auto end = ends_.begin();
      for (std::size_t i = 1; i < polled.size(); ++i, ++end)
        if (polled[i].revents != 0) receive(*end);
      const auto now = Clock::now();
      for (Line& line : lines_)
        while (const auto datagram = line.path.pop(now))
          if (line.to.sin_port != 0)
            ::sendto(line.socket, datagram->data(), datagram->size(), 0, reinterpret_cast<const sockaddr*>(&line.to),
                     sizeof line.to);
    }
  }

  // To the next arrival, and no longer than a second.
  void wait(std::vector<pollfd>& polled) const {
    auto due = Clock::time_point::max();
    for (const Line& line : lines_) due = std::min(due, line.path.due());
    const bool is_idle = due == Clock::time_point::max();
    const std::chrono::nanoseconds second = std::chrono::seconds(1);
    const auto left = is_idle ? second : std::clamp(due - Clock::now(), 0 * second, second - 1ns);
    const timespec limit{0, static_cast<long>(left.count())};
    ::ppoll(polled.data(), polled.size(), is_idle ? nullptr : &limit, nullptr);
  }

  void receive(End& end) {
    std::array<char, 65536> buffer;
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto count =
          ::recvfrom(end.socket.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (count < 0 && errno == ECONNREFUSED) continue;
      if (count < 0) return;
      const bool is_own = !sender_.empty() && from.sin_port == htons(port_of(sender_.front().get()));
      Line* const onward = end.onward != nullptr ? end.onward : line_to_target(from);
      if (is_own || onward == nullptr) continue;
      if (end.back != nullptr) end.back->to = from;
      onward->path.push(std::string(buffer.data(), static_cast<std::size_t>(count)), Clock::now());
    }
  }

  Line* line_to_target(const sockaddr_in& client) {
    for (End& end : ends_)
      if (end.client == client.sin_port && end.to_target != nullptr) return end.to_target;
    if (ends_.size() == most_ends) return nullptr;
    Line& back = add_line(ends_.front().socket.get(), client);
    End& end = ends_.emplace_back(End{socket_on_loopback(), &back, client.sin_port});
    end.to_target = &add_line(end.socket.get(), address_of("127.0.0.1", target_));
    return end.to_target;
  }

  const LossyPathOptions options_;
  std::vector<Descriptor> over_;  // a pipe, whose second end is closed when it is over
  std::vector<Descriptor> sender_;
  std::uint16_t port_ = 0, other_port_ = 0, target_ = 0;
  mutable std::mutex mutex_;
  std::list<Line> lines_;
  std::list<End> ends_;
  std::thread thread_;
};

LossyRelay::LossyRelay(std::uint16_t target, LossyPathOptions options) : work_(std::make_unique<Work>(options)) {
  work_->relay_to(target);
}
LossyRelay::LossyRelay(const TwoGroups& groups, LossyPathOptions options) : work_(std::make_unique<Work>(options)) {
  work_->relay_between(groups);
}
LossyRelay::LossyRelay(TwoPeers, LossyPathOptions options) : work_(std::make_unique<Work>(options)) {
  work_->relay_between_peers();
}
LossyRelay::~LossyRelay() = default;

std::uint16_t LossyRelay::port() const { return work_->port(); }
std::uint16_t LossyRelay::other_port() const { return work_->other_port(); }
LossyPath::Counters LossyRelay::counters() const { return work_->counters(); }

}  // namespace support
