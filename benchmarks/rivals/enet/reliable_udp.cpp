// SPDX-License-Identifier: BSL-1.0
// ENet's reliable packets, in order on one channel, with its own defaults; each is flushed at once. Both ends are
// served by one thread, which looks whenever something has come and once in a millisecond, ENet's clock having no less.

#include "support/real_path.hpp"
#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_ENET)

#include <enet/enet.h>
#include <poll.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace {

struct Destroy {
  void operator()(ENetHost* host) const { enet_host_destroy(host); }
};
using Host = std::unique_ptr<ENetHost, Destroy>;

ENetAddress loopback(std::uint16_t port) {
  ENetAddress address{};
  enet_address_set_host_ip(&address, "127.0.0.1");
  address.port = port;
  return address;
}

std::uint16_t port_of(const ENetHost& host) {
  ENetAddress address{};
  if (enet_socket_get_address(host.socket, &address) != 0) std::abort();
  return address.port;
}

void wait(const ENetHost& one, const ENetHost& other) {
  std::array<pollfd, 2> polled{{{one.socket, POLLIN, 0}, {other.socket, POLLIN, 0}}};
  ::poll(polled.data(), polled.size(), 1);
}

class Conversation {
 public:
  explicit Conversation(bench::RealPathRun& run) : run_(run) {
    const ENetAddress any = loopback(0);
    server_.reset(enet_host_create(&any, 1, 1, 0, 0));
    client_.reset(enet_host_create(nullptr, 1, 1, 0, 0));
    if (server_ == nullptr || client_ == nullptr) std::abort();
    const ENetAddress path = loopback(run.open(port_of(*server_)));
    peer_ = enet_host_connect(client_.get(), &path, 1, 0);
    if (peer_ == nullptr) std::abort();
  }

  void run() {
    while (serve(*client_) && serve(*server_)) {
      if (stands_) {
        send_what_is_due();
        if (run_.is_over()) return;
      }
      wait(*client_, *server_);
    }
  }

 private:
  // False: the connection has ended.
  bool serve(ENetHost& host) {
    ENetEvent event;
    while (enet_host_service(&host, &event, 0) > 0) {
      if (event.type == ENET_EVENT_TYPE_DISCONNECT) return false;
      if (event.type == ENET_EVENT_TYPE_CONNECT && &host == server_.get()) begin();
      if (event.type != ENET_EVENT_TYPE_RECEIVE) continue;
      run_.received();
      enet_packet_destroy(event.packet);
    }
    return true;
  }
  // The server is the last to know: it would drop what came before.
  void begin() {
    stands_ = true;
    run_.begin();
  }
  void send_what_is_due() {
    while (!run_.all_sent() && run_.next() <= bench::RealPathRun::Clock::now()) {
      run_.sending();
      ENetPacket* const packet =
          enet_packet_create(nullptr, bench::RealPathJob::message_bytes, ENET_PACKET_FLAG_RELIABLE);
      if (packet == nullptr || enet_peer_send(peer_, 0, packet) != 0) std::abort();
      enet_host_flush(client_.get());
    }
  }

  bench::RealPathRun& run_;
  Host server_;
  Host client_;
  ENetPeer* peer_ = nullptr;
  bool stands_ = false;
};

void run(const bench::RealPathJob&, bench::RealPathRun& run) { Conversation(run).run(); }

[[maybe_unused]] const int ready = enet_initialize();  // sets its clock, so before any thread
const bench::RealPathRival registered{"ENet", run};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"ENet", "libenet-dev"};
}

#endif
