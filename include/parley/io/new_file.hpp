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
#include <memory>
#include <mutex>

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

namespace detail {

/// What a NewFile and the work on the pool share.
class NewFileCore {
 public:
  NewFileCore(File file, Folder folder, NamedPlace target, NamedPlace source, bool stays) noexcept
      : file_(std::move(file)),
        folder_(std::move(folder)),
        target_(std::move(target)),
        source_(std::move(source)),
        stays_(stays) {}
  NewFileCore(const NewFileCore&) = delete;
  NewFileCore& operator=(const NewFileCore&) = delete;
  ~NewFileCore() {
    if (!stays_) static_cast<void>(remove());
  }

  File& file() noexcept { return file_; }

  Result<> publish(IfExists exists) {
    const std::lock_guard lock(mutex_);
    if (published_) return Error::closed;
    if (source_.name.empty() && exists != IfExists::replace) {
      return conclude(platform::link_unnamed(file_.native_handle(), target_.folder, target_.name.c_str()));
    }
    if (source_.name.empty()) {
      // Only rename(2) replaces, and it wants a name.
      auto random = random_name();
      if (!random) return random.error();
      const int error = platform::link_unnamed(file_.native_handle(), target_.folder, random->c_str());
      if (error != 0) return file_error(error);
      source_.name = std::move(*random);
      source_.folder = target_.folder;
    }
    if (!still_has_its_name()) return Error::file_changed;
    const auto call = exists == IfExists::replace ? platform::rename_at : platform::rename_unless_exists;
    return conclude(call(source_.folder, source_.name.c_str(), target_.folder, target_.name.c_str()));
  }

  Result<> sync_folder() {
    const std::lock_guard lock(mutex_);
    return file_outcome(platform::sync_file(target_.folder));
  }

  Result<> retarget(std::string_view component) {
    if (const auto error = name_error(component)) return error;
    if (component.find('/') != component.npos) return Error::malformed;
    const std::lock_guard lock(mutex_);
    if (published_) return Error::closed;
    target_.name.assign(component);
    return {};
  }

  Result<> discard() {
    const std::lock_guard lock(mutex_);
    const auto outcome = remove();
    published_ = true;
    return outcome;
  }

  bool still_has_its_name() const {
    platform::FileStatus named{};
    const auto mine = file_.info();
    return mine && platform::file_status_at(source_.folder, source_.name.c_str(), named) == 0 &&
           named.identity == mine->identity;
  }

 private:
  Result<> conclude(int error) noexcept {
    published_ = error == 0;
    return file_outcome(error);
  }
  // Not what somebody has put in its place.
  Result<> remove() noexcept {
    if (published_ || source_.name.empty() || !still_has_its_name()) return {};
    return file_outcome(platform::remove_file_at(source_.folder, source_.name.c_str()));
  }

  std::mutex mutex_;
  File file_;
  const Folder folder_;  // keeps the descriptor that the two places may be in
  NamedPlace target_;    // where it will be
  NamedPlace source_;    // where it is; no name: nowhere
  const bool stays_;
  bool published_ = false;
};

}  // namespace detail

/// Threads: one at a time; what was given to the thread pool may go on beside it.
class NewFile {
 public:
  /// Not open.
  NewFile() noexcept = default;
  NewFile(NewFile&&) noexcept = default;
  NewFile& operator=(NewFile&&) noexcept = default;
  /// What was begun with make() and not published is gone; what was begun with resume() stays under its own name.
  ~NewFile() = default;

  /// A file without a name, in the folder of `name`, which must exist; where the file system has no such thing, one of a
  /// random name that begins with ".parley-". The mode is subject to the umask.
  static Result<NewFile> make(const Folder& folder, std::string_view name, unsigned mode = 0666) {
    auto target = folder.find(name);
    if (target.error) return target.error;
    detail::NamedPlace source;
    auto opened = platform::open_unnamed(target.folder, mode);
    if (opened.error != 0 && platform::not_supported(opened.error)) {
      auto random = detail::random_name();
      if (!random) return random.error();
      source.name = std::move(*random);
      source.folder = target.folder;
      opened = platform::open_file_beneath(source.folder, source.name.c_str(), FileAccess::read_write,
                                           platform::Creation::exclusive, mode);
    }
    if (opened.error != 0) return detail::file_error(opened.error);
    return own(File::own_unseen(std::move(opened.handle)), folder, std::move(target), std::move(source), false);
  }

  /// A file under the name `partial` until it is published: opened where it exists, else made. It must be on the same
  /// file system, and its folder must exist. It is locked (File::try_lock()).
  /// Errors: Error::busy where another NewFile, of this process or another, has it; std::errc::too_many_links where the
  /// file has a second name, under which its parts would be seen.
  static Result<NewFile> resume(const Folder& folder, std::string_view name, std::string_view partial,
                                unsigned mode = 0666) {
    // Whoever had it may have published or removed it between our opening and our locking it.
    for (int tries = 0; tries < max_tries; ++tries) {
      auto target = folder.find(name);
      if (target.error) return target.error;
      auto source = folder.find(partial);
      if (source.error) return source.error;
      auto file = File::own(platform::open_file_beneath(source.folder, source.name.c_str(), FileAccess::read_write,
                                                        platform::Creation::if_missing, mode));
      if (!file) return file.error();
      if (const auto locked = file->try_lock(); !locked) return locked.error();
      const auto info = file->info();
      if (!info) return info.error();
      // Another name would see what is written here: one that was published and not told so, or a trap.
      if (info->links > 1) return std::make_error_code(std::errc::too_many_links);
      auto made = own(std::move(*file), folder, std::move(target), std::move(source), true);
      if (made.core_->still_has_its_name()) return made;
    }
    return Error::busy;
  }

  bool is_open() const noexcept { return core_ != nullptr; }
  explicit operator bool() const noexcept { return is_open(); }
  /// It must be open.
  File& file() noexcept { return core_->file(); }
  const File& file() const noexcept { return core_->file(); }

  /// Gives it its name, in one step: whoever looks sees what was there before or all of this. (IfExists::open counts as
  /// refuse.) The file stays open. Errors: std::errc::file_exists and the system's own: all is as it was, and may be
  /// tried again. Error::file_changed where somebody has put another file in the place of the partial one; Error::closed
  /// when it was published before.
  Result<> publish(IfExists exists = IfExists::refuse) {
    if (!is_open()) return Error::closed;
    return core_->publish(exists);
  }
  /// It is to have another name in the same folder: a single component. Errors: Error::malformed,
  /// std::errc::filename_too_long; Error::closed when it was published before.
  Result<> set_name(std::string_view component) {
    if (!is_open()) return Error::closed;
    return core_->retarget(component);
  }

  /// That it has its name survives a power cut. Waits for the disk.
  Result<> sync_folder() const {
    if (!is_open()) return Error::closed;
    return core_->sync_folder();
  }

  /// Closes it and removes what resume() would have left. Nothing happens to what was published.
  Result<> discard() {
    if (!is_open()) return Error::closed;
    auto outcome = core_->discard();
    core_.reset();
    return outcome;
  }

  /// For the library: for work that must not see it closed.
  const std::shared_ptr<detail::NewFileCore>& shared_core() const noexcept { return core_; }

 private:
  static constexpr int max_tries = 16;

  static NewFile own(File file, const Folder& folder, detail::NamedPlace target, detail::NamedPlace source,
                     bool stays) {
    NewFile made;
    made.core_ =
        std::make_shared<detail::NewFileCore>(std::move(file), folder, std::move(target), std::move(source), stays);
    return made;
  }

  std::shared_ptr<detail::NewFileCore> core_;
};

}  // namespace parley::inline PARLEY_ABI
