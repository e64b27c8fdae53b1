// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the rivals of a scenario scored, round by round. Every round measures each rival once, in an order drawn anew,
// so that what else the machine does falls on all alike, and a rival is compared with the reference within the round.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace bench {

/// Calls `measure(rival, round)` for every rival in every round, the order of each round drawn by a generator of fixed
/// seed.
void interleave(std::size_t rounds, std::size_t rivals,
                const std::function<void(std::size_t rival, std::size_t round)>& measure);

class Results {
 public:
  /// `family` begins the names that Google Benchmark reports; ratios are to the rival named `reference`.
  Results(std::string family, std::string reference);

  /// Adds one sample of one figure; the first figure that is added is the one reported as the time, in seconds.
  void add(const std::string& rival, const std::string& figure, double sample);

  /// Prints a table of one figure on standard error (standard output stays Google Benchmark's): the median of each
  /// rival, least and greatest, and the median of its ratios to the reference with a 95 % interval. Samples are
  /// multiplied by `scale`.
  void print(const std::string& figure, const std::string& title, const std::string& unit, double scale) const;

  /// Has Google Benchmark report each rival's medians, as it was told to by its options (initialize_benchmark()).
  void report() const;

 private:
  struct Column {
    std::string rival;
    std::string figure;
    std::vector<double> samples;
  };
  const Column* find(const std::string& rival, const std::string& figure) const;
  Column& column(const std::string& rival, const std::string& figure);

  std::string family_;
  std::string reference_;
  std::string time_figure_;
  std::vector<Column> columns_;
};

}  // namespace bench
