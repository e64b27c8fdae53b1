// SPDX-License-Identifier: BSL-1.0
#pragma once

// Unfinished files that nobody goes on with would stay for ever: a server removes the old ones when it starts.

#include <parley/io/folder.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "saved_state.hpp"

namespace file_transfer {

struct Removed {
  std::size_t files = 0;  // parts, and what is kept beside them
  std::uint64_t bytes = 0;
};

/// Walks over a folder and all beneath it; blocks meanwhile.
class OldParts {
 public:
  static constexpr std::size_t max_depth = 100;
  /// Names looked at. What is left is looked at by the next that starts, for what was removed is no longer in its way.
  static constexpr std::size_t max_names = 1'000'000;

  explicit OldParts(parley::FileTime before) : before_(before) {}

  Removed remove(const parley::Folder& folder) {
    walk(folder, 0);
    return removed_;
  }

 private:
  void walk(const parley::Folder& folder, std::size_t depth) {
    auto reader = folder.list();
    if (!reader) return;
    for (auto found = reader->next(); found && ++looked_at_ <= max_names; found = reader->next()) {
      if (found->name.starts_with(own_prefix)) {
        consider(folder, found->name);
      } else if (found->kind == parley::FileKind::folder && depth + 1 < max_depth) {
        if (const auto inner = folder.open_folder(found->name)) walk(*inner, depth + 1);
      }
    }
  }

  // One that is being received is locked, or was written to a moment ago.
  void consider(const parley::Folder& folder, const std::string& name) {
    const auto named = folder.info(name);
    if (!named || named->kind != parley::FileKind::regular || named->modified >= before_) return;
    auto file = folder.open_file(name);
    if (!file || !file->try_lock()) return;
    const auto info = file->info();
    if (!info || info->modified >= before_ || info->identity != named->identity) return;
    if (!folder.remove_file(name)) return;
    ++removed_.files;
    removed_.bytes += info->size;
  }

  const parley::FileTime before_;
  std::size_t looked_at_ = 0;
  Removed removed_;
};

/// What was not written to for so many days.
inline Removed remove_old_parts(const parley::Folder& folder, std::uint32_t days) {
  const auto now = std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  constexpr std::uint32_t most = 36'500;  // what a FileTime can count from now
  return OldParts(now - std::chrono::hours(24) * std::min(days, most)).remove(folder);
}

}  // namespace file_transfer
