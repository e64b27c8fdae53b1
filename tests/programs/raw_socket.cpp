// SPDX-License-Identifier: BSL-1.0
#include "raw_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace programs {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what, int error = errno) {
  throw std::system_error(error, std::system_category(), what);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* general(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

int open_socket(int type) {
  const int descriptor = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  if (descriptor < 0) fail("socket");
  return descriptor;
}

}  // namespace

RawSocket RawSocket::connect(std::uint16_t port, int receive_buffer_bytes) {
  RawSocket socket(open_socket(SOCK_STREAM));
  const int size = receive_buffer_bytes;
  if (size != 0 && ::setsockopt(socket.descriptor_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0) fail("SO_RCVBUF");
  const sockaddr_in address = loopback(port);
  if (::connect(socket.descriptor_, general(address), sizeof address) != 0) fail("connect");
  return socket;
}

RawSocket RawSocket::listen() {
  RawSocket socket(open_socket(SOCK_STREAM));
  const sockaddr_in address = loopback(0);
  if (::bind(socket.descriptor_, general(address), sizeof address) != 0) fail("bind");
  if (::listen(socket.descriptor_, 16) != 0) fail("listen");
  return socket;
}

RawSocket RawSocket::udp() {
  RawSocket socket(open_socket(SOCK_DGRAM));
  const sockaddr_in address = loopback(0);
  if (::bind(socket.descriptor_, general(address), sizeof address) != 0) fail("bind");
  return socket;
}

bool RawSocket::is_free_udp_port(std::uint16_t port) {
  const RawSocket socket(open_socket(SOCK_DGRAM));
  const sockaddr_in address = loopback(port);
  return ::bind(socket.descriptor_, general(address), sizeof address) == 0;
}

std::uint16_t RawSocket::free_udp_port() {
  constexpr int first = 12000, count = 20000;  // below those that Linux chooses from (ip_local_port_range)
  static int next = ::getpid() * 97;           // test programs run side by side
  for (int tries = 0; tries < count; ++tries) {
    const auto port = static_cast<std::uint16_t>(first + next++ % count);
    if (is_free_udp_port(port)) return port;
  }
  fail("bind");
}

void RawSocket::await_free_udp_port(std::uint16_t port) {
  const auto until = Clock::now() + patience;
  while (!is_free_udp_port(port)) {
    if (Clock::now() > until) fail("bind");
    ::sched_yield();
  }
}

std::uint16_t RawSocket::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
  return ntohs(address.sin_port);
}

RawSocket RawSocket::accept() {
  if (!wait(POLLIN, Clock::now() + patience)) fail("accept", ETIMEDOUT);
  const int descriptor = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  if (descriptor < 0) fail("accept");
  return RawSocket(descriptor);
}

void RawSocket::send(std::string_view bytes) {
  if (!try_send(bytes)) fail("send", ECONNRESET);
}

bool RawSocket::try_send(std::string_view bytes, std::chrono::milliseconds within) {
  const auto until = Clock::now() + within;
  while (!bytes.empty()) {
    const auto count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN || !wait(POLLOUT, until)) {
      return false;
    }
  }
  return true;
}

std::string RawSocket::receive_once(std::size_t max_bytes) {
  if (!wait(POLLIN, Clock::now() + patience)) fail("recv", ETIMEDOUT);
  std::string bytes(max_bytes, '\0');
  const auto count = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
  if (count < 0) fail("recv");
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

std::string RawSocket::receive_until(std::string_view text, std::chrono::milliseconds within) {
  const auto until = Clock::now() + within;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t position = text_.find(text, begin);
    if (position != std::string::npos) {
      std::string found = text_.substr(0, position + text.size());
      text_.erase(0, found.size());
      return found;
    }
    begin = text_.size() < text.size() ? 0 : text_.size() - text.size() + 1;
    if (!receive_more(until)) return {};
  }
}

std::string RawSocket::receive_to_end() {
  const auto until = Clock::now() + patience;
  while (receive_more(until)) {
  }
  return std::exchange(text_, {});
}

bool RawSocket::receive_more(Clock::time_point until) {
  if (ended_ || !wait(POLLIN, until)) return false;
  std::array<char, 65536> buffer;
  const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (count < 0 && errno != ECONNRESET) fail("recv");
  ended_ = count <= 0;
  if (!ended_) text_.append(buffer.data(), static_cast<std::size_t>(count));
  return !ended_;
}

void RawSocket::half_close() {
  if (::shutdown(descriptor_, SHUT_WR) != 0) fail("shutdown");
}

void RawSocket::reset() {
  const linger now{1, 0};
  if (::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now) != 0) fail("SO_LINGER");
  close();
}

void RawSocket::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void RawSocket::send_to(std::uint16_t port, std::string_view datagram) {
  const sockaddr_in address = loopback(port);
  if (::sendto(descriptor_, datagram.data(), datagram.size(), 0, general(address), sizeof address) < 0) fail("sendto");
}

std::pair<std::string, std::uint16_t> RawSocket::receive_from(std::size_t max_bytes) {
  if (!wait(POLLIN, Clock::now() + patience)) fail("recvfrom", ETIMEDOUT);
  std::string bytes(max_bytes, '\0');
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const auto count = ::recvfrom(descriptor_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (count < 0) fail("recvfrom");
  bytes.resize(static_cast<std::size_t>(count));
  return {bytes, ntohs(from.sin_port)};
}

bool RawSocket::wait(short events, Clock::time_point until) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  pollfd polled{descriptor_, events, 0};
  return ::poll(&polled, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) > 0;
}

}  // namespace programs
