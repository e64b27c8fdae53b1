// SPDX-License-Identifier: BSL-1.0
// Echo as a bare io_uring loop, with all that the kernel offers for it: accepts and receives that complete many times,
// into buffers that the kernel picks from a ring, and sends out of these buffers, which the call that waits next
// submits. So a turn is one system call. The ring is parley's header: system calls and shared memory.

#include "rivals/io_uring/next_entry.hpp"
#include "rivals/io_uring/where_allowed.hpp"

#include <parley/platform/io_uring.hpp>

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#ifdef IORING_RECV_MULTISHOT  // 6.0

namespace {

namespace uring = parley::platform::uring;

constexpr std::uint32_t kEventsPerWait = 512;
// 1 MiB, which the cache holds; 4 MiB were slower. They never run out here, as the kernel fills some twenty at a time.
constexpr std::uint16_t kBuffers = 256;

class EchoLoop {
 public:
  explicit EchoLoop(int listener) : listener_{listener} {}

  int run() {
    if (ring_.open(1024, 8192) != 0 || !offer_buffers()) return 1;
    accept();
    for (;;) {
      if (ring_.enter(1, parley::Duration::max()) != 0) return 1;
      ring_.take(kEventsPerWait, [this](const uring::Completion& completion) { take(completion); });
    }
  }

 private:
  enum class Kind : std::uint8_t { accept, receive, send };
  struct Piece {
    std::uint16_t buffer;
    std::uint32_t size;
  };
  struct Peer {
    bool sends = false;
    std::deque<Piece> waiting;  // received while a send was under way
  };

  static std::uint64_t tag(Kind kind, int socket, std::uint16_t buffer = 0) {
    return static_cast<std::uint64_t>(kind) << 48 | static_cast<std::uint64_t>(buffer) << 32 |
           static_cast<std::uint32_t>(socket);
  }

  bool offer_buffers() {
    constexpr std::size_t size = kBuffers * sizeof(io_uring_buf);
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    offered_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = kBuffers;
    if (::syscall(SYS_io_uring_register, ring_.handle(), IORING_REGISTER_PBUF_RING, &registration, 1) != 0)
      return false;
    for (std::uint16_t buffer = 0; buffer < kBuffers; ++buffer) offer(buffer);
    return true;
  }

  std::byte* bytes(std::uint16_t buffer) { return memory_.data() + std::size_t{buffer} * bench::kEchoBufferBytes; }

  void offer(std::uint16_t buffer) {
    io_uring_buf& place = reinterpret_cast<io_uring_buf*>(offered_)[tail_ & (kBuffers - 1)];
    place.addr = reinterpret_cast<std::uintptr_t>(bytes(buffer));
    place.len = bench::kEchoBufferBytes;
    place.bid = buffer;
    __atomic_store_n(&offered_->tail, ++tail_, __ATOMIC_RELEASE);
  }

  void accept() {
    uring::Entry& accept = bench::next_entry(ring_, IORING_OP_ACCEPT, listener_);
    accept.priority = IORING_ACCEPT_MULTISHOT;
    accept.operation_flags = SOCK_CLOEXEC;
    accept.tag = tag(Kind::accept, listener_);
  }

  void receive(int socket) {
    uring::Entry& receive = bench::next_entry(ring_, IORING_OP_RECV, socket);
    receive.flags = IOSQE_BUFFER_SELECT;
    receive.priority = IORING_RECV_MULTISHOT;
    receive.tag = tag(Kind::receive, socket);
  }

  void send(int socket, Piece piece) {
    uring::Entry& send = bench::next_entry(ring_, IORING_OP_SEND, socket);
    send.address = reinterpret_cast<std::uintptr_t>(bytes(piece.buffer));
    send.length = piece.size;
    send.operation_flags = MSG_NOSIGNAL | MSG_WAITALL;
    send.tag = tag(Kind::send, socket, piece.buffer);
    peers_[static_cast<std::size_t>(socket)].sends = true;
  }

  void take(const uring::Completion& completion) {
    const auto socket = static_cast<int>(completion.tag & 0xFFFF'FFFF);
    const bool ended = (completion.flags & IORING_CQE_F_MORE) == 0;
    switch (static_cast<Kind>(completion.tag >> 48)) {
      case Kind::accept:
        if (completion.result >= 0) {
          const auto index = static_cast<std::size_t>(completion.result);
          if (index >= peers_.size()) peers_.resize(index + 1);
          receive(completion.result);
        }
        if (ended) accept();
        return;
      case Kind::receive: received(socket, completion, ended); return;
      case Kind::send: sent(socket, static_cast<std::uint16_t>(completion.tag >> 32)); return;
    }
  }

  void received(int socket, const uring::Completion& completion, bool ended) {
    Peer& peer = peers_[static_cast<std::size_t>(socket)];
    if (completion.result > 0) {
      const Piece piece{static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT),
                        static_cast<std::uint32_t>(completion.result)};
      if (peer.sends)
        peer.waiting.push_back(piece);
      else
        send(socket, piece);
    }
    if (!ended) return;
    if (completion.result > 0 || completion.result == -ENOBUFS)
      receive(socket);
    else
      leave(socket);
  }

  // A send that failed is left to the receive, which fails too.
  void sent(int socket, std::uint16_t buffer) {
    offer(buffer);
    Peer& peer = peers_[static_cast<std::size_t>(socket)];
    peer.sends = false;
    if (peer.waiting.empty()) return;
    send(socket, peer.waiting.front());
    peer.waiting.pop_front();
  }

  void leave(int socket) {
    for (const Piece& piece : peers_[static_cast<std::size_t>(socket)].waiting) offer(piece.buffer);
    peers_[static_cast<std::size_t>(socket)].waiting.clear();
    ::close(socket);
  }

  int listener_;
  uring::Ring ring_;
  io_uring_buf_ring* offered_ = nullptr;
  std::uint16_t tail_ = 0;
  std::vector<std::byte> memory_ = std::vector<std::byte>(std::size_t{kBuffers} * bench::kEchoBufferBytes);
  std::vector<Peer> peers_;
};

int serve(int listener) {
  const auto loop = std::make_unique<EchoLoop>(listener);
  return loop->run();
}

const bench::WhereIoUringIsAllowed registered{serve};

}  // namespace

#endif
