// SPDX-License-Identifier: BSL-1.0
#pragma once
// Which benchmarks the report runs, and which of their figures it shows.

#include <cstddef>
#include <string>
#include <vector>

namespace bench {

/// A figure of a benchmark; less is better, always.
struct Question {
  std::string text;
  std::string figure;  ///< its name among the samples
  std::string unit;
  double scale;  ///< samples, in seconds or bytes, times this are in that unit
};

/// One run of a benchmark.
struct Step {
  std::string subject;  ///< what its questions are about
  std::string program;
  std::vector<std::string> options;
  std::vector<Question> questions;
  std::size_t members = 0;     ///< where not 0, its CPU per delivery is a point of the plot
  std::string command = {};    ///< to be shown instead of program and options
  std::string leave_out = {};  ///< a name among the samples that is no rival
};

/// Five minutes on two quiet cores of 2 GHz.
std::vector<Step> whole_selection();

/// The same kinds of step in a few seconds: that all works, not how fast.
std::vector<Step> quick_selection();

}  // namespace bench
