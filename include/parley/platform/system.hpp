// SPDX-License-Identifier: BSL-1.0
#pragma once

// System calls as the layers above use them: without system types in the signatures, retried on EINTR, never raising
// SIGPIPE, and with the error as a number (errno) instead of a global.

#include <parley/platform/config.hpp>
#include <parley/platform/native_handle.hpp>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

/// What a call came to: a count, or an errno.
struct IoOutcome {
  std::size_t count;
  int error;
};

namespace detail {
template <class Call>
IoOutcome retry_interrupted(Call call) noexcept {
  for (;;) {
    const auto count = call();
    if (count >= 0) return {static_cast<std::size_t>(count), 0};
    if (errno != EINTR) return {0, errno};
  }
}
}  // namespace detail

inline constexpr int invalid_argument = EINVAL;
inline constexpr int connection_aborted = ECONNABORTED;
inline constexpr int not_connected = ENOTCONN;

inline bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

inline IoOutcome receive(NativeSocket socket, void* data, std::size_t size, bool peek = false) noexcept {
  return detail::retry_interrupted([=] { return ::recv(socket, data, size, peek ? MSG_PEEK : 0); });
}

inline IoOutcome send(NativeSocket socket, const void* data, std::size_t size) noexcept {
  return detail::retry_interrupted([=] { return ::send(socket, data, size, MSG_NOSIGNAL); });
}

inline IoOutcome read(NativeSocket handle, void* data, std::size_t size) noexcept {
  return detail::retry_interrupted([=] { return ::read(handle, data, size); });
}

/// One piece of a vectored send: laid out as the system's own (iovec), so that no copy is made.
struct IoSlice {
  const void* data;
  std::size_t size;
};
static_assert(sizeof(IoSlice) == sizeof(::iovec) && offsetof(IoSlice, data) == offsetof(::iovec, iov_base) &&
              offsetof(IoSlice, size) == offsetof(::iovec, iov_len));
/// POSIX promises 16 and Linux takes 1,024 pieces a call; more than this gain nothing measurable.
inline constexpr std::size_t max_slices = 64;

inline IoOutcome send_vector(NativeSocket socket, const IoSlice* slices, std::size_t count) noexcept {
  ::msghdr message{};
  message.msg_iov = reinterpret_cast<::iovec*>(const_cast<IoSlice*>(slices));
  message.msg_iovlen = count;
  return detail::retry_interrupted([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); });
}

inline IoOutcome send_to(NativeSocket socket, const void* data, std::size_t size, const void* address,
                         std::size_t address_size) noexcept {
  return detail::retry_interrupted([=] {
    return ::sendto(socket, data, size, MSG_NOSIGNAL, static_cast<const ::sockaddr*>(address),
                    static_cast<::socklen_t>(address_size));
  });
}

struct DatagramOutcome {
  std::size_t count;
  std::size_t address_size;
  bool truncated;
  int error;
};

/// Receives one datagram and its source. `truncated` tells that it did not fit and its rest is lost.
inline DatagramOutcome receive_from(NativeSocket socket, void* data, std::size_t size, void* address,
                                    std::size_t address_capacity) noexcept {
  ::iovec piece{data, size};
  ::msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_name = address;
  message.msg_namelen = static_cast<::socklen_t>(address_capacity);
  const IoOutcome outcome = detail::retry_interrupted([&] { return ::recvmsg(socket, &message, 0); });
  return {outcome.count, message.msg_namelen, (message.msg_flags & MSG_TRUNC) != 0, outcome.error};
}

struct AcceptOutcome {
  NativeHandle handle;
  std::size_t address_size;
  int error;
};

inline AcceptOutcome accept(NativeSocket listener, void* address, std::size_t address_capacity) noexcept {
  auto size = static_cast<::socklen_t>(address_capacity);
  for (;;) {
    const int handle = ::accept4(listener, static_cast<::sockaddr*>(address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (handle >= 0) return {NativeHandle(handle), size, 0};
    if (errno != EINTR) return {NativeHandle(), 0, errno};
  }
}

/// The connection was given up by its peer, or a network hiccup was reported: accept the next one at once (accept(2)).
inline bool accept_failed_for_this_peer(int error) noexcept {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ECONNRESET:
    case ETIMEDOUT: return true;
    default: return false;
  }
}

/// Out of descriptors or memory: accepting goes on when some are free again.
inline bool out_of_resources(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

struct OpenOutcome {
  NativeHandle handle;
  int error;
};

/// Non-blocking and closed in children. Any family, type and protocol number that the system knows.
inline OpenOutcome open_socket(int family, int type, int protocol) noexcept {
  const int handle = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  return {NativeHandle(handle), handle < 0 ? errno : 0};
}

inline int open_pair(int family, int type, NativeHandle (&ends)[2]) noexcept {
  int handles[2];
  if (::socketpair(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, handles) < 0) return errno;
  ends[0] = NativeHandle(handles[0]);
  ends[1] = NativeHandle(handles[1]);
  return 0;
}

inline int bind(NativeSocket socket, const void* address, std::size_t size) noexcept {
  return ::bind(socket, static_cast<const ::sockaddr*>(address), static_cast<::socklen_t>(size)) < 0 ? errno : 0;
}

inline int listen(NativeSocket socket, int backlog) noexcept { return ::listen(socket, backlog) < 0 ? errno : 0; }

inline bool connect_in_progress(int error) noexcept { return error == EINPROGRESS; }

/// An interrupted connect goes on in the background (POSIX), like a non-blocking one.
inline int connect(NativeSocket socket, const void* address, std::size_t size) noexcept {
  if (::connect(socket, static_cast<const ::sockaddr*>(address), static_cast<::socklen_t>(size)) == 0) return 0;
  return errno == EINTR ? EINPROGRESS : errno;
}

/// The error that a connection attempt in the background came to, or one that an ICMP message left behind. Reading
/// clears it.
inline int pending_error(NativeSocket socket) noexcept {
  int error = 0;
  ::socklen_t size = sizeof(error);
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

enum class ShutdownWay { receive = SHUT_RD, send = SHUT_WR, both = SHUT_RDWR };

inline int shut_down(NativeSocket socket, ShutdownWay way) noexcept {
  return ::shutdown(socket, static_cast<int>(way)) < 0 ? errno : 0;
}

inline int local_address(NativeSocket socket, void* address, std::size_t capacity, std::size_t& size) noexcept {
  auto length = static_cast<::socklen_t>(capacity);
  if (::getsockname(socket, static_cast<::sockaddr*>(address), &length) < 0) return errno;
  size = length;
  return 0;
}

inline int peer_address(NativeSocket socket, void* address, std::size_t capacity, std::size_t& size) noexcept {
  auto length = static_cast<::socklen_t>(capacity);
  if (::getpeername(socket, static_cast<::sockaddr*>(address), &length) < 0) return errno;
  size = length;
  return 0;
}

inline int set_non_blocking(NativeSocket handle) noexcept {
  const int flags = ::fcntl(handle, F_GETFL);
  if (flags < 0) return errno;
  if ((flags & O_NONBLOCK) != 0) return 0;
  return ::fcntl(handle, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

/// A second descriptor of the same open file, closed in children.
inline OpenOutcome duplicate(NativeSocket handle) noexcept {
  const int copy = ::fcntl(handle, F_DUPFD_CLOEXEC, 0);
  return {NativeHandle(copy), copy < 0 ? errno : 0};
}

/// True for sockets where a read that returns less than was asked for has emptied the buffer: streams, except Unix
/// ones, whose reads also stop short behind passed descriptors.
inline bool is_stream(NativeSocket socket) noexcept {
  int type = 0;
  ::socklen_t size = sizeof(type);
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return false;
  ::sockaddr address{};
  size = sizeof(address);
  return ::getsockname(socket, &address, &size) == 0 && address.sa_family != AF_UNIX;
}

/// True when a read would not block now. Needed for descriptors that must stay in blocking mode (a shared terminal).
inline bool readable_now(NativeSocket handle) noexcept {
  ::pollfd entry{handle, POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

inline constexpr int family_ipv4 = AF_INET;
inline constexpr int family_ipv6 = AF_INET6;
inline constexpr int family_unix = AF_UNIX;
inline constexpr int type_stream = SOCK_STREAM;
inline constexpr int type_datagram = SOCK_DGRAM;
inline constexpr int type_raw = SOCK_RAW;
inline constexpr int type_seqpacket = SOCK_SEQPACKET;
inline constexpr int default_backlog = SOMAXCONN;

}  // namespace parley::inline PARLEY_ABI::platform
