// SPDX-License-Identifier: BSL-1.0
#include "support/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace bench {

double percentile(std::vector<double> samples, double fraction) {
  if (samples.empty()) return 0;
  const double rank = std::ceil(fraction * static_cast<double>(samples.size()));
  const std::size_t index = std::min(samples.size() - 1, rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1);
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

double median(std::vector<double> samples) { return median_interval(std::move(samples)).middle; }

MedianInterval median_interval(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const std::size_t count = samples.size();
  const std::size_t half = count / 2;
  const double middle = count % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
  // Half the width in ranks: 1.96 standard deviations of a binomial with p = 1/2.
  const double reach = 0.98 * std::sqrt(static_cast<double>(count));
  const double centre = static_cast<double>(count - 1) / 2;
  if (count < 6) return {middle, samples.front(), samples.back()};
  return {middle, samples[static_cast<std::size_t>(std::max(0.0, std::floor(centre - reach)))],
          samples[std::min(count - 1, static_cast<std::size_t>(std::ceil(centre + reach)))]};
}

}  // namespace bench
