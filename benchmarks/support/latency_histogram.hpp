// SPDX-License-Identifier: BSL-1.0
#pragma once
// Counts of latencies, for scenarios with too many samples to keep. Every sample is counted by itself; a percentile is
// off by at most 1/512 of its value.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bench {

class LatencyHistogram {
 public:
  void add(std::int64_t latency_ns) {
    ++counts_[bucket_of(static_cast<std::uint64_t>(latency_ns < 0 ? 0 : latency_ns))];
    ++total_;
  }

  std::uint64_t count() const { return total_; }

  /// The nearest-rank percentile in seconds, `fraction` in [0, 1]; 0 where there are no samples.
  double percentile_s(double fraction) const;

 private:
  // Each power of two is split into 256 buckets of equal width; below 512 a bucket is a nanosecond.
  static constexpr int kSplitBits = 8;
  static constexpr int kMostBits = 40;
  static constexpr std::uint64_t kMost_ns = (std::uint64_t{1} << kMostBits) - 1;  // 18 minutes
  static constexpr std::size_t kBuckets = std::size_t{kMostBits - kSplitBits + 1} << kSplitBits;

  static constexpr std::size_t bucket_of(std::uint64_t ns) {
    if (ns > kMost_ns) ns = kMost_ns;
    const int shift = ns < 512 ? 0 : static_cast<int>(std::bit_width(ns)) - kSplitBits - 1;
    return (static_cast<std::size_t>(shift) << kSplitBits) + static_cast<std::size_t>(ns >> shift);
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace bench
