// SPDX-License-Identifier: BSL-1.0
#include <parley/io/file_transfer.hpp>

#include "support/catch.hpp"

#include <type_traits>

using namespace parley;

// So that they may stand in an expression with co_await, which g++ 12 would destroy twice otherwise.
static_assert(std::is_trivially_copyable_v<FileTransferOptions> &&
              std::is_trivially_destructible_v<FileTransferOptions>);
static_assert(std::is_trivially_copyable_v<FileRange>);

TEST_CASE("by default a whole file is meant, and nobody is told") {
  CHECK(FileRange().offset == 0);
  CHECK(FileRange().size == FileRange::to_end);
  CHECK_FALSE(FileTransferOptions().inspect);
  CHECK_FALSE(FileTransferOptions().progress);
}
