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
  /// `family` begins the names that Google Benchmark reports; ratios are to the rivals named in `references`.
  Results(std::string family, std::vector<std::string> references);

  /// Adds one sample of one figure; the first figure that is added is the one reported as the time, in seconds.
  void add(const std::string& rival, const std::string& figure, double sample);

  /// Prints a table of one figure on standard error (standard output stays Google Benchmark's): the median of each
  /// rival, least and greatest, and the median of its ratios to each reference with a 95 % interval. Samples are
  /// multiplied by `scale`.
  void print(const std::string& figure, const std::string& title, const std::string& unit, double scale) const;

  struct Heading {
    std::string figure;
    std::string text;  ///< at most 11 characters
    double scale;
  };
  /// Prints one table of several figures on standard error: a line a rival, sorted by the first figure, with its
  /// medians; "-" where it has none.
  void print_medians(const std::string& title, const std::vector<Heading>& headings) const;

  /// Writes all samples to the file at `path`, a line for each rival and figure: family, rival, figure and the samples
  /// in the order of the rounds, separated by tabs. Nothing where `path` is empty; a failure ends the process.
  void write(const std::string& path) const;

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
  std::vector<Column> sorted_by_median(const std::string& figure) const;
  void print_ratio(const Column& row, const std::string& reference) const;

  std::string family_;
  std::vector<std::string> references_;
  std::string time_figure_;
  std::vector<Column> columns_;
};

}  // namespace bench
