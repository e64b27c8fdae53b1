// SPDX-License-Identifier: BSL-1.0
// expect: nodiscard
#include <parley/core/result.hpp>

parley::Result<> attempt() { return parley::Error::closed; }

int main() {
#if defined(PARLEY_CONTROL)
  return attempt() ? 0 : 1;
#else
  attempt();
#endif
}
