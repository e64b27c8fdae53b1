// SPDX-License-Identifier: BSL-1.0
#include "report/samples.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace bench {

std::vector<Scored> read_samples(const std::string& path) {
  std::vector<Scored> all;
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    std::istringstream cells{line};
    std::string family;
    Scored scored;
    std::getline(cells, family, '\t');
    std::getline(cells, scored.rival, '\t');
    std::getline(cells, scored.figure, '\t');
    for (std::string cell; std::getline(cells, cell, '\t');)
      scored.samples.push_back(std::strtod(cell.c_str(), nullptr));
    if (!scored.samples.empty()) all.push_back(scored);
  }
  return all;
}

}  // namespace bench
