// SPDX-License-Identifier: BSL-1.0
#include <parley/core/detail/buffer_pool.hpp>

#include "support/catch.hpp"

#include <set>
#include <vector>

using parley::detail::BufferPool;

TEST_CASE("a buffer that was given back is taken again") {
  BufferPool pool;
  std::byte* const buffer = pool.take();
  REQUIRE(buffer != nullptr);
  pool.give(buffer);
  CHECK(pool.free_count() == 1);
  CHECK(pool.take() == buffer);
  CHECK(pool.free_count() == 0);
  BufferPool::discard(buffer);
}

TEST_CASE("buffers do not overlap and can be used whole") {
  BufferPool pool;
  std::set<std::byte*> buffers;
  for (int i = 0; i < 20; ++i) {
    std::byte* const buffer = pool.take();
    for (std::size_t k = 0; k < BufferPool::buffer_size; ++k) buffer[k] = std::byte{0xff};
    buffers.insert(buffer);
  }
  CHECK(buffers.size() == 20);
  for (std::byte* buffer : buffers) pool.give(buffer);
  CHECK(pool.free_count() == BufferPool::max_free);  // the others went back to the system
}

TEST_CASE("a buffer may be given to another pool than it came from") {
  BufferPool other;
  {
    BufferPool pool;
    other.give(pool.take());
  }
  CHECK(other.free_count() == 1);
}
