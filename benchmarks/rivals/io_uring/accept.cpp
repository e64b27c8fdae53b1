// SPDX-License-Identifier: BSL-1.0
// Connections that come and go as a bare io_uring loop: one accept that completes many times; the greeting and the close
// of each are submitted by the call that waits next, which makes them one after the other and tells of failures only. So
// a turn is one system call. The greeting always fits into a new socket's buffer. The ring is parley's header.

#include "rivals/io_uring/next_entry.hpp"
#include "rivals/io_uring/where_allowed.hpp"
#include "support/accept_scenario.hpp"

#include <parley/platform/io_uring.hpp>

#include <linux/io_uring.h>
#include <sys/socket.h>

#include <cstdint>

#ifdef IORING_ACCEPT_MULTISHOT  // 5.19

namespace {

namespace uring = parley::platform::uring;

class AcceptLoop {
 public:
  explicit AcceptLoop(int listener) : listener_{listener} {}

  int run() {
    if (ring_.open(1024, 8192) != 0) return 1;
    accept();
    while (works_) {
      if (ring_.enter(1, parley::Duration::max()) != 0) return 1;
      ring_.take(kEventsPerWait, [this](const uring::Completion& completion) { take(completion); });
    }
    return 1;
  }

 private:
  static constexpr std::uint32_t kEventsPerWait = 512;
  static constexpr std::uint64_t kAccepted = 1;

  void accept() {
    uring::Entry& accept = bench::next_entry(ring_, IORING_OP_ACCEPT, listener_);
    accept.priority = IORING_ACCEPT_MULTISHOT;
    accept.operation_flags = SOCK_CLOEXEC;
    accept.tag = kAccepted;
  }

  void greet_and_close(int peer) {
    uring::Entry& greeting = bench::next_entry(ring_, IORING_OP_SEND, peer);
    greeting.flags = IOSQE_CQE_SKIP_SUCCESS;
    greeting.address = reinterpret_cast<std::uintptr_t>(bench::kGreeting.data());
    greeting.length = static_cast<std::uint32_t>(bench::kGreeting.size());
    greeting.operation_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    bench::next_entry(ring_, IORING_OP_CLOSE, peer).flags = IOSQE_CQE_SKIP_SUCCESS;
  }

  // A failed greeting is a client that has gone already.
  void take(const uring::Completion& completion) {
    if (completion.tag != kAccepted) return;
    if (completion.result >= 0)
      greet_and_close(completion.result);
    else
      works_ = false;
    if ((completion.flags & IORING_CQE_F_MORE) == 0) accept();
  }

  int listener_;
  uring::Ring ring_;
  bool works_ = true;
};

int serve(int listener) {
  AcceptLoop loop{listener};
  return loop.run();
}

const bench::WhereIoUringIsAllowed registered{serve};

}  // namespace

#endif
