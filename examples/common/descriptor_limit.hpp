// SPDX-License-Identifier: BSL-1.0
#pragma once

// How many descriptors a server may have open.

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

namespace common {

/// As many descriptors as the system lets this process have, except some for the process itself.
inline std::size_t clients_that_descriptors_allow() {
  constexpr rlim_t own = 64;
  ::rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024 - own;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &limit));
  const rlim_t most = std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 20);
  return static_cast<std::size_t>(most > 2 * own ? most - own : most / 2);
}

}  // namespace common
