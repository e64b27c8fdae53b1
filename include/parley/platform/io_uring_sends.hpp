// SPDX-License-Identifier: BSL-1.0
#pragma once

// Makes the sends of a batch by one system call, with a ring of its own, so that no other completions come in between.
//
// Every send says MSG_DONTWAIT: the kernel makes it while it takes the entry, or fails it with EAGAIN, and keeps nothing.
// So the call is to many sockets what sendmmsg(2) is to one.

#include <parley/platform/io_uring.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/owned.hpp>
#include <parley/platform/send_batch.hpp>

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace parley::inline PARLEY_ABI::platform {

class IoUringSends {
 public:
  /// Empty; null where there is no memory or no ring to be had.
  SendBatch* batch() noexcept {
    if (room_ == nullptr) room_.reset(new (std::nothrow) Room);
    if (room_ == nullptr || (!ring_.usable() && !reopen())) return nullptr;
    room_->batch.clear();
    return &room_->batch;
  }

  /// Sets the outcome of each. Where the ring fails, they are made one by one.
  void carry_out(SendBatch& batch) noexcept {
    const std::span<SendBatch::Send> sends = batch.sends();
    for (std::size_t i = 0; i < sends.size(); ++i) write_entry(sends[i], i);
    std::size_t open = sends.size();
    while (open > 0 && ring_.enter(static_cast<std::uint32_t>(open), Duration::max()) == 0) open -= take(sends);
    if (open > 0) make_the_rest(sends);
    // Not seen so far, but a signal may end a send.
    for (SendBatch::Send& send : sends) {
      if (send.outcome.error == EINTR) make(send);
    }
  }

  void close() noexcept {
    ring_.close();
    refused_ = false;
  }

 private:
  struct Room {
    SendBatch batch;
    std::array<::msghdr, SendBatch::capacity> messages;
  };

  bool reopen() noexcept {
    if (refused_) return false;  // it is not asked for at every turn
    ring_.close();
    refused_ = ring_.open(SendBatch::capacity, 2 * SendBatch::capacity) != 0;
    return !refused_;
  }

  void write_entry(SendBatch::Send& send, std::size_t index) noexcept {
    uring::Entry& entry = *ring_.next();  // there is one for each that the batch holds
    entry.handle = send.socket;
    entry.operation_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    entry.tag = index;
    if (send.count == 1) {
      entry.opcode = uring::send;
      entry.address = reinterpret_cast<std::uintptr_t>(send.slices[0].data);
      entry.length = static_cast<std::uint32_t>(std::min<std::size_t>(send.slices[0].size, INT32_MAX));
    } else {
      ::msghdr& message = room_->messages[index];
      message = {};
      message.msg_iov = reinterpret_cast<::iovec*>(send.slices.data());
      message.msg_iovlen = send.count;
      entry.opcode = uring::send_message;
      entry.address = reinterpret_cast<std::uintptr_t>(&message);
      entry.length = 1;
    }
    send.outcome = {0, ECONNABORTED};  // it must not be made twice if nothing is ever heard of it
  }

  std::size_t take(std::span<SendBatch::Send> sends) noexcept {
    return ring_.take(SendBatch::capacity, [&](const uring::Completion& completion) {
      const std::int32_t result = completion.result;
      sends[completion.tag].outcome =
          result < 0 ? IoOutcome{0, -result} : IoOutcome{static_cast<std::size_t>(result), 0};
    });
  }

  // The kernel has not taken the last entries: another thread's ring, or no memory.
  void make_the_rest(std::span<SendBatch::Send> sends) noexcept {
    const std::size_t left = ring_.unsubmitted();
    take(sends);
    for (SendBatch::Send& send : sends.last(left)) make(send);
    ring_.close();
  }

  static void make(SendBatch::Send& send) noexcept {
    send.outcome = send_vector(send.socket, send.slices.data(), send.count);
  }

  uring::Ring ring_;
  Owned<Room> room_;
  bool refused_ = false;
};

}  // namespace parley::inline PARLEY_ABI::platform

#endif
