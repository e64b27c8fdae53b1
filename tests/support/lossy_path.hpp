// SPDX-License-Identifier: BSL-1.0
#pragma once

// A path that treats datagrams as a bad network does: some are lost, some come twice, some come late and so out of
// order. What happens depends on the seed alone. No input and no output; the caller has the clock.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>

namespace support {

/// What is done to a datagram, of 100; and how long it is under way.
struct LossyPathOptions {
  std::uint64_t seed = 1;
  unsigned drop = 0, duplicate = 0, reorder = 0;
  std::chrono::nanoseconds delay{0};
  std::chrono::nanoseconds jitter{0};                                      // either way, evenly; at most the delay
  std::chrono::nanoseconds reorder_delay = std::chrono::milliseconds(20);  // what is reordered takes up to this longer
};

class LossyPath {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Datagrams under way; more are dropped, as by a router whose queue is full.
  static constexpr std::size_t capacity = 65536;

  struct Counters {
    std::uint64_t taken = 0, bytes = 0, delivered = 0, dropped = 0, duplicated = 0,
                  reordered = 0;  // bytes of the taken
  };

  explicit LossyPath(LossyPathOptions options)
      : options_(options), random_(options.seed), jitter_(options.seed ^ 0x9e3779b97f4a7c15) {}

  void push(std::string datagram, Time now) {
    ++counters_.taken;
    counters_.bytes += datagram.size();
    // All are drawn always, so that the options do not change what the others do.
    const bool drop = one_of(options_.drop), duplicate = one_of(options_.duplicate), reorder = one_of(options_.reorder);
    const auto late = options_.reorder_delay * static_cast<std::int64_t>(random_() % 1000 + 1) / 1000;
    if (drop || under_way_.size() + 1 >= capacity) {
      ++counters_.dropped;
      return;
    }
    counters_.duplicated += duplicate;
    counters_.reordered += reorder;
    const Time arrival = now + delay();
    if (duplicate) under_way_.emplace(arrival, datagram);
    under_way_.emplace(arrival + (reorder ? late : late * 0), std::move(datagram));
  }
  /// What has arrived by now, one after the other.
  std::optional<std::string> pop(Time now) {
    if (under_way_.empty() || under_way_.begin()->first > now) return std::nullopt;
    ++counters_.delivered;
    return std::move(under_way_.extract(under_way_.begin()).mapped());
  }
  /// When the next arrives; never: the end of time.
  Time due() const { return under_way_.empty() ? Time::max() : under_way_.begin()->first; }
  const Counters& counters() const { return counters_; }

 private:
  bool one_of(unsigned percent) { return random_() % 100 < percent; }
  std::chrono::nanoseconds delay() {
    const auto part = static_cast<std::int64_t>(jitter_() % 2001) - 1000;
    return options_.delay + options_.jitter * part / 1000;
  }

  LossyPathOptions options_;
  std::mt19937_64 random_;
  std::mt19937_64 jitter_;  // of its own, so that it does not change what is lost
  std::multimap<Time, std::string> under_way_;
  Counters counters_;
};

}  // namespace support
