// SPDX-License-Identifier: BSL-1.0
// Datagrams as a bare loop over sendmmsg and recvmmsg, 64 a call.

#include "support/udp_wire.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <vector>

namespace {

constexpr std::size_t kMessages = 64;

class Messages {
 public:
  explicit Messages(std::size_t bytes) : memory_(kMessages * bytes, 'x') {
    for (std::size_t i = 0; i < kMessages; ++i) {
      pieces_[i] = {memory_.data() + i * bytes, bytes};
      headers_[i].msg_hdr.msg_iov = &pieces_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
      prepare(i);
    }
  }
  void prepare(std::size_t i) {
    headers_[i].msg_hdr.msg_name = &addresses_[i];
    headers_[i].msg_hdr.msg_namelen = sizeof addresses_[i];
  }
  char* data(std::size_t i) { return static_cast<char*>(pieces_[i].iov_base); }
  std::size_t size(std::size_t i) const { return headers_[i].msg_len; }
  sockaddr_in& address(std::size_t i) { return addresses_[i]; }
  mmsghdr* headers() { return headers_.data(); }

 private:
  std::vector<char> memory_;
  std::array<iovec, kMessages> pieces_{};
  std::array<sockaddr_in, kMessages> addresses_{};
  std::array<mmsghdr, kMessages> headers_{};
};

void send(const bench::UdpJob& job) {
  Messages messages{job.bytes};
  for (std::size_t i = 0; i < kMessages; ++i) messages.address(i) = job.to;
  bench::UdpNumbers numbers;
  for (;;) {
    for (std::size_t i = 0; i < kMessages; ++i) numbers.write_next(messages.data(i));
    for (std::size_t sent = 0; sent < kMessages;) {
      const int count = ::sendmmsg(job.socket, messages.headers() + sent, static_cast<unsigned>(kMessages - sent), 0);
      if (count < 0) return;
      sent += static_cast<std::size_t>(count);
    }
  }
}

void receive(const bench::UdpJob& job) {
  Messages messages{2048 > job.bytes ? 2048 : job.bytes};
  bench::UdpTally tally{job};
  for (;;) {
    const int count = ::recvmmsg(job.socket, messages.headers(), kMessages, MSG_WAITFORONE, nullptr);
    if (count < 0) return;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      tally.take(messages.data(i), messages.size(i));
      messages.prepare(i);
    }
    tally.publish();
  }
}

const bench::UdpRival registered{"mmsg", send, receive};

}  // namespace
