// SPDX-License-Identifier: BSL-1.0
#include <parley/io/file_info.hpp>

#include "support/catch.hpp"

using namespace parley;

TEST_CASE("a file is unchanged while size, time and identity are the same") {
  const FileInfo before{.size = 5, .identity = {1, 2}, .modified = detail::file_time(7)};
  FileInfo now = before;
  now.accessed = detail::file_time(9);
  now.mode = 0600;
  CHECK(unchanged(before, now));
  now.size = 6;
  CHECK_FALSE(unchanged(before, now));
  now = before;
  now.modified += std::chrono::nanoseconds(1);
  CHECK_FALSE(unchanged(before, now));
  now = before;
  now.identity.inode = 3;
  CHECK_FALSE(unchanged(before, now));
}
