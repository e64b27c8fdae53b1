// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/thread_number.hpp>

#include "support/catch.hpp"

#include <thread>

using namespace parley;

TEST_CASE("a thread keeps its number, and no other has it") {
  const std::uint32_t mine = platform::thread_number();
  CHECK(mine != 0);
  CHECK(platform::thread_number() == mine);
  std::uint32_t others = 0;
  std::thread([&] { others = platform::thread_number(); }).join();
  CHECK(others != 0);
  CHECK(others != mine);
}
