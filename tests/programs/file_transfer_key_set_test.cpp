// SPDX-License-Identifier: BSL-1.0
// The set of hashes by which `file_transfer send` counts each file once.

#include "../../examples/file_transfer/key_set.hpp"
#include "support/catch.hpp"

#include <cstdint>

using file_transfer::KeySet;

TEST_CASE("file_transfer: a set of hashes takes each once, however many and alike they are") {
  KeySet keys;
  // Spread, as hashes are; all in one place; and what stands for none.
  const auto key = [](std::uint64_t i) { return i * 0x9E3779B97F4A7C15u; };
  const auto crowded = [](std::uint64_t i) { return i << 32 | 5; };
  for (std::uint64_t i = 0; i < 3000; ++i) REQUIRE(keys.insert(key(i)));
  for (std::uint64_t i = 1; i < 300; ++i) REQUIRE(keys.insert(crowded(i)));
  for (std::uint64_t i = 0; i < 3000; ++i) REQUIRE_FALSE(keys.insert(key(i)));
  for (std::uint64_t i = 1; i < 300; ++i) REQUIRE_FALSE(keys.insert(crowded(i)));
}
