// SPDX-License-Identifier: BSL-1.0
// bench_report: runs a selection of the benchmarks and writes one table and one plot of what came out.
//
//   cmake --workflow --preset bench                       what it is for: all of the selection, about five minutes
//   bench_report --programs=DIR --out=DIR [--quick]       the same by hand; --quick only shows that all works
//
// Writes OUT/benchmarks.md, OUT/benchmarks.svg, and the samples and output of each run to OUT/benchmarks/. Status 1
// where a benchmark failed: the table then says why.

#include "report/plot.hpp"
#include "report/run_step.hpp"
#include "report/selection.hpp"
#include "report/table.hpp"
#include "support/arguments.hpp"
#include "support/clock.hpp"
#include "support/die.hpp"
#include "support/statistics.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

std::vector<bench::Outcome> run_all(const std::vector<bench::Step>& steps, const bench::Folders& folders) {
  std::vector<bench::Outcome> outcomes;
  for (const bench::Step& step : steps) {
    std::printf("[%2zu/%zu] %s ... ", outcomes.size() + 1, steps.size(), step.subject.c_str());
    std::fflush(stdout);
    const double began_s = bench::now_s();
    outcomes.push_back(bench::run_step(step, outcomes.size() + 1, folders));
    std::printf("%.1f s %s\n", bench::now_s() - began_s, outcomes.back().failure.c_str());
  }
  return outcomes;
}

bench::Line& line_of(bench::Plot& plot, const std::string& rival) {
  const auto found =
      std::find_if(plot.lines.begin(), plot.lines.end(), [&](const bench::Line& line) { return line.name == rival; });
  return found != plot.lines.end() ? *found : plot.lines.emplace_back(bench::Line{rival, {}, {}});
}

// What a delivery costs in small rooms and large ones: a cost that grows with the room bends a line upwards.
bench::Plot cost_against_size(const std::vector<bench::Outcome>& outcomes) {
  bench::Plot plot{"One message of 64 bytes to a room: what each delivery costs the server",
                   "members of the room",
                   "processor time per delivery, µs (median and 95 % interval of the rounds)",
                   {}};
  for (const bench::Outcome& outcome : outcomes)
    for (const bench::Scored& scored : outcome.scores) {
      if (outcome.step.members == 0 || scored.figure != "cpu_s") continue;
      const bench::MedianInterval cost = bench::median_interval(scored.samples);
      if (cost.low <= 0) continue;
      bench::Line& line = line_of(plot, scored.rival);
      line.points.emplace_back(static_cast<double>(outcome.step.members), cost.middle * 1e6);
      line.spreads.emplace_back(cost.low * 1e6, cost.high * 1e6);
    }
  // Each rival keeps its colour, whichever is measured first.
  std::sort(plot.lines.begin(), plot.lines.end(),
            [](const bench::Line& a, const bench::Line& b) { return a.name < b.name; });
  return plot;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Arguments arguments{argc, argv};
  const bool quick = arguments.take_flag("quick");
  const std::string out = arguments.take_text("out", ".");
  const bench::Folders folders{arguments.take_text("programs", "."), out + "/benchmarks"};
  arguments.initialize_benchmark();
  std::filesystem::create_directories(folders.results);
  const std::vector<bench::Step> steps = quick ? bench::quick_selection() : bench::whole_selection();
  const std::vector<bench::Outcome> outcomes = run_all(steps, folders);
  std::ofstream table{out + "/benchmarks.md"};
  bench::write_table(table, outcomes, quick ? "bench_report --quick" : "cmake --workflow --preset bench");
  std::ofstream plot{out + "/benchmarks.svg"};
  bench::write_svg(plot, cost_against_size(outcomes));
  if (!table.flush() || !plot.flush()) bench::die("cannot write the table and the plot");
  std::printf("written: %s/benchmarks.md and %s/benchmarks.svg\n", out.c_str(), out.c_str());
  const auto failed = std::count_if(outcomes.begin(), outcomes.end(),
                                    [](const bench::Outcome& outcome) { return !outcome.failure.empty(); });
  return failed == 0 ? 0 : 1;
}
