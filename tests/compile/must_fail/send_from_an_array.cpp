// SPDX-License-Identifier: BSL-1.0
// expect: deleted
// How much of a buffer is meant must be said.
#include <parley/core/bytes.hpp>

int main() {
  char buffer[16] = "hello";
#if defined(PARLEY_CONTROL)
  const parley::ConstBytes bytes = parley::first(buffer, 5);
#else
  const parley::ConstBytes bytes = buffer;
#endif
  return static_cast<int>(bytes.size());
}
