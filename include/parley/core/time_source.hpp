// SPDX-License-Identifier: BSL-1.0
#pragma once

// Where a loop takes the time from. Tests give it a clock that they drive themselves.

#include <parley/platform/clock.hpp>

namespace parley::inline PARLEY_ABI {

class TimeSource {
 public:
  virtual TimePoint now() const noexcept = 0;
  /// Called by a loop that has nothing to do before this time. True: it is that time now. False: wait for real.
  virtual bool skip_to(TimePoint time) noexcept = 0;

 protected:
  ~TimeSource() = default;
};

/// A clock that stands still until it is told otherwise, or, when it skips idle time, until a loop that uses it has
/// nothing to do but wait for a timer: then it jumps there. Not thread-safe: for one loop.
class ManualClock final : public TimeSource {
 public:
  enum class Idle { stand_still, skip };
  explicit ManualClock(Idle idle = Idle::stand_still) noexcept : idle_(idle) {}

  void advance(Duration duration) noexcept { now_ += duration; }
  TimePoint now() const noexcept override { return now_; }
  bool skip_to(TimePoint time) noexcept override {
    if (idle_ == Idle::skip && time > now_) now_ = time;
    return idle_ == Idle::skip;
  }

 private:
  TimePoint now_{std::chrono::hours(1)};
  Idle idle_;
};

}  // namespace parley::inline PARLEY_ABI
