// SPDX-License-Identifier: BSL-1.0
#pragma once

// What files and folders have in common: what can be known of them, and what to do where a name is taken.

#include <parley/core/result.hpp>
#include <parley/platform/file_system.hpp>

#include <chrono>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

using platform::FileAccess;
using platform::FileIdentity;
using platform::FileKind;

/// Since 1970, as near to what the file has as 64 bits allow (1677 to 2262).
using FileTime = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Where there is something of that name already.
enum class IfExists : std::uint8_t {
  refuse,   // std::errc::file_exists
  replace,  // it goes: truncated where a file is created, exchanged in one step where one is renamed
  open,     // it is opened as it is; for creating only
};

struct FileInfo {
  FileKind kind = FileKind::other;
  /// Permission bits, at most 07777.
  unsigned mode = 0;
  std::uint64_t size = 0;
  /// Names that the file has.
  std::uint64_t links = 0;
  FileIdentity identity{};
  FileTime accessed{};
  FileTime modified{};
  /// When anything of it has changed, names and mode included; no program can set it.
  FileTime changed{};
};

/// Whether the file that had `before` is still that file, with the same content as far as the system can tell.
inline bool unchanged(const FileInfo& before, const FileInfo& now) noexcept {
  return before.kind == now.kind && before.identity == now.identity && before.size == now.size &&
         before.modified == now.modified;
}

namespace detail {

inline std::error_code file_error(int error) noexcept { return {error, std::system_category()}; }

inline Result<> file_outcome(int error) noexcept {
  if (error != 0) return file_error(error);
  return {};
}

inline FileTime file_time(std::int64_t nanoseconds) noexcept { return FileTime(std::chrono::nanoseconds(nanoseconds)); }

inline FileInfo file_info(const platform::FileStatus& status) noexcept {
  return {status.kind,
          status.mode,
          status.size,
          status.links,
          status.identity,
          file_time(status.accessed),
          file_time(status.modified),
          file_time(status.changed)};
}

inline platform::Creation creation(IfExists exists) noexcept {
  if (exists == IfExists::refuse) return platform::Creation::exclusive;
  return exists == IfExists::replace ? platform::Creation::truncate : platform::Creation::if_missing;
}

}  // namespace detail

}  // namespace parley::inline PARLEY_ABI
