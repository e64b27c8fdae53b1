// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include "support/die.hpp"
#include "support/statistics.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <random>
#include <utility>

namespace bench {
namespace {

std::string ratio_heading(const std::string& reference) { return "  ratio to " + reference + ", 95 % interval"; }

}  // namespace

void interleave(std::size_t rounds, std::size_t rivals,
                const std::function<void(std::size_t rival, std::size_t round)>& measure) {
  std::vector<std::size_t> order(rivals);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 generator{1};
  for (std::size_t round = 0; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), generator);
    for (const std::size_t rival : order) measure(rival, round);
  }
}

Results::Results(std::string family, std::vector<std::string> references)
    : family_{std::move(family)}, references_{std::move(references)} {}

const Results::Column* Results::find(const std::string& rival, const std::string& figure) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) {
    return column.rival == rival && column.figure == figure;
  });
  return found == columns_.end() ? nullptr : &*found;
}

Results::Column& Results::column(const std::string& rival, const std::string& figure) {
  for (Column& column : columns_)
    if (column.rival == rival && column.figure == figure) return column;
  return columns_.emplace_back(Column{rival, figure, {}});
}

void Results::add(const std::string& rival, const std::string& figure, double sample) {
  if (columns_.empty()) time_figure_ = figure;
  column(rival, figure).samples.push_back(sample);
}

std::vector<Results::Column> Results::sorted_by_median(const std::string& figure) const {
  std::vector<Column> rows;
  for (const Column& column : columns_)
    if (column.figure == figure) rows.push_back(column);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Column& a, const Column& b) { return median(a.samples) < median(b.samples); });
  return rows;
}

void Results::print_ratio(const Column& row, const std::string& reference) const {
  const Column* base = find(reference, row.figure);
  if (base == nullptr) return;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(row.samples.size(), base->samples.size()); ++i)
    if (base->samples[i] > 0) ratios.push_back(row.samples[i] / base->samples[i]);
  const MedianInterval ratio = median_interval(ratios);
  char cell[64] = "";
  if (!ratios.empty()) std::snprintf(cell, sizeof cell, "  %.3f (%.3f to %.3f)", ratio.middle, ratio.low, ratio.high);
  std::fprintf(stderr, "%-*s", static_cast<int>(ratio_heading(reference).size()), cell);
}

void Results::print(const std::string& figure, const std::string& title, const std::string& unit, double scale) const {
  const std::vector<Column> rows = sorted_by_median(figure);
  if (rows.empty()) return;
  std::fprintf(stderr, "\n%s: %s (%s)\n%-20s %11s %11s %11s %7s", family_.c_str(), title.c_str(), unit.c_str(), "",
               "median", "least", "greatest", "rounds");
  for (const std::string& reference : references_)
    if (find(reference, figure) != nullptr) std::fputs(ratio_heading(reference).c_str(), stderr);
  std::fputc('\n', stderr);
  for (const Column& row : rows) {
    std::fprintf(stderr, "%-20s %11.2f %11.2f %11.2f %7zu", row.rival.c_str(), median(row.samples) * scale,
                 percentile(row.samples, 0) * scale, percentile(row.samples, 1) * scale, row.samples.size());
    for (const std::string& reference : references_) print_ratio(row, reference);
    std::fputc('\n', stderr);
  }
}

void Results::print_medians(const std::string& title, const std::vector<Heading>& headings) const {
  std::fprintf(stderr, "\n%s: %s\n%-20s", family_.c_str(), title.c_str(), "");
  for (const Heading& heading : headings) std::fprintf(stderr, " %11s", heading.text.c_str());
  std::fputc('\n', stderr);
  for (const Column& row : sorted_by_median(headings.front().figure)) {
    std::fprintf(stderr, "%-20s", row.rival.c_str());
    for (const Heading& heading : headings) {
      const Column* cell = find(row.rival, heading.figure);
      if (cell == nullptr)
        std::fprintf(stderr, " %11s", "-");
      else
        std::fprintf(stderr, " %11.2f", median(cell->samples) * heading.scale);
    }
    std::fputc('\n', stderr);
  }
}

void Results::write(const std::string& path) const {
  if (path.empty()) return;
  std::ofstream file{path};
  file.precision(9);
  for (const Column& column : columns_) {
    file << family_ << '\t' << column.rival << '\t' << column.figure;
    for (const double sample : column.samples) file << '\t' << sample;
    file << '\n';
  }
  if (!file.flush()) die_errno(("cannot write " + path).c_str());
}

void Results::report() const {
  for (const Column& time : columns_) {
    if (time.figure != time_figure_) continue;
    benchmark::RegisterBenchmark((family_ + "/" + time.rival).c_str(),
                                 [this, &time](benchmark::State& state) {
                                   for (auto _ : state) state.SetIterationTime(median(time.samples));
                                   for (const Column& column : columns_)
                                     if (column.rival == time.rival && column.figure != time_figure_)
                                       state.counters[column.figure] = median(column.samples);
                                 })
        ->UseManualTime()
        ->Iterations(1);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}

}  // namespace bench
