// SPDX-License-Identifier: BSL-1.0
#include "support/timer_scenario.hpp"

#include "support/arguments.hpp"
#include "support/cpus.hpp"
#include "support/die.hpp"
#include "support/in_child.hpp"
#include "support/results.hpp"
#include "support/servers.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace bench {
namespace {

std::vector<TimerRivalEntry>& registry() {
  static std::vector<TimerRivalEntry> all;
  return all;
}

struct Phases {
  double schedule_s;
  double cancel_s;
};

Phases play(TimerRival& rival, std::size_t count) {
  const double began_s = cpu_s();
  rival.schedule(count);
  const double scheduled_s = cpu_s();
  const std::size_t cancelled = rival.cancel();
  const double cancelled_s = cpu_s();
  if (cancelled != count) die("not every sleep was cancelled");
  return {scheduled_s - began_s, cancelled_s - scheduled_s};
}

Phases measure(TimerRivalEntry::Make make, std::size_t count) {
  return in_child([&] {
    const std::unique_ptr<TimerRival> rival = make();
    rival->prepare(count);
    play(*rival, count);
    return play(*rival, count);
  });
}

bool is_listed(const std::string& names, const std::string& name) {
  return names.empty() || ("," + names + ",").find("," + name + ",") != std::string::npos;
}

}  // namespace

TimerRivalEntry::TimerRivalEntry(const char* rival_name, Make make_function) : name{rival_name}, make{make_function} {
  registry().push_back(*this);
}

std::chrono::nanoseconds sleep_of(std::size_t index) {
  std::uint64_t bits = index + 0x9e3779b97f4a7c15ULL;  // splitmix64's finisher
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  bits ^= bits >> 31;
  constexpr std::uint64_t kLeast_ns = 10'000'000'000;
  constexpr std::uint64_t kRange_ns = 3'590'000'000'000;
  return std::chrono::nanoseconds{static_cast<std::int64_t>(kLeast_ns + bits % kRange_ns)};
}

int timers_main(int argc, char** argv, const char* reference) {
  Arguments arguments{argc, argv};
  const std::size_t count = arguments.take_number("sleeps", 1'000'000, 1, 20'000'000);
  const std::size_t rounds = arguments.take_number("rounds", 9, 1, 100'000);
  const std::string names = arguments.take_text("rivals");
  const std::string samples = arguments.take_text("samples");
  arguments.initialize_benchmark();
  tell_absent_rivals();
  cpu_count();
  std::vector<TimerRivalEntry> rivals;
  for (const TimerRivalEntry& rival : registry())
    if (is_listed(names, rival.name)) rivals.push_back(rival);
  if (rivals.empty()) die("no rival of that name");
  std::sort(rivals.begin(), rivals.end(),
            [](const TimerRivalEntry& a, const TimerRivalEntry& b) { return std::strcmp(a.name, b.name) < 0; });
  Results results{"timers", {reference}};
  interleave(rounds, rivals.size(), [&](std::size_t rival, std::size_t) {
    const Phases phases = measure(rivals[rival].make, count);
    const auto sleeps = static_cast<double>(count);
    results.add(rivals[rival].name, "cpu_s", (phases.schedule_s + phases.cancel_s) / sleeps);
    results.add(rivals[rival].name, "schedule_s", phases.schedule_s / sleeps);
    results.add(rivals[rival].name, "cancel_s", phases.cancel_s / sleeps);
  });
  results.report();
  results.write(samples);
  results.print("cpu_s", "a sleep scheduled and cancelled", "ns of processor time", 1e9);
  results.print("schedule_s", "the first phase, scheduling", "ns of processor time", 1e9);
  results.print("cancel_s", "the second phase, cancelling and being told", "ns of processor time", 1e9);
  return 0;
}

}  // namespace bench
