// SPDX-License-Identifier: BSL-1.0
#include <parley/io/new_file.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"
#include "support/temporary_folder.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

using namespace parley;
using support::Faults;
using support::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// Runs a test with files without a name, and as where the file system has none.
template <class Test>
void both_ways(Test test) {
  SECTION("without a name") { test(); }
  SECTION("under a random name") {
    Faults faults;
    faults.fail_call("openat", 1, EOPNOTSUPP);
    test();
    CHECK(faults.fired());
  }
}

struct Inbox : TemporaryFolder {
  Folder folder = Folder::open(path().string()).value();
};

}  // namespace

TEST_CASE("a new file is not there until it is published") {
  Inbox inbox;
  both_ways([&] {
    auto fresh = NewFile::make(inbox.folder, "report").value();
    fresh.file().write("hello").value();
    CHECK_FALSE(fs::exists(inbox / "report"));
    fresh.file().sync().value();
    fresh.publish().value();
    CHECK(inbox.read("report") == "hello");
    fresh.sync_folder().value();
    fresh.file().write(" world").value();
    CHECK(inbox.read("report") == "hello world");
    CHECK(fresh.publish().error() == Error::closed);
    fresh = NewFile();
    CHECK(inbox.entries() == 1);
  });
}

TEST_CASE("a system that names no file by its descriptor publishes all the same") {
  Inbox inbox;
  auto fresh = NewFile::make(inbox.folder, "report").value();
  fresh.file().write("hello").value();
  Faults faults;
  faults.fail_call("linkat", 1, ENOENT);
  fresh.publish().value();
  CHECK(faults.fired());
  CHECK(inbox.read("report") == "hello");
}

TEST_CASE("a new file that is not published leaves nothing behind") {
  Inbox inbox;
  both_ways([&] {
    {
      auto fresh = NewFile::make(inbox.folder, "report").value();
      fresh.file().write("hello").value();
      auto moved = std::move(fresh);
      CHECK_FALSE(fresh.is_open());
      CHECK(moved.is_open());
    }
    CHECK(inbox.entries() == 0);
  });
}

TEST_CASE("a name that is taken stays as it is, or is replaced, in one step") {
  Inbox inbox;
  inbox.write("report", "old");
  both_ways([&] {
    auto fresh = NewFile::make(inbox.folder, "report").value();
    fresh.file().write("new").value();
    CHECK(fresh.publish().error() == std::errc::file_exists);
    CHECK(inbox.read("report") == "old");
    fresh.publish(IfExists::replace).value();
    CHECK(inbox.read("report") == "new");
    CHECK(inbox.entries() == 1);
  });
}

TEST_CASE("a new file may get another name when the first is taken") {
  Inbox inbox;
  inbox.folder.make_folder("sub").value();
  inbox.write("sub/report", "old");
  auto fresh = NewFile::make(inbox.folder, "sub/report").value();
  fresh.file().write("new").value();
  CHECK(fresh.publish().error() == std::errc::file_exists);
  CHECK(fresh.set_name("../report").error() == Error::malformed);
  CHECK(fresh.set_name("a/b").error() == Error::malformed);
  CHECK(fresh.set_name("..").error() == Error::malformed);
  fresh.set_name("report (2)").value();
  fresh.publish().value();
  CHECK(inbox.read("sub/report (2)") == "new");
  CHECK(inbox.read("sub/report") == "old");
  CHECK(fresh.set_name("x").error() == Error::closed);
}

TEST_CASE("a new file that is not open says so") {
  NewFile none;
  CHECK_FALSE(none);
  CHECK(none.publish().error() == Error::closed);
  CHECK(none.discard().error() == Error::closed);
  CHECK(none.sync_folder().error() == Error::closed);
  CHECK(none.set_name("x").error() == Error::closed);
}

TEST_CASE("a new file goes where its name says, and not over a link") {
  Inbox inbox;
  inbox.folder.make_folder("a/b").value();
  fs::create_directory_symlink("/tmp", inbox / "link");
  fs::create_symlink(inbox / "outside", inbox / "a/dangling");
  NewFile::make(inbox.folder, "a/b/c").value().publish().value();
  CHECK(fs::is_regular_file(inbox / "a/b/c"));
  CHECK(NewFile::make(inbox.folder, "link/c").error() == std::errc::too_many_symbolic_link_levels);
  CHECK(NewFile::make(inbox.folder, "../c").error() == Error::malformed);
  CHECK(NewFile::make(inbox.folder, "none/c").error() == std::errc::no_such_file_or_directory);
  CHECK(NewFile::make(inbox.folder, "a/dangling").value().publish().error() == std::errc::file_exists);
  NewFile::make(inbox.folder, "a/dangling").value().publish(IfExists::replace).value();
  CHECK(fs::is_regular_file(fs::symlink_status(inbox / "a/dangling")));
  CHECK_FALSE(fs::exists(inbox / "outside"));
}

TEST_CASE("a folder that is exchanged for a link during the transfer gets nothing") {
  Inbox inbox;
  TemporaryFolder elsewhere;
  inbox.folder.make_folder("sub").value();
  auto fresh = NewFile::make(inbox.folder, "sub/report").value();
  auto partial = NewFile::resume(inbox.folder, "sub/other", "sub/other.partial").value();
  fs::rename(inbox / "sub", inbox / "moved");
  fs::create_directory_symlink(elsewhere.path(), inbox / "sub");
  fresh.publish().value();
  partial.publish().value();
  CHECK(elsewhere.entries() == 0);
  CHECK(fs::exists(inbox / "moved/report"));
  CHECK(fs::exists(inbox / "moved/other"));
}

TEST_CASE("a partial file is taken up again where it was") {
  Inbox inbox;
  {
    auto partial = NewFile::resume(inbox.folder, "report", ".report.part").value();
    partial.file().write_all_at(0, "hello").value();
  }
  CHECK(inbox.read(".report.part") == "hello");
  CHECK_FALSE(fs::exists(inbox / "report"));
  auto partial = NewFile::resume(inbox.folder, "report", ".report.part").value();
  CHECK(partial.file().size().value() == 5);
  partial.file().write_all_at(5, " world").value();
  inbox.write("report", "old");
  CHECK(partial.publish().error() == std::errc::file_exists);
  CHECK(inbox.read(".report.part") == "hello world");
  partial.publish(IfExists::replace).value();
  CHECK(inbox.read("report") == "hello world");
  CHECK(inbox.entries() == 1);
  partial.discard().value();
  CHECK(inbox.read("report") == "hello world");
}

TEST_CASE("a partial file outlives a process that is killed, and is free then") {
  Inbox inbox;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto partial = NewFile::resume(inbox.folder, "report", "part");
    const bool written = partial && partial->file().write_all_at(0, "hello");
    static_cast<void>(::write(ready[1], written ? "y" : "n", 1));
    for (;;) ::pause();
  }
  char answer = 0;
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  CHECK(NewFile::resume(inbox.folder, "report", "part").error() == Error::busy);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  auto partial = NewFile::resume(inbox.folder, "report", "part").value();
  CHECK(partial.file().size().value() == 5);
}

TEST_CASE("a partial file is had by one at a time") {
  Inbox inbox;
  auto first = NewFile::resume(inbox.folder, "report", "part").value();
  CHECK(NewFile::resume(inbox.folder, "report", "part").error() == Error::busy);
  first.discard().value();
  CHECK(inbox.entries() == 0);
  CHECK_FALSE(first.is_open());
  auto second = NewFile::resume(inbox.folder, "report", "part").value();
  second.publish().value();
  auto third = NewFile::resume(inbox.folder, "report", "part").value();
  CHECK(third.file().size().value() == 0);
}

TEST_CASE("a partial file that is a link, or has another name, is refused") {
  Inbox inbox;
  inbox.write("victim", "mine");
  fs::create_symlink("victim", inbox / "link");
  fs::create_hard_link(inbox / "victim", inbox / "hard");
  CHECK(NewFile::resume(inbox.folder, "report", "link").error() == std::errc::too_many_symbolic_link_levels);
  CHECK(NewFile::resume(inbox.folder, "report", "hard").error() == std::errc::too_many_links);
  CHECK(NewFile::resume(inbox.folder, "report", "../part").error() == Error::malformed);
  CHECK(inbox.read("victim") == "mine");
}

TEST_CASE("what was put in the place of a partial file is not published") {
  Inbox inbox;
  auto partial = NewFile::resume(inbox.folder, "report", "part").value();
  fs::rename(inbox / "part", inbox / "away");
  inbox.write("part", "forged");
  CHECK(partial.publish().error() == Error::file_changed);
  CHECK_FALSE(fs::exists(inbox / "report"));
  fs::remove(inbox / "part");
  fs::create_symlink("/etc/passwd", inbox / "part");
  CHECK(partial.publish(IfExists::replace).error() == Error::file_changed);
  fs::remove(inbox / "part");
  fs::rename(inbox / "away", inbox / "part");
  partial.publish().value();
}

TEST_CASE("a file system that cannot rename without replacing publishes all the same") {
  Inbox inbox;
  inbox.write("taken", "old");
  Faults faults;
  faults.fail_always("renameat2", EINVAL);
  auto partial = NewFile::resume(inbox.folder, "report", "part").value();
  partial.publish().value();
  CHECK(fs::exists(inbox / "report"));
  CHECK_FALSE(fs::exists(inbox / "part"));
  auto other = NewFile::resume(inbox.folder, "taken", "part").value();
  CHECK(other.publish().error() == std::errc::file_exists);
  CHECK(inbox.read("taken") == "old");
  CHECK(fs::exists(inbox / "part"));
}

TEST_CASE("whichever call fails: the old file is intact or the new one whole, and nothing is left behind") {
  Inbox inbox;
  const std::size_t before = support::open_descriptors();
  for (const bool resumed : {false, true}) {
    for (const IfExists exists : {IfExists::refuse, IfExists::replace}) {
      for (std::size_t n = 1;; ++n) {
        fs::remove(inbox / "report");
        fs::remove(inbox / "part");
        if (exists == IfExists::replace) inbox.write("report", "old");
        Faults faults;
        faults.fail_nth(n, EIO);
        const auto scenario = [&]() -> std::error_code {
          auto fresh =
              resumed ? NewFile::resume(inbox.folder, "report", "part") : NewFile::make(inbox.folder, "report");
          if (!fresh) return fresh.error();
          if (const auto moved = fresh->file().write_all_at(0, "new"); !moved) return moved.error();
          if (const auto synced = fresh->file().sync(); !synced) return synced.error();
          if (const auto published = fresh->publish(exists); !published) return published.error();
          return fresh->sync_folder().error();
        };
        const auto error = scenario();
        const bool fired = faults.fired();
        faults.disarm();
        CAPTURE(n, resumed);
        CHECK((bool(error) || inbox.read("report") == "new"));
        if (fs::exists(inbox / "report")) {
          const std::string content = inbox.read("report");
          CHECK((content == "new" || (exists == IfExists::replace && content == "old")));
        }
        // Only where the removal itself has failed may a random name be left.
        CHECK(inbox.entries() <= 2);
        CHECK(support::open_descriptors() == before);
        if (!fired) {
          CHECK_FALSE(error);
          break;
        }
        for (const auto& entry : fs::directory_iterator(inbox.path())) fs::remove(entry);
      }
    }
  }
}
