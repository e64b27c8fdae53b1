// SPDX-License-Identifier: BSL-1.0
#pragma once

// Of the packets sent lately, the share that was lost: the later one was sent, the more it counts.

#include <parley/platform/config.hpp>

#include <algorithm>

namespace parley::inline PARLEY_ABI::detail::reliable {

class LossShare {
 public:
  void note(bool lost) noexcept {
    lost_ += ((lost ? 1.0 : 0.0) - lost_) * weight;
    all_ += (1.0 - all_) * weight;
  }
  /// One that was noted as lost, not long ago, only came late.
  void found() noexcept { lost_ = std::max(lost_ - weight, 0.0); }

  /// Of as many packets as there were; 0 before the first.
  double told() const noexcept { return all_ > 0 ? lost_ / all_ : 0; }
  /// As if none had been lost before the first: a few losses alone do not make much of it.
  double proven() const noexcept { return lost_; }

 private:
  static constexpr double weight = 1.0 / 64;  // of the latest one
  double lost_ = 0;
  double all_ = 0;  // what lost_ would be had all been lost
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
