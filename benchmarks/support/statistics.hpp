// SPDX-License-Identifier: BSL-1.0
#pragma once
// Order statistics over our own samples. (Google Benchmark's are over the means of repetitions.)

#include <vector>

namespace bench {

/// The nearest-rank percentile, `fraction` in [0, 1]; 0 where there are no samples.
double percentile(std::vector<double> samples, double fraction);

/// The middle sample, or the mean of the middle two; 0 where there are none.
double median(std::vector<double> samples);

/// A median and the interval that holds the true one with 95 % confidence, whatever the distribution (by order
/// statistics, normal approximation of the binomial; with fewer than six samples the interval is the whole range).
struct MedianInterval {
  double middle;
  double low;
  double high;
};
MedianInterval median_interval(std::vector<double> samples);

}  // namespace bench
