// SPDX-License-Identifier: BSL-1.0
#pragma once

// How many bytes a second go through, all connections together.

#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace file_transfer {

class Rate {
 public:
  /// 0: any.
  explicit Rate(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// No more at once, so that what is slow goes on evenly and the peer sees that it goes on.
  std::size_t most_at_once(std::size_t wanted) const {
    if (bytes_per_second_ == 0) return wanted;
    return std::min<std::size_t>(wanted, std::max<std::uint64_t>(bytes_per_second_ / 10, 1));
  }

  /// Completes when so many bytes are paid for, which have gone through already. False: it was stopped.
  parley::Task<bool> pay(std::size_t bytes) {
    if (bytes_per_second_ == 0) co_return true;
    const auto now = parley::Clock::now();
    const double seconds = static_cast<double>(bytes) / static_cast<double>(bytes_per_second_);
    paid_until_ = std::max(paid_until_, now) +
                  std::chrono::duration_cast<parley::Duration>(std::chrono::duration<double>(std::min(seconds, 1e6)));
    const auto slept = co_await parley::sleep_until(paid_until_);
    co_return static_cast<bool>(slept);
  }

 private:
  const std::uint64_t bytes_per_second_;
  parley::TimePoint paid_until_{};
};

}  // namespace file_transfer
