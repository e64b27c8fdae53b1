// SPDX-License-Identifier: BSL-1.0
#pragma once

// One limit for all connections of a program, whatever loops they are on.

#include <parley/io/bandwidth.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace file_transfer {

/// A parley::Bandwidth. Threads: any.
class SharedBandwidth {
 public:
  /// 0: any.
  explicit SharedBandwidth(std::uint64_t bytes_per_second) : bandwidth_(bytes_per_second) {}

  /// How many of so many bytes are to be moved at once; this never changes.
  std::size_t at_most(std::size_t wanted) const { return bandwidth_.at_most(wanted); }
  /// So many have been moved: when whoever has moved them may go on.
  parley::TimePoint took(std::size_t bytes, parley::TimePoint now) {
    const std::lock_guard lock(mutex_);
    bandwidth_.took(bytes, now);
    return bandwidth_.due();
  }

 private:
  std::mutex mutex_;
  parley::Bandwidth bandwidth_;
};

}  // namespace file_transfer
