// SPDX-License-Identifier: BSL-1.0
#include <parley/io/file.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"
#include "support/temporary_folder.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>

using namespace parley;
using namespace std::string_literals;
using support::Faults;
using support::pattern;
using support::TemporaryFolder;

TEST_CASE("a file is created, written, read and seen again") {
  TemporaryFolder folder;
  {
    auto file = File::create(folder / "notes").value();
    CHECK(file.write("hello ").value() == 6);
    CHECK(file.write("world").value() == 5);
    CHECK(file.size().value() == 11);
  }
  CHECK(folder.read("notes") == "hello world");
  auto file = File::open(folder / "notes").value();
  char buffer[6];
  CHECK(file.read(buffer).value() == 6);
  CHECK(std::string_view(buffer, 6) == "hello ");
  CHECK(file.read(buffer).value() == 5);
  CHECK(file.read(buffer).value() == 0);
  CHECK(file.write("x").error() == std::errc::bad_file_descriptor);
}

TEST_CASE("what happens where a file exists") {
  TemporaryFolder folder;
  folder.write("a", "old");
  CHECK(File::create(folder / "a").error() == std::errc::file_exists);
  CHECK(folder.read("a") == "old");
  CHECK(File::create(folder / "a", IfExists::open).value().size().value() == 3);
  CHECK(File::create(folder / "a", IfExists::replace).value().size().value() == 0);
  CHECK(File::create(folder / "b", IfExists::open).value().size().value() == 0);
  CHECK(File::open(folder / "c").error() == std::errc::no_such_file_or_directory);
  CHECK(File::open(folder / "a\0b"s).error() == std::errc::invalid_argument);
}

TEST_CASE("only regular files are opened, and a fifo keeps nobody waiting") {
  TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(File::open(folder / "fifo").error() == Error::unsupported);
  CHECK(File::open(folder.path().string()).error() == std::errc::is_a_directory);
  CHECK(File::open("/dev/null").error() == Error::unsupported);
  auto pair = socket_pair().value();
  CHECK(File::adopt(pair.first.release()).error() == Error::unsupported);
}

TEST_CASE("a file is read and written at offsets, whatever its position") {
  TemporaryFolder folder;
  auto file = File::create(folder / "a").value();
  const std::string text = pattern(1000);
  CHECK(file.write_all_at(500, ConstBytes(text).after(500)).value() == 500);
  CHECK(file.write_all_at(0, ConstBytes(text).first(500)).value() == 500);
  std::string back(1000, '\0');
  CHECK(file.read_exactly_at(0, back).value() == 1000);
  CHECK(back == text);
  char buffer[10];
  CHECK(file.read_at(995, buffer).value() == 5);
  CHECK(file.read_at(2000, buffer).value() == 0);
  const auto part = file.read_exactly_at(995, buffer);
  CHECK(part.error() == Error::truncated);
  CHECK(part.bytes() == 5);
  CHECK(file.read_exactly_at(1000, buffer).error() == Error::end_of_stream);
  CHECK(file.write_at(0, "x").value() == 1);
  CHECK(file.read(buffer).value() == 10);
  CHECK(buffer[0] == 'x');
}

TEST_CASE("short and interrupted calls move everything") {
  TemporaryFolder folder;
  const std::string text = pattern(200);
  auto file = File::create(folder / "a").value();
  Faults faults;
  faults.short_transfers(7);
  faults.fail_call("pwrite", 2, EINTR);
  faults.fail_call("pread", 3, EINTR);
  CHECK(file.write_all_at(0, text).value() == 200);
  std::string back(200, '\0');
  CHECK(file.read_exactly_at(0, back).value() == 200);
  CHECK(back == text);
  CHECK(faults.count("pwrite") == 30);
  CHECK(faults.count("pread") == 30);
}

TEST_CASE("a disk that is full says how much it took") {
  TemporaryFolder folder;
  auto file = File::create(folder / "a").value();
  Faults faults;
  faults.short_transfers(10);
  faults.fail_call("pwrite", 3, ENOSPC);
  const auto moved = file.write_all_at(0, pattern(100));
  CHECK(moved.error() == std::errc::no_space_on_device);
  CHECK(moved.bytes() == 20);
  CHECK(file.size().value() == 20);
}

TEST_CASE("sizes, modes and times") {
  TemporaryFolder folder;
  auto file = File::create(folder / "a", IfExists::refuse, 0600).value();
  CHECK(file.info().value().mode == 0600);
  file.set_mode(0640).value();
  file.resize(100).value();
  const FileTime then(std::chrono::nanoseconds(1234567890123456789));
  const FileTime before_1970(std::chrono::nanoseconds(-1));
  file.set_times(before_1970, then).value();
  const FileInfo info = file.info().value();
  CHECK(info.kind == FileKind::regular);
  CHECK(info.mode == 0640);
  CHECK(info.size == 100);
  CHECK(info.links == 1);
  CHECK(info.modified == then);
  CHECK(info.accessed == before_1970);
  CHECK(info.changed > then);
  CHECK(unchanged(info, File::open(folder / "a").value().info().value()));
  file.resize(5).value();
  CHECK_FALSE(unchanged(info, file.info().value()));
  file.sync().value();
  file.sync_data().value();
}

TEST_CASE("room is taken before it is used, or refused") {
  TemporaryFolder folder;
  auto file = File::create(folder / "a").value();
  const auto taken = file.preallocate(1 << 20);
  CHECK((taken || taken.error() == Error::unsupported));
  CHECK(file.size().value() == 0);
  file.preallocate(0).value();
  Faults faults;
  faults.fail_call("fallocate", 1, ENOSPC);
  CHECK(file.preallocate(1000).error() == std::errc::no_space_on_device);
  faults.fail_call("fallocate", 1, EOPNOTSUPP);
  CHECK(file.preallocate(1000).error() == Error::unsupported);
}

TEST_CASE("a lock is had by one file at a time, until it is closed") {
  TemporaryFolder folder;
  auto first = File::create(folder / "a").value();
  auto second = File::open(folder / "a").value();
  first.try_lock().value();
  first.try_lock().value();
  CHECK(second.try_lock().error() == Error::busy);
  first.close();
  second.try_lock().value();
}

TEST_CASE("a file that is not open says so") {
  File file;
  char buffer[1];
  CHECK_FALSE(file);
  CHECK(file.read(buffer).error() == Error::closed);
  CHECK(file.write_all_at(0, "x").error() == Error::closed);
  CHECK(file.size().error() == Error::closed);
  CHECK(file.sync().error() == Error::closed);
  CHECK(file.try_lock().error() == Error::closed);
  CHECK(file.preallocate(1).error() == Error::closed);
  CHECK(File::adopt(-1).error() == std::errc::bad_file_descriptor);
}

TEST_CASE("no descriptor is left behind, whichever call of opening a file fails") {
  TemporaryFolder folder;
  folder.write("a", "x");
  const std::size_t before = support::open_descriptors();
  for (std::size_t n = 1;; ++n) {
    bool fired = false;
    {
      Faults faults;
      faults.fail_nth(n, EIO);
      const auto file = File::open(folder / "a");
      fired = faults.fired();
      CHECK(file.has_value() != fired);
    }
    if (!fired) break;
    CHECK(support::open_descriptors() == before);
  }
}
