// SPDX-License-Identifier: BSL-1.0
// Broadcast as tutorials teach it in Python: the script of this file's name, in the server's process.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_PYTHON)

#include "support/die.hpp"

#include <unistd.h>

#include <string>

namespace {

int serve(int listener) {
  const std::string descriptor = std::to_string(listener);
  ::execl(PARLEY_BENCH_PYTHON, PARLEY_BENCH_PYTHON, PARLEY_BENCH_RIVALS "/python/broadcast_latency.py",
          descriptor.c_str(), nullptr);
  bench::die_errno("cannot run " PARLEY_BENCH_PYTHON);
}

const bench::Server registered{"python", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"python", "python3"};
}

#endif
