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

  /// The kernel has made it; tell() says so.
  void note(std::size_t place, std::int32_t result) noexcept {
    reads_[place]->outcome = result < 0 ? IoOutcome{0, -result} : IoOutcome{static_cast<std::size_t>(result), 0};
    noted_ |= std::uint64_t{1} << place;
  }
  /// There are some to tell of.
  bool noted() const noexcept { return noted_ != 0; }
  void tell() noexcept {
    while (noted_ != 0) end(static_cast<std::size_t>(std::countr_zero(noted_)), true);
  }

  /// The ring that has them is out of reach.
  void lose() noexcept {
    tell();
    while (!empty()) {
      const auto place = static_cast<std::size_t>(std::countr_zero(taken_));
      reads_[place]->outcome = {0, ECANCELED};
      end(place, false);
    }
  }

 private:
  void end(std::size_t place, bool let_go) noexcept {
    FileRead& read = *reads_[place];
    taken_ &= ~(std::uint64_t{1} << place);
    noted_ &= ~(std::uint64_t{1} << place);
    read.ended(read, let_go);
  }

  std::uint64_t taken_ = 0;  // a bit for each place
  std::uint64_t noted_ = 0;  // of these, a bit for each that has been made
  std::array<FileRead*, capacity> reads_;
};
static_assert(IoUringReads::capacity == 64, "a bit for each");

}  // namespace parley::inline PARLEY_ABI::platform

#endif
