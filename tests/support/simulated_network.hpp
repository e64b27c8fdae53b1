// SPDX-License-Identifier: BSL-1.0
#pragma once

// A network under a virtual clock, with reliable endpoints on it: delay, loss, duplication, reordering, a bottleneck,
// all from a seed. For tests and benchmarks.

#include <parley/net/detail/reliable/endpoint.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simulated {

using namespace parley;
using namespace std::chrono_literals;
namespace reliable = parley::detail::reliable;

/// SplitMix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t operator()() noexcept { return parley::detail::mix(state_ += 0x9e3779b97f4a7c15u); }
  /// 0 or more, less than 1.
  double real() noexcept { return static_cast<double>((*this)() >> 11) * 0x1p-53; }
  bool chance(double probability) noexcept { return real() < probability; }
  std::uint64_t below(std::uint64_t limit) noexcept { return (*this)() % limit; }

 private:
  std::uint64_t state_;
};

/// One way.
struct Path {
  Duration delay = 30ms;
  Duration jitter = 5ms;  // either way, evenly
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;  // held back by this much more
  Duration held_back = 40ms;
};

/// Shared by all datagrams that go to it: first in, first out, what does not fit is dropped.
struct Bottleneck {
  double bytes_per_second = 0;  // 0: none
  std::size_t queue = 0;        // bytes
};

class Host;

class World {
 public:
  explicit World(std::uint64_t seed, const Path& with = {}) : random(seed), path(with) {}

  Random random;
  Path path;
  Bottleneck bottleneck;
  /// Sees each datagram before it is sent; false: it is lost.
  std::function<bool(const Host& from, const Address& to, const std::string& bytes)> filter;
  // Of all datagrams sent, lost ones too, without headers of UDP and IP.
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;
  std::uint64_t dropped = 0;

  TimePoint now() const noexcept { return now_; }
  void set_now(TimePoint time) noexcept { now_ = time; }

  void at(TimePoint time, std::function<void()> action) { events_.push({time, count_++, std::move(action)}); }
  void after(Duration time, std::function<void()> action) { at(now_ + time, std::move(action)); }

  void transmit(const Host& from, const Address& to, std::string datagram);
  /// Puts it on the path whatever the filter, as from this address.
  void inject(const Address& from, const Address& to, std::string datagram) { carry(from, to, std::move(datagram)); }

  void run_until(TimePoint end);
  void run_for(Duration time) { run_until(now_ + time); }
  /// Until the condition holds, at most so long. Whether it does.
  template <class Condition>
  bool run_while_not(Condition condition, Duration limit) {
    const TimePoint end = now_ + limit;
    while (!condition()) {
      if (!step(end)) return condition();
    }
    return true;
  }

 private:
  friend class Host;
  struct Event {
    TimePoint time;
    std::uint64_t number;
    std::function<void()> action;
    friend bool operator<(const Event& a, const Event& b) noexcept {
      return a.time != b.time ? a.time > b.time : a.number > b.number;
    }
  };

  bool step(TimePoint end);
  void carry(const Address& from, const Address& to, std::string datagram);
  void deliver_later(Duration delay, const Address& from, const Address& to, const std::string& datagram);

  TimePoint now_ = TimePoint(std::chrono::hours(1));
  TimePoint line_free_{};
  std::uint64_t count_ = 0;
  std::priority_queue<Event> events_;
  std::vector<Host*> hosts_;
};

class Host final : private reliable::EndpointEvents {
 public:
  Host(World& world, std::uint16_t port, bool accepts, const ReliableOptions& options = {}, std::uint64_t key = 0)
      : address(Address::loopback_v4(port)),
        endpoint(options, {key != 0 ? key : world.random(), world.random()}, accepts, *this),
        world_(world) {
    world.hosts_.push_back(this);
  }
  ~Host() { std::erase(world_.hosts_, this); }

  const Address address;
  reliable::Endpoint endpoint;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  /// Called after something has come.
  std::function<void()> on_change;

  /// What the program does with a connection comes to this.
  void flush(reliable::Peer* touched = nullptr) {
    if (touched != nullptr) endpoint.touch(*touched);
    char buffer[reliable::max_datagram];
    Address to;
    while (const std::size_t size = endpoint.write(buffer, to, world_.now())) {
      bytes_out += size;
      world_.transmit(*this, to, std::string(buffer, size));
    }
  }

  void receive(const std::string& datagram, const Address& from) {
    bytes_in += datagram.size();
    char reply[reliable::Endpoint::max_reply];
    const std::size_t size = endpoint.receive(ConstBytes(datagram), from, world_.now(), reply);
    if (size != 0) {
      bytes_out += size;
      world_.transmit(*this, from, std::string(reply, size));
    }
    if (on_change) on_change();
    flush();
  }

  reliable::Peer* connect(const Host& to) { return endpoint.connect(to.address, world_.now()).value(); }
  bool send(reliable::Peer& peer, std::string_view text, std::uint8_t channel = ordered(0)) {
    const auto sent = peer.connection->send(channel, text);
    flush(&peer);
    return static_cast<bool>(sent);
  }
  static std::uint8_t ordered(std::size_t n) { return reliable::channel_byte(reliable::Kind::ordered, n); }
  static std::uint8_t unordered(std::size_t n) { return reliable::channel_byte(reliable::Kind::unordered, n); }
  static std::uint8_t latest(std::size_t n) { return reliable::channel_byte(reliable::Kind::latest, n); }

 private:
  void changed(reliable::Peer&) noexcept override {}
  void incoming() noexcept override {}

  World& world_;
};

inline void World::transmit(const Host& from, const Address& to, std::string datagram) {
  ++datagrams;
  bytes += datagram.size();
  if (filter && !filter(from, to, datagram)) {
    ++dropped;
    return;
  }
  carry(from.address, to, std::move(datagram));
}

inline void World::carry(const Address& from, const Address& to, std::string datagram) {
  if (random.chance(path.loss)) {
    ++dropped;
    return;
  }
  Duration delay = path.delay;
  if (bottleneck.bytes_per_second != 0) {
    const double free = std::chrono::duration<double>(std::max(line_free_ - now_, Duration::zero())).count();
    if (free * bottleneck.bytes_per_second > static_cast<double>(bottleneck.queue)) {
      ++dropped;
      return;
    }
    line_free_ =
        std::max(line_free_, now_) +
        to_duration(std::chrono::duration<double>(static_cast<double>(datagram.size()) / bottleneck.bytes_per_second));
    delay += line_free_ - now_;
  }
  deliver_later(delay, from, to, datagram);
  if (random.chance(path.duplicate)) deliver_later(delay, from, to, datagram);
}

inline void World::deliver_later(Duration delay, const Address& from, const Address& to, const std::string& datagram) {
  delay += Duration(static_cast<Duration::rep>((2 * random.real() - 1) * static_cast<double>(path.jitter.count())));
  if (random.chance(path.reorder)) delay += path.held_back;
  after(delay, [this, from, to, datagram] {
    for (Host* host : hosts_) {
      if (host->address == to) return host->receive(datagram, from);
    }
  });
}

inline bool World::step(TimePoint end) {
  TimePoint next = events_.empty() ? TimePoint::max() : events_.top().time;
  Host* due = nullptr;
  for (Host* host : hosts_) {
    if (host->endpoint.due() < next) {
      next = host->endpoint.due();
      due = host;
    }
  }
  if (next > end) {
    now_ = std::max(now_, end);
    return false;
  }
  now_ = std::max(now_, next);
  if (due != nullptr) {
    due->flush();
    if (due->on_change) due->on_change();
    return true;
  }
  const auto action = events_.top().action;
  events_.pop();
  action();
  return true;
}

inline void World::run_until(TimePoint end) {
  while (step(end)) {
  }
}

/// Two hosts and the connection between them, made.
class Pair {
 public:
  Pair(World& world, const ReliableOptions& options = {}) : Pair(world, options, options) {}
  Pair(World& world, const ReliableOptions& client_options, const ReliableOptions& server_options)
      : server(world, 7000, true, server_options), client(world, 7001, false, client_options) {
    near = client.connect(server);
    client.flush(near);
    world.run_while_not(
        [&] {
          if (far == nullptr) far = server.endpoint.accept();
          return far != nullptr && near->connection != nullptr;
        },
        20s);
  }

  Host server;
  Host client;
  reliable::Peer* near = nullptr;  // the client's
  reliable::Peer* far = nullptr;   // the server's
};

inline std::string take_text(reliable::Peer& peer) {
  const auto message = peer.connection->pop();
  return std::string(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
}

}  // namespace simulated
