// SPDX-License-Identifier: BSL-1.0
#include <parley/io/file_work.hpp>

#include "support/catch.hpp"
#include "unit/io/file_transfer_harness.hpp"

#include <errno.h>

#include <filesystem>

using namespace file_test;
namespace fs = std::filesystem;

TEST_CASE("files and folders are synced on the pool") {
  const Source source("hello");
  const auto folder = Folder::open(source.path().string()).value();
  CHECK(sync_file(source.file).wait().has_value());
  CHECK(sync_folder(folder).wait().has_value());
  CHECK(sync_file_system(folder).wait().has_value());
  CHECK(sync_file(File()).wait().error() == Error::closed);
  CHECK(sync_folder(Folder()).wait().error() == Error::closed);
  Faults faults(Faults::Threads::all);
  faults.fail_call("fsync", 1, EIO);
  CHECK(sync_file(source.file).within(10s).wait().error() == std::errc::io_error);
}

TEST_CASE("a file, or a part of it, is hashed on the pool") {
  const std::string text = pattern(700000);
  const Source source(text);
  Xxh64 whole;
  whole.update(text);
  Xxh64 part;
  part.update(text.substr(10, 500000));
  CHECK(hash_file(source.file).wait().value().digest() == whole.digest());
  CHECK(hash_file(source.file, {.offset = 10, .size = 500000}).wait().value().digest() == part.digest());
  Xxh64 begun;
  begun.update(text.substr(0, 100));
  CHECK(hash_file(source.file, {.offset = 100}, begun).wait().value().digest() == whole.digest());
  CHECK(hash_file(source.file, {.size = 700001}).wait().error() == Error::file_changed);
  CHECK(hash_file(source.file, {.offset = 800000}).wait().value().size() == 0);
  CHECK(hash_file(File()).wait().error() == Error::closed);
}

TEST_CASE("a file is opened on the pool") {
  const Source source("hello");
  const auto folder = Folder::open(source.path().string()).value();
  auto file = open_file(folder, "source").wait().value();
  CHECK(file.size().value() == 5);
  CHECK(open_file(folder, "../x").wait().error() == Error::malformed);
}

TEST_CASE("a new file is synced and published on the pool, from a coroutine") {
  TemporaryFolder temporary;
  support::run([](const TemporaryFolder& place) -> Task<> {
    const auto folder = Folder::open(place.path().string()).value();
    auto fresh = NewFile::make(folder, "report").value();
    fresh.file().write("hello").value();
    const auto published = co_await publish_file(fresh);
    CHECK(published.has_value());
    CHECK(place.read("report") == "hello");
    const auto again = co_await publish_file(fresh);
    CHECK(again.error() == Error::closed);
    auto other = NewFile::resume(folder, "report", "part").value();
    const auto refused = co_await publish_file(other);
    CHECK(refused.error() == std::errc::file_exists);
    const auto replaced = co_await publish_file(other, IfExists::replace);
    CHECK(replaced.has_value());
    CHECK(place.entries() == 1);
  }(temporary));
  CHECK(publish_file(NewFile()).wait().error() == Error::closed);
}

TEST_CASE("a file whose content cannot be synced is not published") {
  TemporaryFolder temporary;
  const auto folder = Folder::open(temporary.path().string()).value();
  auto fresh = NewFile::resume(folder, "report", "part").value();
  Faults faults(Faults::Threads::all);
  faults.fail_call("fsync", 1, EIO);
  CHECK(publish_file(fresh).within(10s).wait().error() == std::errc::io_error);
  CHECK_FALSE(fs::exists(temporary / "report"));
  CHECK(fs::exists(temporary / "part"));
}

TEST_CASE("what was given to the pool may be closed and abandoned at once") {
  TemporaryFolder temporary;
  const auto folder = Folder::open(temporary.path().string()).value();
  for (int i = 0; i < 20; ++i) {
    auto fresh = NewFile::make(folder, "report").value();
    fresh.file().write_all_at(0, pattern(100000)).value();
    (void)publish_file(fresh, IfExists::replace).within(0s).wait();
    (void)hash_file(fresh.file()).within(0s).wait();
    (void)sync_file(fresh.file()).within(0s).wait();
  }
  // Published or not, but never in part.
  if (fs::exists(temporary / "report")) CHECK(temporary.read("report") == pattern(100000));
}
