// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/send_batch.hpp>

#include "support/catch.hpp"

using parley::platform::SendBatch;

TEST_CASE("a batch is filled and emptied") {
  SendBatch batch;
  CHECK(batch.sends().empty());
  for (std::size_t i = 0; i < SendBatch::capacity; ++i) {
    CHECK_FALSE(batch.full());
    batch.add().socket = static_cast<int>(i);
  }
  CHECK(batch.full());
  CHECK(batch.sends().size() == SendBatch::capacity);
  CHECK(batch.sends()[5].socket == 5);
  batch.clear();
  CHECK(batch.sends().empty());
}
