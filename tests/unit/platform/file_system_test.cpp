// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/file_system.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/temporary_folder.hpp"

#include <climits>
#include <filesystem>
#include <string>

using namespace parley::platform;
using support::Faults;
using support::TemporaryFolder;

TEST_CASE("times before 1970 and beyond 64 bits") {
  CHECK(detail::timespec_of(-1).tv_sec == -1);
  CHECK(detail::timespec_of(-1).tv_nsec == 999999999);
  CHECK(detail::timespec_of(1000000001).tv_sec == 1);
  CHECK(detail::nanoseconds({-1, 999999999}) == -1);
  CHECK(detail::nanoseconds({LONG_MAX, 0}) == INT64_MAX);
  CHECK(detail::nanoseconds({LONG_MIN, 0}) == INT64_MIN);
  CHECK(detail::nanoseconds(detail::timespec_of(INT64_MIN + 2000000000)) == INT64_MIN + 2000000000);
}

TEST_CASE("a path is resolved beneath a folder, or not at all") {
  TemporaryFolder temporary;
  std::filesystem::create_directories(temporary / "root/a/b");
  temporary.write("root/a/b/c", "x");
  std::filesystem::create_symlink("b", temporary / "root/a/link");
  const auto root = open_folder((temporary / "root").c_str());
  REQUIRE(root.error == 0);
  for (const int missing : {0, ENOSYS, EPERM, EAGAIN}) {
    Faults faults;
    if (missing != 0) faults.fail_always("syscall", missing);
    const auto open = [&](const char* path) {
      return open_file_beneath(root.handle.get(), path, FileAccess::read, Creation::never, 0).error;
    };
    CHECK(open("a/b/c") == 0);
    CHECK(open("a/link/c") == ELOOP);
    CHECK(open("a/link") == ELOOP);
    CHECK(open("a/../../x") == EXDEV);
    CHECK(open("..") == EXDEV);
    CHECK(open("../x") == EXDEV);
    CHECK(open("a/none/c") == ENOENT);
    CHECK(open("a/b/c/d") == ENOTDIR);
    CHECK(open((std::string(NAME_MAX + 1, 'x') + "/y").c_str()) == ENAMETOOLONG);
    CHECK(faults.count("syscall") != 0);
  }
}

TEST_CASE("an interrupted call is made again") {
  TemporaryFolder temporary;
  temporary.write("a", "x");
  Faults faults;
  faults.fail_call("open", 1, EINTR);
  const auto file = open_file((temporary / "a").c_str(), FileAccess::read_write, Creation::never, 0);
  REQUIRE(file.error == 0);
  for (const auto call : {"fsync", "ftruncate", "flock"}) faults.fail_call(call, 1, EINTR);
  CHECK(sync_file(file.handle.get()) == 0);
  CHECK(resize_file(file.handle.get(), 10) == 0);
  CHECK(lock_file(file.handle.get()) == 0);
  CHECK(faults.count("fsync") == 2);
}
