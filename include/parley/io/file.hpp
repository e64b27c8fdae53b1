// SPDX-License-Identifier: BSL-1.0
#pragma once

// File: an open file on disk.
//
//   auto file = File::open("notes.txt").value();
//   char buffer[4096];
//   auto count = file.read_at(0, buffer).value();
//
// These calls are made at once, on the calling thread, as those of C are: what the system has in memory takes
// microseconds, a slow disk as long as it takes. On an event loop what may take long goes to the thread pool
// (io/file_work.hpp); io/send_file.hpp and io/recv_file.hpp move files over sockets.
//
// Errors:  of every call Error::closed and the system's own, such as std::errc::no_space_on_device, no_such_file_or_directory,
//          permission_denied. A call that was interrupted (EINTR) goes on.
// Threads: any. Calls with an offset may be made from several at once; read() and write() share the file's position.
// close(): also at the end of the object. Work on the pool that was given the file keeps it open until it is done.

#include <parley/core/bytes.hpp>
#include <parley/core/transferred.hpp>
#include <parley/io/file_info.hpp>

#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI {

class File {
 public:
  /// Not open.
  File() noexcept = default;
  File(File&&) noexcept = default;
  File& operator=(File&&) noexcept = default;
  ~File() = default;

  /// By a path that the program's user has given: it may lead anywhere, over symbolic links too. (Names from strangers:
  /// io/folder.hpp.) Errors: std::errc::is_a_directory; Error::unsupported for what is no regular file, without waiting
  /// for the other end of a FIFO; std::errc::invalid_argument for a path with a NUL.
  static Result<File> open(std::string_view path, FileAccess access = FileAccess::read) {
    return by_path(path, access, platform::Creation::never, 0);
  }
  /// To be read and written. The mode is subject to the umask.
  static Result<File> create(std::string_view path, IfExists exists = IfExists::refuse, unsigned mode = 0666) {
    return by_path(path, FileAccess::read_write, detail::creation(exists), mode);
  }
  /// Takes over a descriptor; closed here on failure too. Errors: those of open().
  static Result<File> adopt(platform::NativeSocket handle) { return own({platform::NativeHandle(handle), 0}); }

  bool is_open() const noexcept { return handle_ != nullptr; }
  explicit operator bool() const noexcept { return is_open(); }
  void close() noexcept { handle_.reset(); }
  /// Still owned by the file; -1 when it is not open.
  platform::NativeSocket native_handle() const noexcept {
    return is_open() ? handle_->get() : platform::invalid_socket;
  }

  /// At the file's position, which moves on. 0 bytes: the end of the file (or an empty buffer).
  Result<std::size_t> read(MutableBytes buffer) {
    return counted(platform::read(native_handle(), buffer.data(), buffer.size()));
  }
  /// As much as the system takes.
  Result<std::size_t> write(ConstBytes bytes) {
    return counted(platform::write(native_handle(), bytes.data(), bytes.size()));
  }

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes buffer) const {
    return counted(platform::read_at(native_handle(), offset, buffer.data(), buffer.size()));
  }
  Result<std::size_t> write_at(std::uint64_t offset, ConstBytes bytes) {
    return counted(platform::write_at(native_handle(), offset, bytes.data(), bytes.size()));
  }
  /// Fills the buffer. Where the file ends before: Error::end_of_stream with no byte, Error::truncated after some;
  /// bytes() counts what was read.
  Transferred read_exactly_at(std::uint64_t offset, MutableBytes buffer) const {
    std::size_t moved = 0;
    while (moved < buffer.size()) {
      const MutableBytes rest = buffer.after(moved);
      const auto count = read_at(offset + moved, rest);
      if (!count) return Transferred(moved, count.error());
      if (*count == 0) return Transferred(moved, make_error_code(moved == 0 ? Error::end_of_stream : Error::truncated));
      moved += *count;
    }
    return Transferred(moved);
  }
  /// Writes all; bytes() counts what is in the file, after an error too.
  Transferred write_all_at(std::uint64_t offset, ConstBytes bytes) {
    std::size_t moved = 0;
    while (moved < bytes.size()) {
      const auto count = write_at(offset + moved, bytes.after(moved));
      if (!count) return Transferred(moved, count.error());
      if (*count == 0) return Transferred(moved, std::make_error_code(std::errc::io_error));
      moved += *count;
    }
    return Transferred(moved);
  }

  Result<FileInfo> info() const {
    platform::FileStatus status{};
    if (const auto error = failure(platform::file_status(native_handle(), status))) return error;
    return detail::file_info(status);
  }
  Result<std::uint64_t> size() const {
    const auto known = info();
    if (!known) return known.error();
    return known->size;
  }

  /// Cuts it off, or appends zeros.
  Result<> resize(std::uint64_t size) { return failure(platform::resize_file(native_handle(), size)); }
  /// Takes the room for so many bytes now, so that a full disk is found out before they come; size() stays. Errors:
  /// std::errc::no_space_on_device, file_too_large; Error::unsupported where the file system cannot.
  Result<> preallocate(std::uint64_t size) {
    if (size == 0) return failure(0);
    const int error = platform::preallocate(native_handle(), size);
    if (is_open() && error != platform::invalid_argument && platform::not_supported(error)) return Error::unsupported;
    return failure(error);
  }
  /// Permission bits, at most 07777.
  Result<> set_mode(unsigned mode) { return failure(platform::set_file_mode(native_handle(), mode)); }
  Result<> set_times(FileTime accessed, FileTime modified) {
    return failure(platform::set_file_times(native_handle(), accessed.time_since_epoch().count(),
                                            modified.time_since_epoch().count()));
  }

  /// What was written survives a power cut, as far as the disk is honest; data only: not its times. They wait for the
  /// disk: on a loop use sync_file() (io/file_work.hpp). After an error the system may have dropped what was not
  /// written: do not try again but write anew.
  Result<> sync() { return failure(platform::sync_file(native_handle())); }
  Result<> sync_data() { return failure(platform::sync_file_data(native_handle())); }

  /// Locks the file against others that ask too (flock(2)), until it is closed or the process has ended, however.
  /// Error::busy: another File has it, of this process or another.
  Result<> try_lock() {
    const int error = platform::lock_file(native_handle());
    if (platform::would_block(error)) return Error::busy;
    return failure(error);
  }

  /// For the library: the descriptor, for work that must not see it closed.
  const std::shared_ptr<const platform::NativeHandle>& shared_handle() const noexcept { return handle_; }
  /// For the library: what was opened, where it is a regular file.
  static Result<File> own(platform::OpenOutcome opened) {
    if (opened.error != 0) return detail::file_error(opened.error);
    platform::FileStatus status{};
    if (const int error = platform::file_status(opened.handle.get(), status)) return detail::file_error(error);
    if (status.kind == FileKind::folder) return std::make_error_code(std::errc::is_a_directory);
    if (status.kind != FileKind::regular) return Error::unsupported;
    return own_unseen(std::move(opened.handle));
  }
  /// For the library: what cannot be anything but a regular file, or is to be looked at by who asked for it.
  static File own_unseen(platform::NativeHandle handle) {
    File file;
    file.handle_ = std::make_shared<const platform::NativeHandle>(std::move(handle));
    return file;
  }

 private:
  static Result<File> by_path(std::string_view path, FileAccess access, platform::Creation creation, unsigned mode) {
    if (path.find('\0') != path.npos) return std::make_error_code(std::errc::invalid_argument);
    return own(platform::open_file(std::string(path).c_str(), access, creation, mode));
  }

  std::error_code failure(int error) const noexcept {
    return is_open() ? detail::file_error(error) : make_error_code(Error::closed);
  }
  Result<std::size_t> counted(platform::IoOutcome outcome) const noexcept {
    if (const auto error = failure(outcome.error)) return error;
    return outcome.count;
  }

  std::shared_ptr<const platform::NativeHandle> handle_;
};

}  // namespace parley::inline PARLEY_ABI
