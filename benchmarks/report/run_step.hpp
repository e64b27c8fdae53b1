// SPDX-License-Identifier: BSL-1.0
#pragma once
// Runs one benchmark as a process, what it prints going to a file.

#include "report/samples.hpp"
#include "report/selection.hpp"

#include <string>
#include <vector>

namespace bench {

/// Where programs are found and where the raw results go.
struct Folders {
  std::string programs;
  std::string results;
};

struct Outcome {
  Step step;
  std::vector<Scored> scores;
  std::vector<std::string> left_out;  ///< the lines that say which rivals were missing
  std::string failure;                ///< why there are no scores, or empty
};

/// Runs it to its end, at most ten minutes, and reads what it wrote: <results>/<number>.tsv, .log.
Outcome run_step(const Step& step, std::size_t number, const Folders& folders);

}  // namespace bench
