// SPDX-License-Identifier: BSL-1.0
// Tasks with Asio: co_spawn from a coroutine of the context, whose run() returns when all have ended.

#include "support/servers.hpp"
#include "support/spawn_scenario.hpp"

#if defined(PARLEY_BENCH_HAS_ASIO)

#include "rivals/asio/with_coroutines.hpp"

#include <cstddef>

namespace {

asio::awaitable<void> count_one(std::size_t& ran) {
  ++ran;
  co_return;
}

asio::awaitable<void> spawn_all(std::size_t count, std::size_t& ran) {
  const auto executor = co_await asio::this_coro::executor;
  for (std::size_t i = 0; i < count; ++i) asio::co_spawn(executor, count_one(ran), asio::detached);
}

std::size_t spawn_and_join(std::size_t count) {
  std::size_t ran = 0;
  asio::io_context context{ASIO_CONCURRENCY_HINT_UNSAFE};
  asio::co_spawn(context, spawn_all(count, ran), asio::detached);
  context.run();
  return ran;
}

const bench::SpawnRival registered{"asio", spawn_and_join};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"asio", "libasio-dev"};
}

#endif
