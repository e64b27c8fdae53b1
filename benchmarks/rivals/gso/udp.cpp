// SPDX-License-Identifier: BSL-1.0
// Datagrams as a bare loop over the kernel's segmentation and coalescing: one message of up to 64 datagrams a call.

#include "support/udp_wire.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int kUdpSegment = 103;
constexpr int kUdpGro = 104;
constexpr std::size_t kMostSegments = 64;
constexpr std::size_t kLongest = 65507;

void send(const bench::UdpJob& job) {
  const std::size_t segments = std::max<std::size_t>(1, std::min(kMostSegments, kLongest / job.bytes));
  std::vector<char> buffer(segments * job.bytes, 'x');
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(std::uint16_t))] = {};
  sockaddr_in to = job.to;
  iovec piece{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_UDP;
  header->cmsg_type = kUdpSegment;
  header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto size = static_cast<std::uint16_t>(job.bytes);
  std::memcpy(CMSG_DATA(header), &size, sizeof size);
  bench::UdpNumbers numbers;
  for (;;) {
    for (std::size_t i = 0; i < segments; ++i) numbers.write_next(buffer.data() + i * job.bytes);
    if (::sendmsg(job.socket, &message, 0) < 0) return;
  }
}

void receive(const bench::UdpJob& job) {
  const int on = 1;
  if (::setsockopt(job.socket, IPPROTO_UDP, kUdpGro, &on, sizeof on) != 0) return;
  std::vector<char> buffer(65536);
  bench::UdpTally tally{job};
  for (;;) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    sockaddr_in from{};
    iovec piece{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(job.socket, &message, 0);
    if (got < 0) return;
    const auto size = static_cast<std::size_t>(got);
    std::size_t segment = size;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != IPPROTO_UDP || header->cmsg_type != kUdpGro) continue;
      int told = 0;
      std::memcpy(&told, CMSG_DATA(header), sizeof told);
      segment = static_cast<std::size_t>(told);
    }
    for (std::size_t at = 0; at < size; at += segment) {
      tally.take(buffer.data() + at, std::min(segment, size - at));
    }
    tally.publish();
  }
}

const bench::UdpRival registered{"gso", send, receive};

}  // namespace
