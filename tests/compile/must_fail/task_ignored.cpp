// SPDX-License-Identifier: BSL-1.0
// expect: nodiscard
// A task is lazy: without co_await it never runs.
#include <parley/core/task.hpp>

parley::Task<> work() { co_return; }

parley::Task<> use() {
#if defined(PARLEY_CONTROL)
  co_await work();
#else
  work();
  co_return;
#endif
}
