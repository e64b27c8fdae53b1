// SPDX-License-Identifier: BSL-1.0
#include "support/latency_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

double LatencyHistogram::percentile_s(double fraction) const {
  if (total_ == 0) return 0;
  const double rank = std::ceil(fraction * static_cast<double>(total_));
  const std::uint64_t wanted = std::max<std::uint64_t>(1, rank < 1 ? 1 : static_cast<std::uint64_t>(rank));
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while (bucket + 1 < counts_.size() && (seen += counts_[bucket]) < wanted) ++bucket;
  // The inverse of bucket_of(): the middle of what falls into the bucket.
  const std::size_t shift = bucket < 512 ? 0 : (bucket >> kSplitBits) - 1;
  const double width_ns = std::ldexp(1.0, static_cast<int>(shift));
  const double least_ns = static_cast<double>(bucket - (shift << kSplitBits)) * width_ns;
  return (least_ns + (width_ns - 1) / 2) * 1e-9;
}

}  // namespace bench
