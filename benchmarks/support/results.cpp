// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include "support/statistics.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>
#include <utility>

namespace bench {

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

Results::Results(std::string family, std::string reference)
    : family_{std::move(family)}, reference_{std::move(reference)} {}

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

void Results::print(const std::string& figure, const std::string& title, const std::string& unit, double scale) const {
  std::vector<Column> rows;
  for (const Column& column : columns_)
    if (column.figure == figure) rows.push_back(column);
  if (rows.empty()) return;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Column& a, const Column& b) { return median(a.samples) < median(b.samples); });
  const Column* reference = find(reference_, figure);
  std::fprintf(stderr, "\n%s: %s (%s)\n%-20s %11s %11s %11s %7s", family_.c_str(), title.c_str(), unit.c_str(), "",
               "median", "least", "greatest", "rounds");
  if (reference != nullptr) std::fprintf(stderr, "  ratio to %s, 95 %% interval", reference_.c_str());
  std::fputc('\n', stderr);
  for (const Column& row : rows) {
    std::fprintf(stderr, "%-20s %11.2f %11.2f %11.2f %7zu", row.rival.c_str(), median(row.samples) * scale,
                 percentile(row.samples, 0) * scale, percentile(row.samples, 1) * scale, row.samples.size());
    std::vector<double> ratios;
    for (std::size_t i = 0; reference != nullptr && i < std::min(row.samples.size(), reference->samples.size()); ++i)
      if (reference->samples[i] > 0) ratios.push_back(row.samples[i] / reference->samples[i]);
    const MedianInterval ratio = median_interval(ratios);
    if (!ratios.empty()) std::fprintf(stderr, "  %.3f (%.3f to %.3f)", ratio.middle, ratio.low, ratio.high);
    std::fputc('\n', stderr);
  }
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
