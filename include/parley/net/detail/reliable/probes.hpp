// SPDX-License-Identifier: BSL-1.0
#pragma once

// When to ask the peer for a sign of life: because an acknowledgement is overdue, because it has been silent for long, or
// because it has to know that the connection stands.

#include <parley/net/detail/reliable/received.hpp>
#include <parley/net/detail/reliable/rtt.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <chrono>

namespace parley::inline PARLEY_ABI::detail::reliable {

class Probes {
 public:
  /// Of probes without an answer: then the window collapses; then a farewell counts as said.
  static constexpr unsigned collapse_after = 3;
  static constexpr unsigned farewell_after = 6;

  Probes(TimePoint now, Duration keepalive) noexcept : keepalive_(keepalive), heard_(now), asked_(now) {}

  TimePoint heard() const noexcept { return heard_; }
  /// How many have had no answer.
  unsigned unanswered() const noexcept { return unanswered_; }
  bool due() const noexcept { return due_; }
  /// With the probe goes what is not acknowledged.
  bool resends() const noexcept { return resends_; }

  void hear(TimePoint now) noexcept { heard_ = now; }
  void ask(TimePoint now) noexcept { asked_ = now; }
  void answered() noexcept { unanswered_ = 0; }
  void sent() noexcept { due_ = resends_ = false; }
  void ask_now() noexcept { due_ = resends_ = true; }
  void greet(TimePoint now) noexcept {
    greetings_ = 3;
    greeting_due_ = now;
  }

  TimePoint next(const RttEstimator& rtt, bool in_flight) const noexcept {
    const TimePoint at = in_flight ? timeout(rtt) : quiet_until();
    return greetings_ != 0 ? std::min(at, greeting_due_) : at;
  }
  /// True where it is time for the window to collapse.
  bool check(TimePoint now, const RttEstimator& rtt, bool in_flight) noexcept {
    if (greetings_ != 0 && greeting_due_ <= now) {
      due_ = true;
      --greetings_;
      greeting_due_ = now + std::chrono::milliseconds(10);
    }
    if (!in_flight) {
      due_ = due_ || quiet_until() <= now;
      return false;
    }
    if (timeout(rtt) > now) return false;
    due_ = resends_ = true;
    return ++unanswered_ == collapse_after;
  }

 private:
  static constexpr Duration longest_pause = std::chrono::seconds(2);

  TimePoint quiet_until() const noexcept { return std::max(heard_, asked_) + keepalive_; }
  // The pauses grow by half each time.
  TimePoint timeout(const RttEstimator& rtt) const noexcept {
    const Duration first = rtt.probe_timeout() + ReceivedPackets::longest_delay;
    const Duration longest = std::max(first, longest_pause);
    Duration pause = first;
    for (unsigned i = 0; i < unanswered_ && pause < longest; ++i) pause += pause / 2;
    return asked_ + std::min(pause, longest);
  }

  Duration keepalive_;
  TimePoint heard_;  // anything that counts
  TimePoint asked_;  // sent something that is to be acknowledged
  TimePoint greeting_due_{};
  unsigned unanswered_ = 0;
  unsigned greetings_ = 0;
  bool due_ = false;
  bool resends_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
