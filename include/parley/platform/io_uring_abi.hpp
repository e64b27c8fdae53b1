// SPDX-License-Identifier: BSL-1.0
#pragma once

// What io_uring(7) shares with the kernel: laid down here, since <linux/io_uring.h> may be older than the kernel, and
// brings macros such as BLOCK_SIZE into every file that includes it. The numbers are fixed for ever; a test holds them
// against the system's header.

#include <parley/platform/config.hpp>

#if PARLEY_OS_LINUX

#include <bit>
#include <cstdint>

namespace parley::inline PARLEY_ABI::platform::uring {

/// What the kernel is asked to do (io_uring_sqe).
struct Entry {
  std::uint8_t opcode;
  std::uint8_t flags;
  std::uint16_t priority;  // of some opcodes: flags
  std::int32_t handle;
  std::uint64_t offset;   // or a second address
  std::uint64_t address;  // or what a removal is to remove
  std::uint32_t length;   // or, of a poll, flags
  std::uint32_t operation_flags;
  std::uint64_t tag;
  std::uint16_t buffer_group;
  std::uint16_t unused[11];
};
static_assert(sizeof(Entry) == 64);

/// What it came to (io_uring_cqe).
struct Completion {
  std::uint64_t tag;
  std::int32_t result;  // a count, or minus an errno
  std::uint32_t flags;
};
static_assert(sizeof(Completion) == 16);

/// Where the parts of the rings are in the mapped memory.
struct SubmissionOffsets {
  std::uint32_t head, tail, mask, entries, flags, dropped, array, unused;
  std::uint64_t address;
};
struct CompletionOffsets {
  std::uint32_t head, tail, mask, entries, overflow, completions, flags, unused;
  std::uint64_t address;
};
struct Parameters {
  std::uint32_t submission_entries, completion_entries, flags, thread_cpu, thread_idle, features, workers, unused[3];
  SubmissionOffsets submission;
  CompletionOffsets completion;
};
static_assert(sizeof(Parameters) == 120);

/// How long io_uring_enter() may wait.
struct Time {
  std::int64_t seconds;
  std::int64_t nanoseconds;
};
struct WaitArgument {
  std::uint64_t signal_mask;
  std::uint32_t signal_mask_size;
  std::uint32_t unused;
  std::uint64_t time;
};
static_assert(sizeof(WaitArgument) == 24);

/// One of the buffers that are offered to the kernel (io_uring_buf). The tail is that of their ring, and stands in the
/// first one.
struct Buffer {
  std::uint64_t address;
  std::uint32_t size;
  std::uint16_t number;
  std::uint16_t tail;
};
static_assert(sizeof(Buffer) == 16);

/// The ring of them (io_uring_buf_reg).
struct BufferRegistration {
  std::uint64_t address;
  std::uint32_t count;
  std::uint16_t group;
  std::uint16_t flags;
  std::uint64_t unused[3];
};
static_assert(sizeof(BufferRegistration) == 40);

inline constexpr std::uint8_t poll_add = 6;
inline constexpr std::uint8_t send_message = 9;
inline constexpr std::uint8_t accept = 13;
inline constexpr std::uint8_t cancel = 14;
inline constexpr std::uint8_t read = 22;  // 5.6
inline constexpr std::uint8_t send = 26;
inline constexpr std::uint8_t receive = 27;

/// Events of poll(2) or epoll(7), as an entry has them.
constexpr std::uint32_t poll_events(std::uint32_t events) noexcept {
  return std::endian::native == std::endian::little ? events : events << 16 | events >> 16;
}

// Of a poll, in `length`; of an accept and of a receive, in `priority`.
inline constexpr std::uint32_t poll_many_times = 1U << 0;     // 5.13
inline constexpr std::uint16_t accept_many_times = 1U << 0;   // 5.19
inline constexpr std::uint16_t wait_first = 1U << 0;          // 5.19: there is nothing yet
inline constexpr std::uint16_t receive_many_times = 1U << 1;  // 6.0
// Of an entry: the kernel picks a buffer of the group.
inline constexpr std::uint8_t pick_buffer = 1U << 5;
// Of a completion: more are to come; it has a buffer, whose number is in the upper half.
inline constexpr std::uint32_t more_to_come = 1U << 1;
inline constexpr std::uint32_t has_buffer = 1U << 0;
inline constexpr std::uint32_t buffer_number_shift = 16;

namespace setup {
inline constexpr std::uint32_t completion_size = 1U << 3;  // 5.5
inline constexpr std::uint32_t clamp = 1U << 4;            // 5.6
inline constexpr std::uint32_t disabled = 1U << 6;         // 5.10
inline constexpr std::uint32_t submit_all = 1U << 7;       // 5.18
inline constexpr std::uint32_t single_issuer = 1U << 12;   // 6.0
inline constexpr std::uint32_t task_run_flag = 1U << 9;    // 5.19
inline constexpr std::uint32_t defer_task_run = 1U << 13;  // 6.1
}  // namespace setup

namespace feature {
inline constexpr std::uint32_t single_map = 1U << 0;      // 5.4
inline constexpr std::uint32_t no_drop = 1U << 1;         // 5.5
inline constexpr std::uint32_t wait_argument = 1U << 8;   // 5.11
inline constexpr std::uint32_t resource_tags = 1U << 10;  // 5.13, as polls that complete many times are
}  // namespace feature

namespace enter {
inline constexpr std::uint32_t get_events = 1U << 0;
inline constexpr std::uint32_t wait_argument = 1U << 3;
}  // namespace enter

// In the flags of the submission ring: completions did not fit and are kept aside; the kernel has work to do in
// io_uring_enter().
inline constexpr std::uint32_t completions_overflowed = 1U << 1;
inline constexpr std::uint32_t task_to_run = 1U << 2;

inline constexpr std::uint32_t register_enable_rings = 12;
inline constexpr std::uint32_t register_buffers = 22;  // 5.19

// Offsets that mmap() knows the parts by.
inline constexpr std::int64_t map_rings = 0;
inline constexpr std::int64_t map_entries = 0x10000000;

}  // namespace parley::inline PARLEY_ABI::platform::uring

#endif
