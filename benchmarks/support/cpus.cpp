// SPDX-License-Identifier: BSL-1.0
#include "support/cpus.hpp"

#include "support/die.hpp"

#include <sched.h>

#include <vector>

namespace bench {
namespace {

// Read once, before anything is pinned; children inherit the answer by fork or read their own mask after exec.
const std::vector<int>& allowed() {
  static const std::vector<int> cpus = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    must(::sched_getaffinity(0, sizeof set, &set), "cannot read the set of processors");
    std::vector<int> found;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) found.push_back(cpu);
    return found;
  }();
  return cpus;
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  must(::sched_setaffinity(0, sizeof set, &set), "cannot pin the process to a processor");
}

}  // namespace

int cpu_count() { return static_cast<int>(allowed().size()); }

void pin_to_server_cpu() {
  if (cpu_count() > 1) pin(allowed().front());
}

void pin_to_load_cpu() {
  if (cpu_count() > 1) pin(allowed().back());
}

}  // namespace bench
