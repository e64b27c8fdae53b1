// SPDX-License-Identifier: BSL-1.0
#pragma once

// The files that Unix sockets leave behind.

#include <parley/platform/config.hpp>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

inline constexpr int address_in_use = EADDRINUSE;
inline constexpr int connection_refused = ECONNREFUSED;

/// Tells one file from another that has taken over its name.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// False where there is no socket of that name.
inline bool identify_socket_file(const char* path, FileIdentity& identity) noexcept {
  struct ::stat status {};
  if (::lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode)) return false;
  identity = {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
  return true;
}

inline int remove_file(const char* path) noexcept { return ::unlink(path) < 0 ? errno : 0; }

}  // namespace parley::inline PARLEY_ABI::platform
