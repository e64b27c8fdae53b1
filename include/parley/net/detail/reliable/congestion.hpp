// SPDX-License-Identifier: BSL-1.0
#pragma once

// How much may be on the way, and how fast it goes out.
//
// TCP Illinois (Liu, Başar and Srikant, 2006): a loss takes from the window, as with Reno (RFC 5681), but how much, and
// how fast the window grows again, follows the queueing delay. On a path that loses packets without being full this
// keeps more of it in use than Reno does; on one that is full both behave alike, and share it. Slow start ends early
// where delay grows (HyStart++, RFC 9406). Packets leave at the pace of the window (RFC 9002, 7.7).

#include <parley/net/detail/reliable/wire.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::detail::reliable {

class Congestion {
 public:
  static constexpr std::size_t smallest_window = 4 * max_datagram;
  static constexpr std::size_t first_window = 10 * max_datagram;  // RFC 6928
  static constexpr std::size_t largest_window = std::size_t{64} << 20;

  std::size_t window() const noexcept { return window_; }
  bool in_slow_start() const noexcept { return window_ < threshold_; }

  /// For each acknowledgement. `limited`: the window, not the application, decided how much was on the way.
  void acknowledged(std::size_t bytes, std::uint64_t largest, std::uint64_t next, Duration rtt, bool sampled,
                    bool limited) noexcept {
    if (sampled) note(rtt);
    if (limited && !(largest < recovery_until_)) {
      if (in_slow_start()) {
        window_ += bytes;
      } else {
        window_ += static_cast<std::size_t>(alpha_ * static_cast<double>(bytes) * max_datagram /
                                            static_cast<double>(window_)) +
                   1;
      }
      window_ = std::min(window_, largest_window);
    }
    if (largest >= round_end_) end_round(next);
  }

  /// A packet was lost. Takes from the window once in a round trip (RFC 9002, 7.3.2).
  void lost(std::uint64_t number, std::uint64_t next) noexcept {
    if (number < recovery_until_) {
      if (number >= recovery_from_) ++losses_;
      return;
    }
    recovery_from_ = number;
    recovery_until_ = next;
    losses_ = 1;
    window_before_ = window_;
    threshold_before_ = threshold_;
    window_ = std::max(smallest_window, window_ - static_cast<std::size_t>(beta_ * static_cast<double>(window_)));
    threshold_ = window_;
  }
  /// It was not: what was only late takes nothing from the window (as RFC 3522 has it for TCP).
  void not_lost(std::uint64_t number) noexcept {
    if (number < recovery_from_ || number >= recovery_until_ || losses_ == 0) return;
    if (--losses_ != 0) return;
    window_ = std::max(window_, window_before_);
    threshold_ = std::max(threshold_, threshold_before_);
  }

  /// Nothing at all came back for a long time (RFC 9002, 7.6).
  void collapse() noexcept {
    threshold_ = std::max(window_ / 2, smallest_window);
    window_ = smallest_window;
  }

  // Pacing: a bucket that fills at a little more than a window each round trip.
  TimePoint next_departure() const noexcept { return next_departure_; }
  void departed(std::size_t bytes, TimePoint now, Duration smoothed) noexcept {
    const double gain = in_slow_start() ? 2.0 : 1.25;
    const double interval =
        static_cast<double>(smoothed.count()) * static_cast<double>(bytes) / (gain * static_cast<double>(window_));
    const Duration burst =
        Duration(static_cast<Duration::rep>(interval * burst_packets)) + std::chrono::milliseconds(1);
    credit_time_ = std::max(credit_time_, now - burst) + Duration(static_cast<Duration::rep>(interval));
    next_departure_ = credit_time_;
  }

 private:
  static constexpr double burst_packets = 10;
  static constexpr double largest_alpha = 10;
  static constexpr double smallest_alpha = 0.3;
  static constexpr double smallest_beta = 0.125;
  static constexpr double largest_beta = 0.5;

  void note(Duration rtt) noexcept {
    const double sample = static_cast<double>(rtt.count());
    base_rtt_ = base_rtt_ == 0 ? sample : std::min(base_rtt_, sample);
    round_min_ = round_samples_ == 0 ? sample : std::min(round_min_, sample);
    ++round_samples_;
  }

  void end_round(std::uint64_t next) noexcept {
    round_end_ = next;
    if (round_samples_ == 0) return;
    // Slow start has filled the path when even the quickest packet of a round waits.
    const double margin = std::clamp(last_round_min_ / 8, 4e6, 16e6);
    if (in_slow_start() && last_round_min_ != 0 && round_samples_ >= 8 && round_min_ >= last_round_min_ + margin) {
      threshold_ = window_;
    }
    if (round_samples_ >= 8 || last_round_min_ == 0) last_round_min_ = round_min_;
    max_rtt_ = std::max(max_rtt_, round_min_);
    // What is less than an eighth of the way there and back may be the path's own unrest.
    adapt(round_min_ - base_rtt_, std::max({max_rtt_ - base_rtt_, base_rtt_ / 8, 1e6}));
    round_samples_ = 0;
  }

  // The two curves of the paper, for the queueing delay of the last round and the largest ever. Delay is that of the
  // round's quickest packet, which jitter changes least.
  void adapt(double delay, double most) noexcept {
    if (window_ < 15 * max_datagram) {
      alpha_ = 1;
      beta_ = largest_beta;
      return;
    }
    const double first = most / 100;
    if (delay <= first) {
      alpha_ = largest_alpha;
    } else {
      const double span = most - first;
      const double k1 = span * smallest_alpha * largest_alpha / (largest_alpha - smallest_alpha);
      const double k2 = span * smallest_alpha / (largest_alpha - smallest_alpha) - first;
      alpha_ = std::clamp(k1 / (k2 + delay), smallest_alpha, largest_alpha);
    }
    const double low = most / 10;
    const double high = most * 8 / 10;
    beta_ = std::clamp(smallest_beta + (largest_beta - smallest_beta) * (delay - low) / (high - low), smallest_beta,
                       largest_beta);
  }

  std::size_t window_ = first_window;
  std::size_t threshold_ = SIZE_MAX;
  std::uint64_t recovery_from_ = 0;
  std::uint64_t recovery_until_ = 0;
  std::uint64_t losses_ = 0;  // of the last recovery, without those that were not
  std::size_t window_before_ = 0;
  std::size_t threshold_before_ = 0;
  std::uint64_t round_end_ = 0;
  std::uint64_t round_samples_ = 0;
  double round_min_ = 0;
  double last_round_min_ = 0;
  double base_rtt_ = 0;
  double max_rtt_ = 0;
  double alpha_ = 1;
  double beta_ = largest_beta;
  TimePoint credit_time_{};
  TimePoint next_departure_{};
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
