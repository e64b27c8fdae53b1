// SPDX-License-Identifier: BSL-1.0
#pragma once
// A measurement in a process of its own on the server's processor, so that none finds a heap that another has left.

#include "support/cpus.hpp"
#include "support/die.hpp"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <type_traits>

namespace bench {

/// What this process has used of its processors, in seconds.
inline double cpu_s() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

/// What `measure()` returned in the child. A child that fails ends this process with a message.
template <class Measure>
auto in_child(Measure&& measure) {
  using Figures = decltype(measure());
  static_assert(std::is_trivially_copyable_v<Figures>, "it comes back through a pipe");
  int ends[2];
  must(::pipe(ends), "cannot make a pipe");
  const pid_t child = must(::fork(), "cannot fork");
  if (child == 0) {
    pin_to_server_cpu();
    const Figures figures = measure();
    const bool told = ::write(ends[1], &figures, sizeof figures) == static_cast<ssize_t>(sizeof figures);
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  Figures figures{};
  const bool heard = ::read(ends[0], &figures, sizeof figures) == static_cast<ssize_t>(sizeof figures);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!heard || status != 0) die("a rival has failed");
  return figures;
}

}  // namespace bench
