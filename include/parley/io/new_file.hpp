// SPDX-License-Identifier: BSL-1.0
#pragma once

// NewFile: a file that appears under its name whole, or not at all.
//
//   auto fresh = NewFile::make(inbox, "report.pdf").value();
//   ... write to fresh.file() ...
//   fresh.file().sync().value();
//   fresh.publish().value();                          // from here on there is a report.pdf; or std::errc::file_exists
//
// make() is for what is written in one go: nothing is left of it where the program ends before publish(). resume() is
// for what may be interrupted: it writes under a name of its own, which outlives the program and is taken up again.
//
// What publish() gives is the name. That content and name survive a power cut takes file().sync() before it and
// sync_folder() after it, in this order; publish_file() (io/file_work.hpp) does all three on the thread pool.

#include <parley/io/folder.hpp>
#include <parley/platform/random.hpp>

#include <cstdio>

namespace parley::inline PARLEY_ABI {

namespace detail {

/// 128 bits that nobody guesses, so that nobody is there before.
inline Result<std::string> random_name() {
  unsigned char bytes[16];
  if (const int error = platform::random_bytes(bytes, sizeof(bytes))) return file_error(error);
  std::string name = ".parley-";
  for (const unsigned char byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", byte);
    name += digits;
  }
  return name;
}

}  // namespace detail

/// One thread at a time.
class NewFile {
 public:
  /// Not open.
  NewFile() noexcept = default;
  NewFile(NewFile&& other) noexcept { take(other); }
  NewFile& operator=(NewFile&& other) noexcept {
    if (this != &other) {
      close();
      take(other);
    }
    return *this;
  }
  /// What was begun with make() and not published is gone; what was begun with resume() stays under its own name.
  ~NewFile() { close(); }

  /// A file without a name, in the folder of `name`, which must exist; where the file system has no such thing, one of a
  /// random name that begins with ".parley-". The mode is subject to the umask.
  static Result<NewFile> make(const Folder& folder, std::string_view name, unsigned mode = 0666) {
    NewFile made;
    if (const auto error = made.aim(folder, name)) return error;
    auto opened = platform::open_unnamed(made.target_.folder, mode);
    if (opened.error != 0 && platform::not_supported(opened.error)) return made.begin_under_random_name(mode);
    auto file = File::own(std::move(opened));
    if (!file) return file.error();
    made.file_ = std::move(*file);
    return made;
  }

  /// A file under the name `partial` until it is published: opened where it exists, else made. It must be on the same
  /// file system, and its folder must exist. It is locked (File::try_lock()).
  /// Errors: Error::busy where another NewFile, of this process or another, has it; std::errc::too_many_links where the
  /// file has a second name, under which its parts would be seen.
  static Result<NewFile> resume(const Folder& folder, std::string_view name, std::string_view partial,
                                unsigned mode = 0666) {
    NewFile made;
    if (const auto error = made.aim(folder, name)) return error;
    made.source_ = folder.find(partial);
    if (made.source_.error) return made.source_.error;
    // Whoever had it may have published or removed it between our opening and our locking it.
    for (int tries = 0; tries < max_tries; ++tries) {
      auto file = folder.create_file(partial, IfExists::open, mode);
      if (!file) return file.error();
      if (const auto locked = file->try_lock(); !locked) return locked.error();
      made.file_ = std::move(*file);
      const auto info = made.file_.info();
      if (!info) return info.error();
      // Another name would see what is written here: one that was published and not told so, or a trap.
      if (info->links > 1) return std::make_error_code(std::errc::too_many_links);
      if (made.still_has_its_name()) {
        made.stays_ = true;
        return made;
      }
    }
    return Error::busy;
  }

  bool is_open() const noexcept { return file_.is_open(); }
  explicit operator bool() const noexcept { return is_open(); }
  File& file() noexcept { return file_; }
  const File& file() const noexcept { return file_; }

  /// Gives it its name, in one step: whoever looks sees what was there before or all of this. (IfExists::open counts as
  /// refuse.) The file stays open. Errors: std::errc::file_exists and the system's own: all is as it was, and may be
  /// tried again. Error::file_changed where somebody has put another file in the place of the partial one; Error::closed
  /// when it was published before.
  Result<> publish(IfExists exists = IfExists::refuse) {
    if (!is_open() || published_) return Error::closed;
    if (source_.name.empty() && exists != IfExists::replace) {
      return conclude(platform::link_unnamed(file_.native_handle(), target_.folder, target_.name.c_str()));
    }
    if (source_.name.empty()) {
      // Only rename(2) replaces, and it wants a name.
      auto random = detail::random_name();
      if (!random) return random.error();
      const int error = platform::link_unnamed(file_.native_handle(), target_.folder, random->c_str());
      if (error != 0) return detail::file_error(error);
      source_.name = std::move(*random);
      source_.folder = target_.folder;
    }
    if (!still_has_its_name()) return Error::file_changed;
    const auto call = exists == IfExists::replace ? platform::rename_at : platform::rename_unless_exists;
    return conclude(call(source_.folder, source_.name.c_str(), target_.folder, target_.name.c_str()));
  }

  /// That it has its name survives a power cut. Waits for the disk.
  Result<> sync_folder() const {
    if (!is_open()) return Error::closed;
    return detail::file_outcome(platform::sync_file(target_.folder));
  }

  /// Closes it and removes what resume() would have left. Nothing happens to what was published.
  Result<> discard() {
    int error = 0;
    if (is_open() && !published_ && !source_.name.empty()) {
      error = platform::remove_file_at(source_.folder, source_.name.c_str());
    }
    stays_ = true;
    close();
    return detail::file_outcome(error);
  }

 private:
  static constexpr int max_tries = 16;

  std::error_code aim(const Folder& folder, std::string_view name) {
    folder_ = folder;
    target_ = folder.find(name);
    return target_.error;
  }

  Result<NewFile> begin_under_random_name(unsigned mode) {
    auto random = detail::random_name();
    if (!random) return random.error();
    auto file = File::own(platform::open_file_beneath(target_.folder, random->c_str(), FileAccess::read_write,
                                                      platform::Creation::exclusive, mode));
    if (!file) return file.error();
    file_ = std::move(*file);
    source_.name = std::move(*random);
    source_.folder = target_.folder;
    return std::move(*this);
  }

  bool still_has_its_name() const {
    platform::FileStatus named{};
    const auto mine = file_.info();
    return mine && platform::file_status_at(source_.folder, source_.name.c_str(), named) == 0 &&
           named.identity == mine->identity;
  }

  Result<> conclude(int error) noexcept {
    published_ = error == 0;
    return detail::file_outcome(error);
  }

  void close() noexcept {
    if (is_open() && !published_ && !stays_ && !source_.name.empty()) {
      static_cast<void>(platform::remove_file_at(source_.folder, source_.name.c_str()));
    }
    file_.close();
  }

  void take(NewFile& other) noexcept {
    folder_ = std::move(other.folder_);
    target_ = std::move(other.target_);
    source_ = std::move(other.source_);
    file_ = std::move(other.file_);
    published_ = other.published_;
    stays_ = other.stays_;
  }

  Folder folder_;              // keeps the descriptor that the two places may be in
  detail::NamedPlace target_;  // where it will be
  detail::NamedPlace source_;  // where it is; no name: nowhere
  File file_;
  bool published_ = false;
  bool stays_ = false;
};

}  // namespace parley::inline PARLEY_ABI
