// SPDX-License-Identifier: BSL-1.0
#pragma once

// Buffers that a ring's kernel picks from when it receives (5.19): one ring of them, which is memory shared with it.
// What was received is copied out at once and the buffer offered anew, so a few serve any number of sockets.

#include <parley/platform/io_uring.hpp>

#if PARLEY_OS_LINUX

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

class IoUringBuffers {
 public:
  static constexpr std::uint16_t count = 32;
  static constexpr std::uint32_t size = 4096;
  static constexpr std::uint16_t group = 0;

  IoUringBuffers() noexcept = default;
  IoUringBuffers(const IoUringBuffers&) = delete;
  IoUringBuffers& operator=(const IoUringBuffers&) = delete;
  ~IoUringBuffers() { free(); }

  bool offered() const noexcept { return at_ != nullptr; }

  /// All of them. An errno, or 0.
  int offer_to(const uring::Ring& ring) noexcept {
    free();
    void* const memory = ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno;
    at_ = static_cast<std::byte*>(memory);
    tail_ = 0;
    uring::BufferRegistration registration{};
    registration.address = reinterpret_cast<std::uintptr_t>(at_);
    registration.count = count;
    registration.group = group;
    if (::syscall(SYS_io_uring_register, ring.handle(), uring::register_buffers, &registration, 1) < 0) {
      const int error = errno;
      free();
      return error;
    }
    for (std::uint16_t buffer = 0; buffer < count; ++buffer) offer(buffer);
    return 0;
  }
  /// After the ring has been closed, or before it is.
  void free() noexcept {
    if (at_ != nullptr) ::munmap(at_, all);
    at_ = nullptr;
  }

  const std::byte* bytes(std::uint16_t buffer) const noexcept { return at_ + places + std::size_t{buffer} * size; }

  /// What was in it has been copied.
  void offer(std::uint16_t buffer) noexcept {
    auto* const ring = reinterpret_cast<uring::Buffer*>(at_);
    // Not as a whole: the kernel's tail stands in what the first one does not use.
    uring::Buffer& place = ring[tail_ % count];
    place.address = reinterpret_cast<std::uintptr_t>(bytes(buffer));
    place.size = size;
    place.number = buffer;
    __atomic_store_n(&ring->tail, ++tail_, __ATOMIC_RELEASE);
  }

 private:
  static constexpr std::size_t places = 4096;  // a page for the ring, which begins at one
  static constexpr std::size_t all = places + std::size_t{count} * size;
  static_assert(count * sizeof(uring::Buffer) <= places);

  std::byte* at_ = nullptr;
  std::uint16_t tail_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::platform

#endif
