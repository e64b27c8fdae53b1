// SPDX-License-Identifier: BSL-1.0
#pragma once

// Many messages to or from a datagram socket in one system call, or in one each.

#include <parley/platform/config.hpp>
#include <parley/platform/datagram.hpp>
#include <parley/platform/native_handle.hpp>
#include <parley/platform/sockaddr.hpp>
#include <parley/platform/system.hpp>

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <utility>

namespace parley::inline PARLEY_ABI::platform {

/// The messages of one call. It is big (about 16 KiB), and what it points to must live until the call.
class MessageVector {
 public:
  /// Linux takes 1,024; more than this gain nothing measurable.
  static constexpr std::size_t capacity = 64;

  /// Message `index` is to be sent; `to` is of no size on a connected socket.
  void set_outgoing(std::size_t index, const void* data, std::size_t size, const NativeAddress& to,
                    const PacketInfo& info) noexcept {
    ::msghdr& message = set_piece(index, const_cast<void*>(data), size);
    message.msg_name = to.size > 0 ? const_cast<unsigned char*>(to.bytes) : nullptr;
    message.msg_namelen = static_cast<::socklen_t>(to.size);
    const bool plain = info.family == AF_UNSPEC && info.segment == 0;
    message.msg_controllen = plain ? 0 : detail::write_info(controls_[index], info);
    message.msg_control = plain ? nullptr : controls_[index].bytes;
  }
  /// Message `index` is to be received into `data`, its source into `from`: see from_size().
  void set_incoming(std::size_t index, void* data, std::size_t size, void* from, std::size_t from_capacity) noexcept {
    ::msghdr& message = set_piece(index, data, size);
    message.msg_name = from;
    message.msg_namelen = static_cast<::socklen_t>(from_capacity);
    message.msg_control = controls_[index].bytes;
    message.msg_controllen = sizeof(controls_[index].bytes);
  }

  /// Sends the first `count` messages in order, in one call. How many were sent, at least one; or the error of the
  /// first.
  IoOutcome send(NativeSocket socket, std::size_t count) noexcept {
#if defined(PARLEY_OS_LINUX)
    return detail::retry_interrupted(
        [&] { return ::sendmmsg(socket, messages_, static_cast<unsigned>(count), MSG_NOSIGNAL); });
#else
    return send_each(socket, count);
#endif
  }
  /// The same in a call for each.
  IoOutcome send_each(NativeSocket socket, std::size_t count) noexcept {
    for (std::size_t done = 0; done < count; ++done) {
      const IoOutcome outcome =
          detail::retry_interrupted([&] { return ::sendmsg(socket, &messages_[done].msg_hdr, MSG_NOSIGNAL); });
      if (outcome.error != 0) return {done, done == 0 ? outcome.error : 0};
    }
    return {count, 0};
  }

  /// Receives up to `count` messages that are there already. How many, at least one; or the error of the first. An
  /// error after the first is the next call's.
  IoOutcome receive(NativeSocket socket, std::size_t count) noexcept {
#if defined(PARLEY_OS_LINUX)
    return detail::retry_interrupted(
        [&] { return ::recvmmsg(socket, messages_, static_cast<unsigned>(count), 0, nullptr); });
#else
    return receive_each(socket, count);
#endif
  }
  IoOutcome receive_each(NativeSocket socket, std::size_t count) noexcept {
    if (kept_error_ != 0 && kept_for_ == socket) return {0, std::exchange(kept_error_, 0)};
    for (std::size_t done = 0; done < count; ++done) {
      const IoOutcome outcome =
          detail::retry_interrupted([&] { return ::recvmsg(socket, &messages_[done].msg_hdr, 0); });
      messages_[done].msg_len = static_cast<unsigned>(outcome.count);
      if (outcome.error == 0) continue;
      if (done == 0) return outcome;
      kept_error_ = would_block(outcome.error) ? 0 : outcome.error;
      kept_for_ = socket;
      return {done, 0};
    }
    return {count, 0};
  }

  // Of a message that was received.
  std::size_t size(std::size_t index) const noexcept { return messages_[index].msg_len; }
  bool truncated(std::size_t index) const noexcept { return (messages_[index].msg_hdr.msg_flags & MSG_TRUNC) != 0; }
  std::size_t from_size(std::size_t index) const noexcept { return messages_[index].msg_hdr.msg_namelen; }
  PacketInfo info(std::size_t index) const noexcept { return detail::read_info(messages_[index].msg_hdr); }

 private:
  ::msghdr& set_piece(std::size_t index, void* data, std::size_t size) noexcept {
    pieces_[index] = {data, size};
    ::msghdr& message = messages_[index].msg_hdr;
    message.msg_iov = &pieces_[index];
    message.msg_iovlen = 1;
    message.msg_flags = 0;
    return message;
  }

#if defined(PARLEY_OS_LINUX)
  using Message = ::mmsghdr;
#else
  struct Message {
    ::msghdr msg_hdr;
    unsigned msg_len;
  };
#endif
  Message messages_[capacity];
  ::iovec pieces_[capacity];
  detail::Control controls_[capacity];
  int kept_error_ = 0;
  NativeSocket kept_for_ = invalid_socket;
};

}  // namespace parley::inline PARLEY_ABI::platform
