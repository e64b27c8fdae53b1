// SPDX-License-Identifier: BSL-1.0
#pragma once

// Files and folders as the layers above use them: retried on EINTR, and with the error as a number (errno).
//
// Names that strangers may have given are resolved beneath a folder, without following a symbolic link anywhere, by
// openat2(2), or component by component where there is no such call. Both hold against links and folders that are
// exchanged meanwhile: what was opened is what is used.

#include <parley/platform/socket_file.hpp>
#include <parley/platform/system.hpp>

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(SYS_openat2) && __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

#include <climits>
#include <cstdio>
#include <cstring>

namespace parley::inline PARLEY_ABI::platform {

enum class FileAccess : std::uint8_t { read, write, read_write };
/// What opening a file does where there is none of that name, and where there is one.
enum class Creation : std::uint8_t { never, exclusive, truncate, if_missing };

inline constexpr int no_such_file = ENOENT;
inline constexpr int file_exists = EEXIST;
inline constexpr int is_a_folder = EISDIR;
inline constexpr int too_many_links = ELOOP;

/// The file system cannot do it, or the kernel does not know how to.
inline bool not_supported(int error) noexcept {
  return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL || error == EISDIR;
}

namespace detail {

// Never waits for the other end of a FIFO, and makes no terminal that of the process.
inline int open_flags(FileAccess access, Creation creation) noexcept {
  int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  flags |= access == FileAccess::read ? O_RDONLY : access == FileAccess::write ? O_WRONLY : O_RDWR;
  if (creation != Creation::never) flags |= O_CREAT;
  if (creation == Creation::exclusive) flags |= O_EXCL;
  if (creation == Creation::truncate) flags |= O_TRUNC;
  return flags;
}

inline constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

template <class Open>
OpenOutcome open_retrying(Open open) noexcept {
  for (;;) {
    const auto handle = static_cast<int>(open());
    if (handle >= 0) return {NativeHandle(handle), 0};
    if (errno != EINTR) return {NativeHandle(), errno};
  }
}

template <class Call>
int error_of(Call call) noexcept {
  for (;;) {
    if (call() == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

/// The component that `path` begins with, as a text of its own; an errno where it may not be one.
inline int copy_component(const char*& path, char (&component)[NAME_MAX + 1]) noexcept {
  const std::size_t size = std::strcspn(path, "/");
  if (size > NAME_MAX) return ENAMETOOLONG;
  std::memcpy(component, path, size);
  component[size] = '\0';
  path += path[size] == '/' ? size + 1 : size;
  if (size == 0) return EINVAL;
  return std::strcmp(component, "..") == 0 ? EXDEV : 0;
}

/// ELOOP instead of ENOTDIR where a link stands in the way, as openat2(2) says it.
inline int tell_link(NativeSocket folder, const char* name, int error) noexcept {
  struct ::stat status {};
  const bool link = error == ENOTDIR && ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  return link && S_ISLNK(status.st_mode) ? ELOOP : error;
}

inline OpenOutcome walk_beneath(NativeSocket root, const char* path, int flags, unsigned mode) noexcept {
  NativeHandle folder;
  char name[NAME_MAX + 1];
  for (;;) {
    if (const int error = copy_component(path, name)) return {NativeHandle(), error};
    const NativeSocket here = folder ? folder.get() : root;
    const bool last = *path == '\0';
    const int how = last ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC;
    auto opened = open_retrying([&] { return ::openat(here, name, how | O_NOFOLLOW, mode); });
    if (opened.error != 0) return {NativeHandle(), tell_link(here, name, opened.error)};
    if (last) return opened;
    folder = std::move(opened.handle);
  }
}

/// False where the call is not to be had here: an old kernel, or a sandbox that knows no such call.
inline bool open_beneath_at_once(NativeSocket root, const char* path, int flags, unsigned mode,
                                 OpenOutcome& outcome) noexcept {
#if defined(SYS_openat2) && defined(RESOLVE_BENEATH)
  ::open_how how{};
  how.flags = static_cast<unsigned>(flags | O_NOFOLLOW);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  outcome = open_retrying([&] { return ::syscall(SYS_openat2, root, path, &how, sizeof(how)); });
  return outcome.error != ENOSYS && outcome.error != EPERM && outcome.error != EAGAIN;
#else
  static_cast<void>(root), static_cast<void>(path), static_cast<void>(flags), static_cast<void>(mode);
  static_cast<void>(outcome);
  return false;
#endif
}

inline OpenOutcome open_beneath(NativeSocket root, const char* path, int flags, unsigned mode = 0) noexcept {
  OpenOutcome outcome{NativeHandle(), 0};
  const bool plain = std::strchr(path, '/') == nullptr;  // then there is nothing to resolve
  if (!plain && open_beneath_at_once(root, path, flags, mode, outcome)) return outcome;
  return walk_beneath(root, path, flags, mode);
}

}  // namespace detail

/// By a path that may lead anywhere.
inline OpenOutcome open_file(const char* path, FileAccess access, Creation creation, unsigned mode) noexcept {
  const int flags = detail::open_flags(access, creation);
  return detail::open_retrying([=] { return ::open(path, flags, mode); });
}
inline OpenOutcome open_folder(const char* path) noexcept {
  return detail::open_retrying([=] { return ::open(path, detail::folder_flags); });
}
inline int make_folder(const char* path, unsigned mode) noexcept { return ::mkdir(path, mode) < 0 ? errno : 0; }

/// Beneath a folder. No link is followed: ELOOP. `..` is EXDEV.
inline OpenOutcome open_file_beneath(NativeSocket folder, const char* path, FileAccess access, Creation creation,
                                     unsigned mode) noexcept {
  return detail::open_beneath(folder, path, detail::open_flags(access, creation),
                              creation == Creation::never ? 0 : mode);
}
inline OpenOutcome open_folder_beneath(NativeSocket folder, const char* path) noexcept {
  return detail::open_beneath(folder, path, detail::folder_flags);
}

namespace detail {

/// Whether an open file can be reached by a path. Asked once: it costs as much as making the file.
inline bool has_paths_of_descriptors() noexcept {
  static const bool has = ::access("/proc/self/fd", F_OK) == 0;
  return has;
}

}  // namespace detail

/// A file without a name, which link_unnamed() may give it. EOPNOTSUPP and others (see not_supported()) where the file
/// system has none, and where it could not be named later.
inline OpenOutcome open_unnamed(NativeSocket folder, unsigned mode) noexcept {
  if (!detail::has_paths_of_descriptors()) return {NativeHandle(), EOPNOTSUPP};
  const int flags = O_TMPFILE | O_RDWR | O_CLOEXEC;
  return detail::open_retrying([=] { return ::openat(folder, ".", flags, mode); });
}

/// `name` is a single component here and below.
inline int link_unnamed(NativeSocket file, NativeSocket folder, const char* name) noexcept {
  // By its descriptor, where the kernel (6.10, or any for root) allows that, else by its path, which takes twice as long.
  if (::linkat(file, "", folder, name, AT_EMPTY_PATH) == 0) return 0;
  if (errno != ENOENT) return errno;
  char link[40];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  return ::linkat(AT_FDCWD, link, folder, name, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
}

/// Replaces what has the new name, at once.
inline int rename_at(NativeSocket from_folder, const char* from, NativeSocket to_folder, const char* to) noexcept {
  return ::renameat(from_folder, from, to_folder, to) < 0 ? errno : 0;
}

/// EEXIST where something has the new name, at once too. Where the file system cannot do that (EINVAL), a file gets its
/// second name before it loses the first, which comes to the same.
inline int rename_unless_exists(NativeSocket from_folder, const char* from, NativeSocket to_folder,
                                const char* to) noexcept {
#if defined(RENAME_NOREPLACE)
  if (::renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
  if (::linkat(from_folder, from, to_folder, to, 0) < 0) return errno;
  return ::unlinkat(from_folder, from, 0) < 0 ? errno : 0;
}

inline int remove_file_at(NativeSocket folder, const char* name) noexcept {
  return ::unlinkat(folder, name, 0) < 0 ? errno : 0;
}
inline int remove_folder_at(NativeSocket folder, const char* name) noexcept {
  return ::unlinkat(folder, name, AT_REMOVEDIR) < 0 ? errno : 0;
}
inline int make_folder_at(NativeSocket folder, const char* name, unsigned mode) noexcept {
  return ::mkdirat(folder, name, mode) < 0 ? errno : 0;
}

inline IoOutcome read_at(NativeSocket file, std::uint64_t offset, void* data, std::size_t size) noexcept {
  return detail::retry_interrupted([=] { return ::pread(file, data, size, static_cast<::off_t>(offset)); });
}
/// Of what is in memory already. EAGAIN where the disk would have to be waited for, and where that cannot be known other
/// errors.
inline IoOutcome read_at_now(NativeSocket file, std::uint64_t offset, void* data, std::size_t size) noexcept {
#if defined(RWF_NOWAIT)  // 4.14
  const ::iovec piece{data, size};
  return detail::retry_interrupted(
      [=] { return ::preadv2(file, &piece, 1, static_cast<::off_t>(offset), RWF_NOWAIT); });
#else
  return {0, ENOSYS};
#endif
}
inline IoOutcome write_at(NativeSocket file, std::uint64_t offset, const void* data, std::size_t size) noexcept {
  return detail::retry_interrupted([=] { return ::pwrite(file, data, size, static_cast<::off_t>(offset)); });
}
inline IoOutcome write(NativeSocket file, const void* data, std::size_t size) noexcept {
  return detail::retry_interrupted([=] { return ::write(file, data, size); });
}

inline int resize_file(NativeSocket file, std::uint64_t size) noexcept {
  return detail::error_of([=] { return ::ftruncate(file, static_cast<::off_t>(size)); });
}
/// Without changing the size that the file says it has.
inline int preallocate(NativeSocket file, std::uint64_t size) noexcept {
  return detail::error_of([=] { return ::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, static_cast<::off_t>(size)); });
}
inline int sync_file(NativeSocket file) noexcept {
  return detail::error_of([=] { return ::fsync(file); });
}
inline int sync_file_data(NativeSocket file) noexcept {
  return detail::error_of([=] { return ::fdatasync(file); });
}
inline int sync_file_system(NativeSocket file) noexcept {
  return detail::error_of([=] { return ::syncfs(file); });
}
/// EWOULDBLOCK (see would_block()) where another has it. It ends with the last descriptor of this open file.
inline int lock_file(NativeSocket file) noexcept {
  return detail::error_of([=] { return ::flock(file, LOCK_EX | LOCK_NB); });
}
inline int set_file_mode(NativeSocket file, unsigned mode) noexcept {
  return detail::error_of([=] { return ::fchmod(file, mode); });
}

enum class FileKind : std::uint8_t { regular, folder, link, other };

/// Times are nanoseconds since 1970, as near as 64 bits allow.
struct FileStatus {
  FileKind kind;
  unsigned mode;
  std::uint64_t size;
  std::uint64_t links;
  FileIdentity identity;
  std::int64_t accessed;
  std::int64_t modified;
  std::int64_t changed;
};

namespace detail {

inline constexpr std::int64_t billion = 1000000000;

inline std::int64_t nanoseconds(const ::timespec& time) noexcept {
  if (time.tv_sec >= INT64_MAX / billion) return INT64_MAX;
  if (time.tv_sec <= INT64_MIN / billion) return INT64_MIN;
  return time.tv_sec * billion + time.tv_nsec;
}
inline ::timespec timespec_of(std::int64_t nanoseconds) noexcept {
  std::int64_t seconds = nanoseconds / billion;
  if (nanoseconds % billion < 0) --seconds;
  return {static_cast<::time_t>(seconds), static_cast<long>(nanoseconds - seconds * billion)};
}

inline FileKind kind_of(unsigned mode) noexcept {
  if (S_ISREG(mode)) return FileKind::regular;
  if (S_ISDIR(mode)) return FileKind::folder;
  return S_ISLNK(mode) ? FileKind::link : FileKind::other;
}

inline void convert(const struct ::stat& from, FileStatus& to) noexcept {
  to = {kind_of(from.st_mode),
        static_cast<unsigned>(from.st_mode) & 07777,
        static_cast<std::uint64_t>(from.st_size),
        static_cast<std::uint64_t>(from.st_nlink),
        {static_cast<std::uint64_t>(from.st_dev), static_cast<std::uint64_t>(from.st_ino)},
        nanoseconds(from.st_atim),
        nanoseconds(from.st_mtim),
        nanoseconds(from.st_ctim)};
}

}  // namespace detail

inline int file_status(NativeSocket file, FileStatus& status) noexcept {
  struct ::stat raw {};
  if (::fstat(file, &raw) < 0) return errno;
  detail::convert(raw, status);
  return 0;
}
/// Of a link itself, not of where it leads.
inline int file_status_at(NativeSocket folder, const char* name, FileStatus& status) noexcept {
  struct ::stat raw {};
  if (::fstatat(folder, name, &raw, AT_SYMLINK_NOFOLLOW) < 0) return errno;
  detail::convert(raw, status);
  return 0;
}

inline int set_file_times(NativeSocket file, std::int64_t accessed, std::int64_t modified) noexcept {
  const ::timespec times[2] = {detail::timespec_of(accessed), detail::timespec_of(modified)};
  return detail::error_of([&] { return ::futimens(file, times); });
}

inline int available_bytes(NativeSocket folder, std::uint64_t& bytes) noexcept {
  struct ::statvfs status {};
  if (const int error = detail::error_of([&] { return ::fstatvfs(folder, &status); })) return error;
  bytes = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  return 0;
}

/// The names in a folder, one after the other, without `.` and `..`.
class FolderStream {
 public:
  FolderStream() noexcept = default;
  FolderStream(FolderStream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  FolderStream& operator=(FolderStream&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~FolderStream() {
    if (stream_ != nullptr) ::closedir(stream_);
  }

  int open(NativeSocket folder) noexcept {
    // A description of its own, for the place in the folder belongs to it.
    auto opened = detail::open_retrying([=] { return ::openat(folder, ".", detail::folder_flags); });
    if (opened.error != 0) return opened.error;
    stream_ = ::fdopendir(opened.handle.get());
    if (stream_ == nullptr) return errno;
    static_cast<void>(opened.handle.release());
    return 0;
  }

  /// nullptr at the end, and where `error` is set. The text is good until the next call.
  const char* next(FileKind& kind, int& error) noexcept {
    for (;;) {
      errno = 0;
      const ::dirent* const entry = stream_ != nullptr ? ::readdir(stream_) : nullptr;
      error = errno;
      if (entry == nullptr) return nullptr;
      const char* const name = entry->d_name;
      if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
      kind = detail::kind_of(static_cast<::mode_t>(DTTOIF(entry->d_type)));
      FileStatus status{};
      if (entry->d_type == DT_UNKNOWN && file_status_at(::dirfd(stream_), name, status) == 0) kind = status.kind;
      return name;
    }
  }

 private:
  ::DIR* stream_ = nullptr;
};

}  // namespace parley::inline PARLEY_ABI::platform
