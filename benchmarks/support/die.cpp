// SPDX-License-Identifier: BSL-1.0
#include "support/die.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

void die(const char* what) {
  std::fprintf(stderr, "benchmark: %s\n", what);
  std::exit(1);
}

void die_errno(const char* what) {
  std::fprintf(stderr, "benchmark: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

int must(int result, const char* what) {
  if (result < 0) die_errno(what);
  return result;
}

}  // namespace bench
