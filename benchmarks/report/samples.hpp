// SPDX-License-Identifier: BSL-1.0
#pragma once
// What a benchmark wrote with --samples=FILE (Results::write): a line for each rival and figure.

#include <string>
#include <vector>

namespace bench {

struct Scored {
  std::string rival;
  std::string figure;
  std::vector<double> samples;  ///< one a round, seconds or bytes
};

/// The lines of the file at `path`; what is no such line is left out. None where the file cannot be read.
std::vector<Scored> read_samples(const std::string& path);

}  // namespace bench
