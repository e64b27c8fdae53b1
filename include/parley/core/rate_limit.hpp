// SPDX-License-Identifier: BSL-1.0
#pragma once

// RateLimit: so much a second on average, and so much at once. Messages of a chat, say, or bytes of a transfer.
//
//   const RateLimit limit(20, 50);                  // 20 a second, 50 at once
//   RateLimit::Use use;                             // what one sender has used: 8 bytes
//   if (!limit.try_take(use, now)) co_await sleep(limit.due(use) - now);
//
// The generic cell rate algorithm (ITU-T I.371, annex A): what was taken is paid for by the passing of time, and may be
// paid for later, as far as a burst allows. There is no timer; the caller says what time it is.
//
// Threads: none of its own. The rule may be shared; a Use belongs to one at a time.

#include <parley/platform/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

class RateLimit {
 public:
  /// What was used of a limit by one of those whom it limits.
  class Use {
   public:
    /// When all that was taken is paid for.
    TimePoint paid_until() const noexcept { return paid_until_; }

   private:
    friend class RateLimit;
    TimePoint paid_until_{};
  };

  /// So much a second; 0: any amount at any time. More than 2^33 counts as that. At least 1 at once; more than what a
  /// day brings counts as that.
  constexpr RateLimit(std::uint64_t per_second, std::uint64_t burst) noexcept
      : per_second_(std::min(per_second, most_per_second)), burst_(std::max<std::uint64_t>(burst, 1)) {}

  /// When that amount may be taken; TimePoint::min() where there is no limit. An amount over the burst may be taken
  /// when all before it is paid for.
  constexpr TimePoint due(const Use& use, std::uint64_t amount = 1) const noexcept {
    if (per_second_ == 0) return TimePoint::min();
    return use.paid_until_ - time_for(burst_ - std::min(amount, burst_));
  }

  /// Takes it if it is due.
  constexpr bool try_take(Use& use, TimePoint now, std::uint64_t amount = 1) const noexcept {
    if (due(use, amount) > now) return false;
    take(use, now, amount);
    return true;
  }

  /// Takes it, whether it is due or not: for what has happened already.
  constexpr void take(Use& use, TimePoint now, std::uint64_t amount = 1) const noexcept {
    if (per_second_ == 0) return;
    const TimePoint from = std::max(use.paid_until_, now);
    const Duration cost = time_for(amount);
    use.paid_until_ = from > TimePoint::max() - cost ? TimePoint::max() : from + cost;
  }

 private:
  static constexpr std::uint64_t most_per_second = std::uint64_t{1} << 33;  // times 10^9 it fits into 63 bits
  static constexpr std::uint64_t ticks_per_second = 1'000'000'000;
  static constexpr std::uint64_t most_seconds = 86'400;
  static_assert(Duration(std::chrono::seconds(1)).count() == ticks_per_second);

  constexpr Duration time_for(std::uint64_t amount) const noexcept {
    const std::uint64_t seconds = std::min(amount / per_second_, most_seconds);
    const std::uint64_t rest = amount % per_second_ * ticks_per_second / per_second_;
    return Duration(static_cast<std::int64_t>(seconds * ticks_per_second + rest));
  }

  std::uint64_t per_second_;
  std::uint64_t burst_;
};

}  // namespace parley::inline PARLEY_ABI
