// SPDX-License-Identifier: BSL-1.0
#pragma once
// Lines on two logarithmic axes, as SVG that is read on a light page and on a dark one.

#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Line {
  std::string name;                                ///< written beside its last point
  std::vector<std::pair<double, double>> points;   ///< from left to right, all above 0
  std::vector<std::pair<double, double>> spreads;  ///< the interval around each point's second number
};

struct Plot {
  std::string title;
  std::string below;  ///< of the horizontal axis, unit included
  std::string above;  ///< of the vertical one
  std::vector<Line> lines;
};

/// Writes an empty frame where there are no points.
void write_svg(std::ostream& out, const Plot& plot);

}  // namespace bench
