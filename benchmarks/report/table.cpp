// SPDX-License-Identifier: BSL-1.0
#include "report/table.hpp"

#include "report/machine.hpp"
#include "support/statistics.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

namespace bench {
namespace {

// parley's own are bold, and are compared with the others but not with each other.
bool is_ours(const std::string& rival) { return rival.rfind("parley", 0) == 0; }

std::vector<Scored> sorted(const Outcome& outcome, const std::string& figure) {
  std::vector<Scored> rows;
  for (const Scored& scored : outcome.scores)
    if (scored.figure == figure && scored.rival != outcome.step.leave_out) rows.push_back(scored);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Scored& a, const Scored& b) { return median(a.samples) < median(b.samples); });
  return rows;
}

// The one with the default options is the one that is judged: its name is the shortest.
const Scored* judged(const std::vector<Scored>& rows) {
  const Scored* ours = nullptr;
  for (const Scored& row : rows)
    if (is_ours(row.rival) && (ours == nullptr || row.rival.size() < ours->rival.size())) ours = &row;
  return ours;
}

// Three digits, as far as they go.
std::string number(double value) {
  char text[32];
  const int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3;
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// Round by round, since what else the machine does falls on the rounds of all alike.
std::vector<double> ratios_of(const Scored& ours, const Scored& other) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(ours.samples.size(), other.samples.size()); ++i)
    if (other.samples[i] > 0) ratios.push_back(ours.samples[i] / other.samples[i]);
  return ratios;
}

std::string text_of(const MedianInterval& ratio) {
  const std::string range = ratio.low < ratio.high ? " (" + number(ratio.low) + "–" + number(ratio.high) + ")" : "";
  return number(ratio.middle) + range;
}

std::string verdict(const std::vector<Scored>& rows) {
  const Scored* ours = judged(rows);
  if (ours == nullptr) return "not measured";
  std::vector<Scored> others;
  for (const Scored& row : rows)
    if (!is_ours(row.rival)) others.push_back(row);
  if (others.empty()) return "no rival";
  const auto better = std::count_if(others.begin(), others.end(),
                                    [&](const Scored& other) { return median(other.samples) < median(ours->samples); });
  const std::string place =
      better == 0 ? "first" : "**loses to " + std::to_string(better) + "** of " + std::to_string(others.size());
  const std::vector<double> ratios = ratios_of(*ours, others.front());
  if (ratios.empty()) return place;  // the best has none of what is measured
  const MedianInterval ratio = median_interval(ratios);
  const bool noise = ratios.size() > 1 && ratio.low <= 1 && ratio.high >= 1;
  return place + (noise ? ", within the noise: " : ": ") + text_of(ratio) + " of " + others.front().rival;
}

std::string from_best_to_worst(const std::vector<Scored>& rows, double scale) {
  std::string cell;
  for (const Scored& row : rows) {
    const std::string text = row.rival + " " + number(median(row.samples) * scale);
    cell += (cell.empty() ? "" : " · ") + (is_ours(row.rival) ? "**" + text + "**" : text);
  }
  return cell;
}

std::string command_of(const Step& step) {
  if (!step.command.empty()) return "`" + step.command + "`";
  std::string command = step.program;
  for (const std::string& option : step.options) command += " " + option;
  return "`" + command + "`";
}

void write_rows(std::ostream& out, const Outcome& outcome) {
  const Step& step = outcome.step;
  if (!outcome.failure.empty()) {
    out << "| " << step.subject << " | did not run | " << outcome.failure << " | | " << command_of(step) << " |\n";
    return;
  }
  for (const Question& question : step.questions) {
    const std::vector<Scored> rows = sorted(outcome, question.figure);
    if (rows.empty()) continue;
    out << "| " << step.subject << ": " << question.text << ", " << question.unit << " | " << verdict(rows) << " | "
        << from_best_to_worst(rows, question.scale) << " | " << rows.front().samples.size() << " | " << command_of(step)
        << " |\n";
  }
}

}  // namespace

void write_table(std::ostream& out, const std::vector<Outcome>& outcomes, const std::string& command) {
  out << "# Benchmarks\n\n"
      << "- machine: " << machine() << "\n- date: " << now_utc() << "\n- command: `" << command << "`\n"
      << "- load average at the end, the benchmarks' own included: " << load_average() << "\n\n"
      << "Seconds and bytes, less is better; a figure is the median over the rounds. The verdict is of parley with its "
         "default options, against all that are not parley, bare loops included; its ratio to the best of them is the "
         "median over the rounds, with its 95 % interval (with fewer than six rounds, the whole range).\n\n"
      << "| question | parley | from best to worst | rounds | command |\n|---|---|---|---|---|\n";
  for (const Outcome& outcome : outcomes) write_rows(out, outcome);
  std::set<std::string> left_out;
  for (const Outcome& outcome : outcomes) left_out.insert(outcome.left_out.begin(), outcome.left_out.end());
  if (!left_out.empty()) out << '\n';
  for (const std::string& line : left_out) out << "- " << line << '\n';
}

}  // namespace bench
