// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/prefetch.hpp>

#include "support/catch.hpp"

#include <array>

using namespace parley::platform;

TEST_CASE("to fetch ahead changes nothing, and harms at no address") {
  std::array<char, 1000> object{};
  object[999] = 'x';
  prefetch_all(object);
  prefetch(nullptr);
  prefetch(reinterpret_cast<const void*>(1));
  CHECK(object[999] == 'x');
}
