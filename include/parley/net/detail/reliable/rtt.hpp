// SPDX-License-Identifier: BSL-1.0
#pragma once

// Round-trip times (RFC 6298; the delay of acknowledgements is taken out as in RFC 9002, 5).

#include <parley/platform/clock.hpp>

#include <algorithm>
#include <chrono>

namespace parley::inline PARLEY_ABI::detail::reliable {

class RttEstimator {
 public:
  /// Before the first sample.
  static constexpr Duration initial = std::chrono::milliseconds(333);  // RFC 9002, 6.2.2
  /// Of timers, which are no finer.
  static constexpr Duration granularity = std::chrono::milliseconds(1);

  bool known() const noexcept { return known_; }
  Duration smoothed() const noexcept { return smoothed_; }
  Duration variation() const noexcept { return variation_; }
  Duration latest() const noexcept { return latest_; }
  /// The smallest of the connection.
  Duration smallest() const noexcept { return smallest_; }

  /// Only of a transmission that was certainly the one acknowledged.
  void sample(Duration rtt, Duration acknowledgement_delay) noexcept {
    rtt = std::max(rtt, Duration(1));
    smallest_ = known_ ? std::min(smallest_, rtt) : rtt;
    if (rtt - acknowledgement_delay >= smallest_) rtt -= acknowledgement_delay;
    latest_ = rtt;
    if (!known_) {
      known_ = true;
      smoothed_ = rtt;
      variation_ = rtt / 2;
      return;
    }
    const Duration difference = smoothed_ > rtt ? smoothed_ - rtt : rtt - smoothed_;
    variation_ += (difference - variation_) / 4;
    smoothed_ += (rtt - smoothed_) / 8;
  }

  /// How long to wait for an acknowledgement of the last packet before asking for one.
  Duration probe_timeout() const noexcept { return smoothed_ + std::max(4 * variation_, granularity); }
  /// A packet that is older than this when a later one is acknowledged counts as lost. `eighths` of a round trip are
  /// allowed for reordering.
  Duration loss_delay(int eighths) const noexcept {
    const Duration base = std::max(smoothed_, latest_);
    return std::max(base + base * eighths / 8, granularity);
  }

 private:
  Duration smoothed_ = initial;
  Duration variation_ = initial / 2;
  Duration latest_ = initial;
  Duration smallest_ = initial;
  bool known_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
