// SPDX-License-Identifier: BSL-1.0
#pragma once

// How often something may happen: so many times a second on average, some of them at once. The caller has the clock.

#include <parley/platform/clock.hpp>

#include <algorithm>
#include <cstdint>

namespace udp_chat {

/// The virtual scheduling algorithm of ITU-T I.371: one time is all that it remembers.
class RateLimit {
 public:
  /// Both at least 1.
  RateLimit(std::uint32_t per_second, std::uint32_t burst) noexcept
      : interval_(std::chrono::duration_cast<parley::Duration>(std::chrono::seconds(1)) / per_second),
        slack_(interval_ * (burst - 1)) {}

  /// When it may happen next; in the past: at once.
  parley::TimePoint next() const noexcept { return due_ - slack_; }
  /// True, and it is counted; or it would be too fast.
  bool take(parley::TimePoint now) noexcept {
    if (now < next()) return false;
    due_ = std::max(due_, now) + interval_;
    return true;
  }

 private:
  parley::Duration interval_, slack_;
  parley::TimePoint due_{};  // of the next, if they came evenly
};

}  // namespace udp_chat
