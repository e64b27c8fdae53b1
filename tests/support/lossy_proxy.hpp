// SPDX-License-Identifier: BSL-1.0
#pragma once

// A UDP proxy on loopback that loses, repeats and swaps datagrams, from a seed: what stands between two programs when
// the kernel has no netem.

#include <parley/core/scope.hpp>
#include <parley/core/task.hpp>
#include <parley/net/udp_socket.hpp>

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace test {

struct LossyProxyOptions {
  double loss = 0;
  double duplicate = 0;
  double swap = 0;  // held back until the next one
  unsigned seed = 1;
};

/// Clients send to address(), which stands for the server. Its tasks run in the scope, on its loop.
class LossyProxy {
 public:
  LossyProxy(parley::Scope& scope, const parley::Address& server, const LossyProxyOptions& options)
      : scope_(scope),
        server_(server),
        options_(options),
        random_(options.seed),
        front_(parley::UdpSocket::bind(parley::Address::loopback_v4(0)).value()) {
    scope_.spawn(forward_up());
  }

  parley::Address address() const { return front_.local_address().value(); }
  /// Everything is lost while this is set.
  void set_blocked(bool blocked) noexcept { blocked_ = blocked; }
  /// So are the next ones, that many.
  void lose_next(int count) noexcept { losing_ = count; }
  int forwarded() const noexcept { return forwarded_; }

 private:
  struct Client {
    parley::Address address;
    parley::UdpSocket back;
    std::string held_up;
    std::string held_down;
  };

  parley::Task<> forward_up() {
    std::string buffer(2048, '\0');
    for (;;) {
      const auto got = co_await front_.recv_from(buffer);
      if (!got) {
        if (got.error() == parley::Error::cancelled) co_return;
        continue;
      }
      Client& client = client_of(got->from);
      const std::string datagram = buffer.substr(0, got->bytes);
      for (const std::string& one : passed(datagram, client.held_up)) {
        static_cast<void>(co_await client.back.send_to(one, server_));
      }
    }
  }

  parley::Task<> forward_down(Client& client) {
    std::string buffer(2048, '\0');
    for (;;) {
      const auto got = co_await client.back.recv_from(buffer);
      if (!got) {
        if (got.error() == parley::Error::cancelled) co_return;
        continue;
      }
      const std::string datagram = buffer.substr(0, got->bytes);
      for (const std::string& one : passed(datagram, client.held_down)) {
        static_cast<void>(co_await front_.send_to(one, client.address));
      }
    }
  }

  Client& client_of(const parley::Address& address) {
    for (const auto& client : clients_) {
      if (client->address == address) return *client;
    }
    clients_.push_back(std::make_unique<Client>(
        Client{address, parley::UdpSocket::bind(parley::Address::loopback_v4(0)).value(), {}, {}}));
    scope_.spawn(forward_down(*clients_.back()));
    return *clients_.back();
  }

  std::vector<std::string> passed(const std::string& datagram, std::string& held) {
    std::vector<std::string> out;
    if (blocked_ || chance(options_.loss)) return out;
    if (losing_ > 0 && losing_-- > 0) return out;
    ++forwarded_;
    if (held.empty() && chance(options_.swap)) {
      held = datagram;
      return out;
    }
    out.push_back(datagram);
    if (chance(options_.duplicate)) out.push_back(datagram);
    if (!held.empty()) out.push_back(std::move(held));
    held.clear();
    return out;
  }
  bool chance(double probability) { return std::uniform_real_distribution<>()(random_) < probability; }

  parley::Scope& scope_;
  parley::Address server_;
  LossyProxyOptions options_;
  std::mt19937 random_;
  parley::UdpSocket front_;
  std::vector<std::unique_ptr<Client>> clients_;
  bool blocked_ = false;
  int losing_ = 0;
  int forwarded_ = 0;
};

}  // namespace test
