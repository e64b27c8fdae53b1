// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/config.hpp>

#include "support/catch.hpp"

#include <string>
#include <type_traits>
#include <typeinfo>

namespace parley::inline PARLEY_ABI {
struct Sample {};
}  // namespace parley::inline PARLEY_ABI

#if !PARLEY_OS_LINUX
#error "the tests of this folder are for Linux"
#endif

namespace {
PARLEY_NOINLINE int twice(int value) { return 2 * value; }
}  // namespace

// So that the linker keeps apart what was built with exceptions and what was built without.
TEST_CASE("the symbols tell whether exceptions are on") {
  static_assert(std::is_same_v<parley::Sample, parley::PARLEY_ABI::Sample>);
  static_assert(PARLEY_HAS_EXCEPTIONS == 1);
  CHECK(std::string(typeid(parley::Sample).name()).find("with_exceptions") != std::string::npos);
  CHECK(twice(2) == 4);
}
