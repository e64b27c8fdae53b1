// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/random.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

using namespace parley;

TEST_CASE("random bytes fill all that was asked for, and nothing else") {
  for (const std::size_t size : {0u, 1u, 7u, 8u, 255u, 256u, 257u, 1000u, 5000u}) {
    std::string filled(size + 2, '\0');
    std::string touched(size, '\0');
    // A byte that stays 0 in 64 rounds was not written.
    for (int round = 0; round < 64; ++round) {
      REQUIRE(platform::random_bytes(filled.data() + 1, size) == 0);
      for (std::size_t i = 0; i < size; ++i) touched[i] = static_cast<char>(touched[i] | filled[i + 1]);
    }
    CHECK(filled.front() == '\0');
    CHECK(filled.back() == '\0');
    CHECK(std::count(touched.begin(), touched.end(), '\0') == 0);
  }
}

TEST_CASE("random numbers do not come twice") {
  std::vector<std::uint64_t> numbers(1000);
  for (auto& number : numbers) REQUIRE(platform::random_bytes(&number, sizeof number) == 0);
  std::sort(numbers.begin(), numbers.end());
  CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
}
