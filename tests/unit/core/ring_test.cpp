// SPDX-License-Identifier: BSL-1.0
#include <parley/core/detail/ring.hpp>

#include "support/catch.hpp"

#include <deque>
#include <memory>
#include <random>

using parley::detail::Ring;

TEST_CASE("elements keep their numbers while others come and go") {
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{15}, std::uint64_t{1} << 40}) {
    std::mt19937 random(3);
    Ring<std::unique_ptr<std::uint64_t>> ring(first);
    std::deque<std::uint64_t> model;
    std::uint64_t begin = first;
    for (int i = 0; i < 20000; ++i) {
      const auto what = random() % 10;
      if (what < 5 || model.empty()) {
        ring.push_back(std::make_unique<std::uint64_t>(begin + model.size()));
        model.push_back(begin + model.size());
      } else if (what < 8) {
        CHECK(*ring.front() == model.front());
        ring.pop_front();
        model.pop_front();
        ++begin;
      } else {
        CHECK(*ring.back() == model.back());
        ring.pop_back();
        model.pop_back();
      }
      REQUIRE(ring.first() == begin);
      REQUIRE(ring.next() == begin + model.size());
      REQUIRE(ring.size() == model.size());
      REQUIRE(ring.empty() == model.empty());
      if (!model.empty()) REQUIRE(*ring[begin + random() % model.size()] >= begin);
    }
    for (std::size_t k = 0; k < model.size(); ++k) CHECK(*ring[begin + k] == model[k]);
  }
}

TEST_CASE("what is taken out is let go at once") {
  Ring<std::shared_ptr<int>> ring;
  const auto shared = std::make_shared<int>(1);
  for (int i = 0; i < 40; ++i) ring.push_back(shared);
  CHECK(shared.use_count() == 41);
  for (int i = 0; i < 20; ++i) ring.pop_front();
  for (int i = 0; i < 20; ++i) ring.pop_back();
  CHECK(ring.empty());
  CHECK(shared.use_count() == 1);
}
