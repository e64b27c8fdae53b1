// SPDX-License-Identifier: BSL-1.0
#include <parley/core/loop_pool.hpp>

#include "support/catch.hpp"

#include <future>
#include <set>
#include <thread>

using namespace parley;

TEST_CASE("a pool hands out its loops in turn, each with a thread of its own", "[loop_pool]") {
  LoopPool pool(3);
  REQUIRE(pool.size() == 3);
  LoopThread* const first = &pool.next();
  LoopThread* const second = &pool.next();
  LoopThread* const third = &pool.next();
  CHECK(std::set<LoopThread*>{first, second, third}.size() == 3);
  CHECK(&pool.next() == first);
  CHECK(&pool[1] == second);
  std::set<std::thread::id> ids;
  for (std::size_t i = 0; i < 3; ++i) {
    std::promise<std::thread::id> id;
    REQUIRE(pool[i].post([&] { id.set_value(std::this_thread::get_id()); }));
    ids.insert(id.get_future().get());
  }
  CHECK(ids.size() == 3);
  CHECK(ids.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("by default there is a loop for each processor", "[loop_pool]") {
  const LoopPool pool;
  CHECK(pool.size() == platform::processors());
  CHECK(pool.size() >= 1);
}

TEST_CASE("join() reports the first failure of any of the loops", "[loop_pool]") {
  LoopPool pool(2);
  REQUIRE(pool[1].spawn([]() -> Task<Result<>> { co_return Error::malformed; }));
  std::promise<void> after;
  REQUIRE(pool[1].post([&] { after.set_value(); }));
  after.get_future().wait();
  pool.stop();
  CHECK(pool.join().error() == Error::malformed);
}
