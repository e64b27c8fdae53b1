// SPDX-License-Identifier: BSL-1.0
#pragma once

// The reads of files that a ring has under way.

#include <parley/platform/io_uring_abi.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/file_read.hpp>

#include <errno.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

class IoUringReads {
 public:
  static constexpr std::size_t capacity = 64;

  bool full() const noexcept { return ~taken_ == 0; }
  bool empty() const noexcept { return taken_ == 0; }

  /// Writes its entry, and returns its place. Not when all are taken.
  std::uint32_t add(FileRead& read, uring::Entry& entry) noexcept {
    const int place = std::countr_one(taken_);
    taken_ |= std::uint64_t{1} << place;
    reads_[static_cast<std::size_t>(place)] = &read;
    entry.opcode = uring::read;
    entry.handle = read.file;
    entry.offset = read.offset;
    entry.address = reinterpret_cast<std::uintptr_t>(read.data);
    entry.length = read.size;
    return static_cast<std::uint32_t>(place);
  }

  void end(std::size_t place, std::int32_t result) noexcept {
    const IoOutcome outcome = result < 0 ? IoOutcome{0, -result} : IoOutcome{static_cast<std::size_t>(result), 0};
    end(place, outcome, true);
  }

  /// The ring that has them is out of reach.
  void lose() noexcept {
    while (!empty()) end(static_cast<std::size_t>(std::countr_zero(taken_)), {0, ECANCELED}, false);
  }

 private:
  void end(std::size_t place, IoOutcome outcome, bool let_go) noexcept {
    FileRead& read = *reads_[place];
    taken_ &= ~(std::uint64_t{1} << place);
    read.outcome = outcome;
    read.ended(read, let_go);
  }

  std::uint64_t taken_ = 0;  // a bit for each place
  std::array<FileRead*, capacity> reads_;
};
static_assert(IoUringReads::capacity == 64, "a bit for each");

}  // namespace parley::inline PARLEY_ABI::platform

#endif
