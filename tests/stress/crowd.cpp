// SPDX-License-Identifier: BSL-1.0
#include "crowd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace stress {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::system_category(), what); }

}  // namespace

Crowd::Crowd(std::uint16_t port) : port_(port), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) fail("epoll_create1");
}

Crowd::~Crowd() {
  for (const Member& member : members_) {
    if (member.descriptor >= 0) ::close(member.descriptor);
  }
  ::close(epoll_);
}

std::size_t Crowd::add(int receive_buffer_bytes) {
  Member& member = members_.emplace_back();
  member.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (member.descriptor < 0) fail("socket");
  const int size = receive_buffer_bytes;
  if (size != 0) ::setsockopt(member.descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(member.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
  watch(members_.size() - 1, true);
  return members_.size() - 1;
}

bool Crowd::join(std::size_t count, const std::string& prefix) {
  const std::size_t first = members_.size();
  std::size_t in = 0;
  const auto handler = std::exchange(on_line, [&](std::size_t member, std::string_view line) {
    in += member >= first && line.starts_with("* you are in lobby, with ");
  });
  for (std::size_t i = first; i < first + count; ++i) {
    add();
    const bool named = send(i, prefix + std::to_string(i) + "\n");
    if (!named) break;
    if (i % 64 == 0) turn(0);
  }
  const bool all = until([&] { return in == count; });
  on_line = handler;
  return all;
}

bool Crowd::send(std::size_t number, std::string_view bytes) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!bytes.empty()) {
    const Member& member = members_[number];
    if (member.ended) return false;
    const auto count = ::send(member.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN || std::chrono::steady_clock::now() >= end) {
      return false;
    } else {
      turn(1);
    }
  }
  return true;
}

void Crowd::pause(std::size_t member) {
  members_[member].paused = true;
  watch(member, false);
}
void Crowd::resume(std::size_t member) {
  members_[member].paused = false;
  watch(member, true);
}

void Crowd::reset(std::size_t number) {
  Member& member = members_[number];
  const linger now{1, 0};
  ::setsockopt(member.descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(member.descriptor, -1));
  member.ended = true;
}

bool Crowd::until(const std::function<bool()>& condition, std::chrono::milliseconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    turn(10);
  }
  return true;
}

void Crowd::turn(int timeout_ms) {
  std::array<epoll_event, 256> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const auto member = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
    if (!members_[member].ended && !members_[member].paused) receive(member);
  }
  if (each_turn) each_turn();
}

void Crowd::receive(std::size_t number) {
  std::array<char, 65536> buffer;
  const auto count = ::recv(members_[number].descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    watch(number, false);
    members_[number].ended = true;
    return;
  }
  std::string text = std::exchange(members_[number].begun, {});
  text.append(buffer.data(), static_cast<std::size_t>(count));
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    if (on_line) on_line(number, std::string_view(text).substr(begin, end - begin));
  }
  members_[number].begun = text.substr(begin);
}

void Crowd::watch(std::size_t member, bool on) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = member;
  ::epoll_ctl(epoll_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, members_[member].descriptor, &event);
}

}  // namespace stress
