// SPDX-License-Identifier: BSL-1.0
#pragma once

// Folder: an open folder, and what is beneath it.
//
//   auto inbox = Folder::make("inbox").value();
//   auto file = inbox.create_file("2024/notes.txt");             // never outside of the inbox, whatever the name says
//
// Names are relative paths in UTF-8 with '/' between their components. None leads out of the folder: `..`, absolute
// paths and the like are refused (check_name(), io/file_name.hpp), and no symbolic link is followed, in whatever
// component, put there before or meanwhile.
//
// Errors:  of every call with a name Error::malformed (what is wrong with it: check_name(name, NamePolicy::this_system))
//          and std::errc::filename_too_long; std::errc::too_many_symbolic_link_levels for a link on the way; Error::closed; and
//          the system's own.
// Threads: any, several at once. Calls are made on the calling thread; on a loop, those that may take long go to the
//          thread pool (io/file_work.hpp).
// Copies:  share one descriptor, which is closed with the last.

#include <parley/io/file.hpp>
#include <parley/io/file_name.hpp>

namespace parley::inline PARLEY_ABI {

struct FolderEntry {
  FolderEntry() = default;  // no aggregate: g++ 12 destroys those twice in an expression with co_await
  FolderEntry(std::string its_name, FileKind its_kind) : name(std::move(its_name)), kind(its_kind) {}

  /// A single component, as the system has it: not always UTF-8.
  std::string name;
  FileKind kind = FileKind::other;
};

/// The entries of a folder, in no particular order, one at a time; `.` and `..` are left out. What is made or removed
/// meanwhile may be among them or not. One thread at a time.
class FolderReader {
 public:
  FolderReader() noexcept = default;
  explicit FolderReader(platform::FolderStream stream) noexcept : stream_(std::move(stream)) {}

  /// Error::end_of_stream after the last.
  Result<FolderEntry> next() {
    FileKind kind{};
    int error = 0;
    const char* const name = stream_.next(kind, error);
    if (name != nullptr) return Result<FolderEntry>(FolderEntry(name, kind));
    if (error != 0) return detail::file_error(error);
    return Error::end_of_stream;
  }

 private:
  platform::FolderStream stream_;
};

namespace detail {

/// A name that was looked at, up to its last component: the folder that has it, and the component.
struct NamedPlace {
  NamedPlace() = default;

  platform::NativeSocket folder = platform::invalid_socket;
  std::string name;              // the component
  platform::NativeHandle owned;  // the folder, unless it is the one that the name began in
  std::error_code error;
};

inline std::error_code name_error(std::string_view name) noexcept {
  const NameFault fault = check_name(name, NamePolicy::this_system);
  if (fault == NameFault::none) return {};
  if (fault == NameFault::too_long) return std::make_error_code(std::errc::filename_too_long);
  return make_error_code(Error::malformed);
}

}  // namespace detail

class Folder {
 public:
  /// Not open.
  Folder() noexcept = default;

  /// By a path that the program's user has given: it may lead anywhere, over symbolic links too.
  static Result<Folder> open(std::string_view path) {
    if (path.find('\0') != path.npos) return std::make_error_code(std::errc::invalid_argument);
    return own(platform::open_folder(std::string(path).c_str()));
  }
  /// The same, and makes it and the folders above it where they are missing.
  static Result<Folder> make(std::string_view path, unsigned mode = 0777) {
    if (path.find('\0') != path.npos) return std::make_error_code(std::errc::invalid_argument);
    std::string part;
    for (std::size_t end = 0; end < path.size();) {
      end = std::min(path.find('/', end + 1), path.size());
      part.assign(path.substr(0, end));
      const int error = platform::make_folder(part.c_str(), mode);
      // Whatever is wrong with a part that exists, opening the whole will say.
      if (error != 0 && error != platform::file_exists && end == path.size()) return detail::file_error(error);
    }
    return open(path);
  }

  bool is_open() const noexcept { return handle_ != nullptr; }
  explicit operator bool() const noexcept { return is_open(); }
  void close() noexcept { handle_.reset(); }
  /// -1 when it is not open.
  platform::NativeSocket native_handle() const noexcept {
    return is_open() ? handle_->get() : platform::invalid_socket;
  }

  Result<Folder> open_folder(std::string_view name) const {
    if (const auto error = refused(name)) return error;
    return own(platform::open_folder_beneath(native_handle(), std::string(name).c_str()));
  }
  /// Makes it, and those above it, where they are missing, and opens it.
  Result<Folder> make_folder(std::string_view name, unsigned mode = 0777) const {
    if (const auto error = refused(name)) return error;
    Folder folder = *this;
    for (;;) {
      const std::string part(name.substr(0, name.find('/')));
      const int error = platform::make_folder_at(folder.native_handle(), part.c_str(), mode);
      if (error != 0 && error != platform::file_exists) return detail::file_error(error);
      auto opened = own(platform::open_folder_beneath(folder.native_handle(), part.c_str()));
      if (!opened || part.size() == name.size()) return opened;
      folder = std::move(*opened);
      name.remove_prefix(part.size() + 1);
    }
  }

  /// Errors: those of File::open().
  Result<File> open_file(std::string_view name, FileAccess access = FileAccess::read) const {
    return open_file(name, access, platform::Creation::never, 0);
  }
  /// The same without the look at what it is: whatever has that name, to be read. For many small files, by who looks
  /// himself when he has read them (File::info()), as one does who wants to know whether they changed meanwhile.
  Result<File> open_unseen(std::string_view name) const {
    if (const auto error = refused(name)) return error;
    auto opened = platform::open_file_beneath(native_handle(), std::string(name).c_str(), FileAccess::read,
                                              platform::Creation::never, 0);
    if (opened.error != 0) return detail::file_error(opened.error);
    return File::own_unseen(std::move(opened.handle));
  }
  /// To be read and written; the folders above it must exist. The mode is subject to the umask. A file that is to
  /// appear whole or not at all: io/new_file.hpp.
  Result<File> create_file(std::string_view name, IfExists exists = IfExists::refuse, unsigned mode = 0666) const {
    return open_file(name, FileAccess::read_write, detail::creation(exists), mode);
  }

  /// Of what has that name; a link itself.
  Result<FileInfo> info(std::string_view name) const {
    const auto place = find(name);
    if (place.error) return place.error;
    platform::FileStatus status{};
    if (const int error = platform::file_status_at(place.folder, place.name.c_str(), status)) {
      return detail::file_error(error);
    }
    return detail::file_info(status);
  }
  /// Of the folder itself.
  Result<FileInfo> info() const {
    platform::FileStatus status{};
    if (const auto error = failure(platform::file_status(native_handle(), status))) return error;
    return detail::file_info(status);
  }

  Result<> remove_file(std::string_view name) const {
    const auto place = find(name);
    return place.error ? place.error : detail::file_error(platform::remove_file_at(place.folder, place.name.c_str()));
  }
  /// Errors: std::errc::directory_not_empty.
  Result<> remove_folder(std::string_view name) const {
    const auto place = find(name);
    return place.error ? place.error : detail::file_error(platform::remove_folder_at(place.folder, place.name.c_str()));
  }
  /// In one step; at every moment there is something of a name that is replaced. (IfExists::open counts as refuse.)
  Result<> rename(std::string_view from, std::string_view to, IfExists exists = IfExists::refuse) const {
    const auto source = find(from);
    if (source.error) return source.error;
    const auto target = find(to);
    if (target.error) return target.error;
    const auto call = exists == IfExists::replace ? platform::rename_at : platform::rename_unless_exists;
    return detail::file_outcome(call(source.folder, source.name.c_str(), target.folder, target.name.c_str()));
  }

  /// Of the folder itself.
  Result<> set_mode(unsigned mode) const { return failure(platform::set_file_mode(native_handle(), mode)); }
  Result<> set_times(FileTime accessed, FileTime modified) const {
    return failure(platform::set_file_times(native_handle(), accessed.time_since_epoch().count(),
                                            modified.time_since_epoch().count()));
  }

  /// Which names are in the folder survives a power cut. Waits for the disk: on a loop use sync_folder().
  Result<> sync() const { return failure(platform::sync_file(native_handle())); }
  /// The same for all that is on its file system, contents too: one wait for many small files.
  Result<> sync_file_system() const { return failure(platform::sync_file_system(native_handle())); }

  /// Room on its file system for who runs this program; others may take it meanwhile.
  Result<std::uint64_t> available_bytes() const {
    std::uint64_t bytes = 0;
    if (const auto error = failure(platform::available_bytes(native_handle(), bytes))) return error;
    return bytes;
  }

  Result<FolderReader> list() const {
    platform::FolderStream stream;
    if (const auto error = failure(stream.open(native_handle()))) return error;
    return FolderReader(std::move(stream));
  }

  /// For the library: where a name leads, up to its last component.
  detail::NamedPlace find(std::string_view name) const {
    detail::NamedPlace place;
    place.error = refused(name);
    if (place.error) return place;
    place.folder = native_handle();
    const std::size_t slash = name.rfind('/');
    place.name.assign(name.substr(slash + 1));  // npos + 1 is 0
    if (slash == name.npos) return place;
    auto opened = platform::open_folder_beneath(native_handle(), std::string(name.substr(0, slash)).c_str());
    place.error = opened.error != 0 ? detail::file_error(opened.error) : std::error_code();
    place.folder = opened.handle.get();
    place.owned = std::move(opened.handle);
    return place;
  }
  /// For the library: for work that must not see it closed.
  const std::shared_ptr<const platform::NativeHandle>& shared_handle() const noexcept { return handle_; }

 private:
  static Result<Folder> own(platform::OpenOutcome opened) {
    if (opened.error != 0) return detail::file_error(opened.error);
    Folder folder;
    folder.handle_ = std::make_shared<const platform::NativeHandle>(std::move(opened.handle));
    return folder;
  }

  Result<File> open_file(std::string_view name, FileAccess access, platform::Creation creation, unsigned mode) const {
    if (const auto error = refused(name)) return error;
    return File::own(platform::open_file_beneath(native_handle(), std::string(name).c_str(), access, creation, mode));
  }

  std::error_code refused(std::string_view name) const noexcept {
    return is_open() ? detail::name_error(name) : make_error_code(Error::closed);
  }
  std::error_code failure(int error) const noexcept {
    return is_open() ? detail::file_error(error) : make_error_code(Error::closed);
  }

  std::shared_ptr<const platform::NativeHandle> handle_;
};

}  // namespace parley::inline PARLEY_ABI
