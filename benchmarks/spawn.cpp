// SPDX-License-Identifier: BSL-1.0
// Tasks with parley: spawned in a scope, which is then joined.

#include "support/spawn_scenario.hpp"

#include <parley/core/event_loop.hpp>
#include <parley/core/scope.hpp>

#include <cstddef>

namespace {

using namespace parley;

Task<> count_one(std::size_t& ran) {
  ++ran;
  co_return;
}

Task<Result<>> spawn_all(std::size_t count, std::size_t& ran) {
  Scope scope;
  for (std::size_t i = 0; i < count; ++i) scope.spawn(count_one(ran));
  co_return co_await scope.join();
}

std::size_t spawn_and_join(std::size_t count) {
  std::size_t ran = 0;
  EventLoop loop;
  static_cast<void>(loop.run(spawn_all(count, ran)));
  return ran;
}

const bench::SpawnRival registered{"parley", spawn_and_join};

}  // namespace

int main(int argc, char** argv) { return bench::spawn_main(argc, argv, "asio"); }
