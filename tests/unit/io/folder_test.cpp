// SPDX-License-Identifier: BSL-1.0
#include <parley/io/folder.hpp>

#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/net.hpp"
#include "support/temporary_folder.hpp"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

using namespace parley;
using namespace std::string_view_literals;
using support::Faults;
using support::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// Everything that takes a name, on that name; what comes of it must be an error.
void expect_refused(const Folder& folder, std::string_view name, std::error_condition error) {
  CAPTURE(name);
  CHECK(folder.open_file(name).error() == error);
  CHECK(folder.create_file(name).error() == error);
  CHECK(folder.create_file(name, IfExists::replace).error() == error);
  CHECK(folder.create_file(name, IfExists::open).error() == error);
  CHECK(folder.open_folder(name).error() == error);
  CHECK(folder.make_folder(name).error() == error);
}

/// The names in a folder.
std::set<std::string> names(const Folder& folder) {
  std::set<std::string> found;
  auto reader = folder.list().value();
  for (;;) {
    auto entry = reader.next();
    if (!entry) {
      CHECK(entry.error() == Error::end_of_stream);
      return found;
    }
    found.insert(entry->name);
  }
}

/// Runs a test with the system's own resolution, and with the one for systems that have none.
template <class Test>
void both_ways(Test test) {
  SECTION("openat2") { test(); }
  SECTION("component by component") {
    Faults faults;
    faults.fail_always("syscall", ENOSYS);
    test();
  }
}

}  // namespace

TEST_CASE("a folder is made with its parents and opened again") {
  TemporaryFolder temporary;
  auto folder = Folder::make(temporary / "a/b//c/").value();
  CHECK(fs::is_directory(temporary / "a/b/c"));
  Folder::make(temporary / "a/b/c").value();
  CHECK(folder.info().value().kind == FileKind::folder);
  temporary.write("file", "");
  CHECK(Folder::make(temporary / "file").error() == std::errc::not_a_directory);
  CHECK(Folder::make(temporary / "file/x").error() == std::errc::not_a_directory);
  CHECK(Folder::open(temporary / "none").error() == std::errc::no_such_file_or_directory);
  CHECK(Folder::open("a\0b"sv).error() == std::errc::invalid_argument);
}

TEST_CASE("files beneath a folder") {
  both_ways([] {
    TemporaryFolder temporary;
    const auto folder = Folder::open(temporary.path().string()).value();
    folder.make_folder("a/b").value();
    folder.create_file("a/b/c").value().write("hello").value();
    CHECK(temporary.read("a/b/c") == "hello");
    CHECK(folder.open_file("a/b/c").value().size().value() == 5);
    CHECK(folder.open_file("a/b").error() == std::errc::is_a_directory);
    CHECK(folder.create_file("a/b/c").error() == std::errc::file_exists);
    CHECK(folder.create_file("none/c").error() == std::errc::no_such_file_or_directory);
    CHECK(folder.open_file("a/b/c/d").error() == std::errc::not_a_directory);
    CHECK(folder.info("a/b/c").value().size == 5);
    folder.rename("a/b/c", "d").value();
    CHECK(temporary.read("d") == "hello");
    folder.create_file("e").value();
    CHECK(folder.rename("e", "d").error() == std::errc::file_exists);
    CHECK(temporary.read("d") == "hello");
    folder.rename("e", "d", IfExists::replace).value();
    CHECK(temporary.read("d").empty());
    folder.remove_file("d").value();
    CHECK(folder.remove_folder("a").error() == std::errc::directory_not_empty);
    folder.remove_folder("a/b").value();
    folder.remove_folder("a").value();
    CHECK(temporary.entries() == 0);
    CHECK(folder.available_bytes().value() > 0);
    folder.sync().value();
  });
}

TEST_CASE("no name leads out of the folder") {
  both_ways([] {
    TemporaryFolder temporary;
    temporary.write("secret", "outside");
    const auto folder = Folder::make(temporary / "inbox").value();
    folder.make_folder("sub").value();
    const std::string_view hostile[] = {
        "..", "../secret", "sub/../../secret", "sub/../x", "/etc/passwd", "", ".", "sub//x", "./x", "x/", "a\0b"sv};
    for (const std::string_view name : hostile) {
      expect_refused(folder, name, make_error_code(Error::malformed).default_error_condition());
      CHECK(folder.info(name).error() == Error::malformed);
      CHECK(folder.remove_file(name).error() == Error::malformed);
      CHECK(folder.remove_folder(name).error() == Error::malformed);
      CHECK(folder.rename("sub", name).error() == Error::malformed);
      CHECK(folder.rename(name, "y").error() == Error::malformed);
    }
    expect_refused(folder, std::string(300, 'x'), std::errc::filename_too_long);
    CHECK(temporary.read("secret") == "outside");
    CHECK(names(folder) == std::set<std::string>{"sub"});
  });
}

TEST_CASE("no symbolic link is followed, wherever it stands") {
  both_ways([] {
    TemporaryFolder temporary;
    temporary.write("secret", "outside");
    fs::create_directory(temporary / "elsewhere");
    temporary.write("elsewhere/x", "outside");
    const auto folder = Folder::make(temporary / "inbox").value();
    folder.make_folder("sub").value();
    folder.create_file("sub/inside").value();
    fs::create_symlink(temporary / "secret", temporary / "inbox/file");
    fs::create_symlink("../secret", temporary / "inbox/relative");
    fs::create_symlink("sub/inside", temporary / "inbox/even_inside");
    fs::create_symlink(temporary / "none", temporary / "inbox/dangling");
    fs::create_directory_symlink(temporary / "elsewhere", temporary / "inbox/folder");
    fs::create_symlink(temporary / "secret", temporary / "inbox/sub/file");
    for (const char* const name : {"file", "relative", "even_inside", "dangling", "sub/file"}) {
      CAPTURE(name);
      CHECK(folder.open_file(name).error() == std::errc::too_many_symbolic_link_levels);
      CHECK(folder.open_file(name, FileAccess::write).error() == std::errc::too_many_symbolic_link_levels);
      CHECK(folder.create_file(name).error() == std::errc::file_exists);
      CHECK(folder.create_file(name, IfExists::replace).error() == std::errc::too_many_symbolic_link_levels);
      CHECK(folder.create_file(name, IfExists::open).error() == std::errc::too_many_symbolic_link_levels);
      CHECK(folder.info(name).value().kind == FileKind::link);
    }
    for (const char* const name : {"folder/x", "folder/new", "folder/x/y"}) {
      expect_refused(folder, name, std::errc::too_many_symbolic_link_levels);
      CHECK(folder.info(name).error() == std::errc::too_many_symbolic_link_levels);
      CHECK(folder.remove_file(name).error() == std::errc::too_many_symbolic_link_levels);
      CHECK(folder.rename("sub", name).error() == std::errc::too_many_symbolic_link_levels);
      CHECK(folder.rename(name, "y").error() == std::errc::too_many_symbolic_link_levels);
    }
    CHECK(folder.open_folder("folder").error() == std::errc::too_many_symbolic_link_levels);
    CHECK(folder.make_folder("folder").error() == std::errc::too_many_symbolic_link_levels);
    // What is done to a name is done to the link.
    folder.rename("file", "moved").value();
    CHECK(fs::is_symlink(temporary / "inbox/moved"));
    folder.remove_file("moved").value();
    CHECK(temporary.read("secret") == "outside");
    CHECK(temporary.read("elsewhere/x") == "outside");
    CHECK(std::distance(fs::directory_iterator(temporary / "elsewhere"), {}) == 1);
    CHECK_FALSE(fs::exists(temporary / "none"));
  });
}

TEST_CASE("a folder that is exchanged for a link meanwhile keeps what was opened in it") {
  TemporaryFolder temporary;
  fs::create_directory(temporary / "elsewhere");
  const auto folder = Folder::make(temporary / "inbox").value();
  const auto sub = folder.make_folder("sub").value();
  auto file = sub.create_file("x").value();
  fs::rename(temporary / "inbox/sub", temporary / "inbox/moved");
  fs::create_directory_symlink(temporary / "elsewhere", temporary / "inbox/sub");
  file.write("hello").value();
  sub.create_file("y").value();
  sub.rename("x", "z").value();
  CHECK(temporary.read("inbox/moved/z") == "hello");
  CHECK(folder.create_file("sub/y").error() == std::errc::too_many_symbolic_link_levels);
  CHECK(fs::is_empty(temporary / "elsewhere"));
}

TEST_CASE("a folder is listed") {
  TemporaryFolder temporary;
  const auto folder = Folder::open(temporary.path().string()).value();
  CHECK(names(folder).empty());
  folder.make_folder("sub").value();
  folder.create_file("file").value();
  folder.create_file("\xC3\xA9").value();
  fs::create_symlink("file", temporary / "link");
  REQUIRE(::mkfifo((temporary / "fifo").c_str(), 0600) == 0);
  temporary.write("\xFF", "");
  CHECK(names(folder) == std::set<std::string>{"sub", "file", "\xC3\xA9", "link", "fifo", "\xFF"});
  CHECK(names(folder).size() == 6);  // from the beginning again
  auto reader = folder.list().value();
  while (const auto entry = reader.next()) {
    const FileKind kind = entry->name == "sub"    ? FileKind::folder
                          : entry->name == "link" ? FileKind::link
                          : entry->name == "fifo" ? FileKind::other
                                                  : FileKind::regular;
    CHECK(entry->kind == kind);
    CHECK(folder.info(entry->name).value().kind == kind);
  }
  for (int i = 0; i < 2000; ++i) folder.create_file("f" + std::to_string(i)).value();
  CHECK(names(folder).size() == 2006);
  CHECK(FolderReader().next().error() == Error::end_of_stream);
}

TEST_CASE("a file that is opened unseen may be anything, which it says itself") {
  TemporaryFolder temporary;
  const auto folder = Folder::open(temporary.path().string()).value();
  temporary.write("file", "text");
  REQUIRE(::mkfifo((temporary / "fifo").c_str(), 0600) == 0);
  fs::create_symlink("file", temporary / "link");
  const auto before = folder.info("file").value();
  const auto file = folder.open_unseen("file").value();
  char text[4];
  REQUIRE(file.read_exactly_at(0, text));
  CHECK(std::string(text, 4) == "text");
  CHECK(unchanged(before, file.info().value()));
  const auto fifo = folder.open_unseen("fifo").value();
  CHECK(fifo.info().value().kind == FileKind::other);
  CHECK_FALSE(unchanged(before, fifo.info().value()));
  CHECK_FALSE(fifo.read_at(0, text));
  CHECK(folder.open_unseen("link").error() == std::errc::too_many_symbolic_link_levels);
  CHECK(folder.open_unseen("none").error() == std::errc::no_such_file_or_directory);
  CHECK(folder.open_unseen("../x").error() == Error::malformed);
  CHECK(Folder().open_unseen("file").error() == Error::closed);
}

TEST_CASE("a folder's own times and mode") {
  TemporaryFolder temporary;
  const auto folder = Folder::make(temporary / "sub").value();
  const FileTime then(std::chrono::seconds(1000000000));
  folder.set_mode(0750).value();
  folder.set_times(then, then).value();
  CHECK(folder.info().value().mode == 0750);
  CHECK(folder.info().value().modified == then);
}

TEST_CASE("names that differ in case or normalisation are files of their own, or the second is refused") {
  TemporaryFolder temporary;
  const auto folder = Folder::open(temporary.path().string()).value();
  const std::pair<const char*, const char*> pairs[] = {{"Name", "name"}, {"\xC3\xA9", "e\xCC\x81"}};
  for (const auto& [first, second] : pairs) {
    folder.create_file(first).value().write("first").value();
    const auto other = folder.create_file(second);
    CHECK((other || other.error() == std::errc::file_exists));
    CHECK(temporary.read(first) == "first");
  }
}

TEST_CASE("copies of a folder share it; one that is not open says so") {
  TemporaryFolder temporary;
  auto folder = Folder::open(temporary.path().string()).value();
  const Folder copy = folder;
  folder.close();
  CHECK(folder.list().error() == Error::closed);
  CHECK(folder.open_file("x").error() == Error::closed);
  CHECK(folder.info("x").error() == Error::closed);
  CHECK(folder.rename("x", "y").error() == Error::closed);
  CHECK(folder.sync().error() == Error::closed);
  CHECK(folder.make_folder("x").error() == Error::closed);
  copy.create_file("x").value();
}

TEST_CASE("no descriptor is left behind, whichever call fails") {
  TemporaryFolder temporary;
  const std::size_t before = support::open_descriptors();
  for (const bool walks : {false, true}) {
    for (std::size_t n = 1;; ++n) {
      fs::remove_all(temporary / "inbox");
      bool fired = false;
      {
        Faults faults;
        if (walks) faults.fail_always("syscall", ENOSYS);
        faults.fail_nth(n, EIO);
        const auto scenario = [&]() -> std::error_code {
          const auto folder = Folder::make(temporary / "inbox");
          if (!folder) return folder.error();
          if (const auto sub = folder->make_folder("a/b"); !sub) return sub.error();
          if (const auto file = folder->create_file("a/b/c"); !file) return file.error();
          if (const auto renamed = folder->rename("a/b/c", "a/d"); !renamed) return renamed.error();
          auto list = folder->list();
          if (!list) return list.error();
          while (const auto entry = list->next()) {
          }
          return folder->remove_file("a/d").error();
        };
        const auto error = scenario();
        // A folder that could not be made need not be, where it exists: then all is well all the same.
        CHECK((!error || error == std::errc::io_error || error == std::errc::no_such_file_or_directory));
        fired = walks ? faults.count() >= n : faults.fired();
        if (!fired) CHECK_FALSE(error);
      }
      if (!fired) break;
      CHECK(support::open_descriptors() == before);
    }
  }
}
