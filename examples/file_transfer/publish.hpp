// SPDX-License-Identifier: BSL-1.0
#pragma once

// Gives files that are whole and verified their names, many with one sync; small ones, which were only kept so far, are
// written before.

#include <parley/io/folder.hpp>
#include <parley/io/new_file.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "names.hpp"
#include "uploads.hpp"
#include "wire.hpp"

namespace file_transfer {

inline parley::FileTime file_time(std::int64_t ns) { return parley::FileTime(std::chrono::nanoseconds(ns)); }
inline std::int64_t nanoseconds(parley::FileTime time) { return time.time_since_epoch().count(); }

/// A file that waits for its name, or a folder that waits for its times.
struct Ready {
  std::uint32_t id = 0;
  Kind kind = Kind::file;
  std::string name;       // as it was offered
  std::string target;     // where it goes
  parley::Folder folder;  // that it goes into
  std::uint16_t mode = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;
  std::uint64_t hash = 0;
  bool resumable = false;               // there is a state to remove
  Uploads::Place claimed;               // the target, of a file
  std::optional<parley::NewFile> file;  // of a file; nothing as long as it is only kept
  std::string held;                     // then these are its bytes
  std::error_code error;                // why it did not work
};

struct Batch {
  parley::Folder folder;
  parley::IfExists if_exists = parley::IfExists::refuse;
  std::vector<Ready> all;
};

/// Whether a file has got another mode than it is to have. It was made with that mode, of which the umask, or what the
/// folder's access list says instead, has taken what it takes of all: in the same folder it is enough to look once.
class MadeModes {
 public:
  parley::Result<bool> differs(const Ready& one) {
    const parley::platform::NativeSocket folder = one.folder.native_handle();
    if (!one.resumable && folder == folder_ && one.mode == mode_) return differs_;
    const auto info = one.file->file().info();
    if (!info) return info.error();
    const bool differs = info->mode != one.mode;
    if (one.resumable) return differs;  // made with a mode of its own
    folder_ = folder;
    mode_ = one.mode;
    differs_ = differs;
    return differs;
  }

 private:
  parley::platform::NativeSocket folder_ = parley::platform::invalid_socket;
  std::uint16_t mode_ = 0;
  bool differs_ = false;
};

/// Whether somebody has removed it since it was opened.
inline bool is_removed(const parley::Folder& folder) {
  const auto info = folder.info();
  return info && info->links == 0;
}

/// The folders that the files of a batch go into: one that was removed since it was made for an offer is made again.
class FoldersOfBatch {
 public:
  explicit FoldersOfBatch(const parley::Folder& root) : root_(root) {}

  parley::Result<> check(Ready& one) {
    if (last_.native_handle() != one.folder.native_handle()) {
      parley::Folder again;
      if (!parent_of(one.target).empty() && is_removed(one.folder)) {
        auto made = root_.make_folder(parent_of(one.target));
        if (!made) return made.error();
        again = std::move(*made);
      }
      last_ = one.folder;
      made_again_ = std::move(again);
    }
    if (made_again_) one.folder = made_again_;
    return {};
  }

 private:
  const parley::Folder& root_;
  parley::Folder last_, made_again_;
};

/// After an error there is no file.
inline parley::Result<> write_held(Ready& one) {
  auto file = parley::NewFile::make(one.folder, last_of(one.target), one.mode);
  if (!file) return file.error();
  const auto written = file->file().write_all_at(0, one.held);
  if (!written) return written.error();
  one.file = std::move(*file);
  return {};
}

/// In order, so that a folder gets its times after what is in it. Blocks for as long as the disk takes: on a pool.
inline void publish(Batch& batch) {
  const auto files = [&](auto act) {
    for (Ready& one : batch.all) {
      if (one.kind != Kind::file || one.error) continue;
      if (const parley::Result<> done = act(one); !done) one.error = done.error();
    }
  };
  std::size_t count = 0;
  FoldersOfBatch folders(batch.folder);
  MadeModes modes;
  files([&](Ready& one) {
    ++count;
    if (!one.file) {
      if (const auto there = folders.check(one); !there) return there;
      if (const auto written = write_held(one); !written) return written;
    }
    parley::File& file = one.file->file();
    const auto differs = modes.differs(one);
    if (!differs) return parley::Result<>(differs.error());
    if (auto set = *differs ? file.set_mode(one.mode) : parley::Result<>(); !set) return set;
    return file.set_times(file_time(one.modified_ns), file_time(one.modified_ns));
  });
  const bool together = count > 1;
  const auto synced = together ? batch.folder.sync_file_system() : parley::Result<>();
  files([&](Ready& one) { return together ? synced : one.file->file().sync(); });

  std::string_view parent;
  parley::Folder last;
  std::size_t changed = 0;  // folders
  for (Ready& one : batch.all) {
    if (one.error) continue;
    if (one.kind == Kind::file) {
      if (const auto published = one.file->publish(batch.if_exists); !published) {
        one.error = published.error();
        static_cast<void>(one.file->discard());
      }
      if (one.resumable) static_cast<void>(one.folder.remove_file(PartNames(last_of(one.target)).state));
      if (changed == 0 || parent_of(one.target) != parent) ++changed;
      parent = parent_of(one.target);
      last = one.folder;
    } else if (auto folder = batch.folder.open_folder(one.target)) {
      const auto mode = folder->set_mode(one.mode);
      const auto times = folder->set_times(file_time(one.modified_ns), file_time(one.modified_ns));
      one.error = mode ? times.error() : mode.error();
    } else {
      one.error = folder.error();
    }
  }
  std::error_code failed;
  if (changed > 1) {
    failed = batch.folder.sync_file_system().error();
  } else if (changed == 1) {
    failed = last.sync().error();
  }
  for (Ready& one : batch.all) {
    if (failed && one.kind == Kind::file && !one.error) one.error = failed;
    one.file.reset();
  }
}

}  // namespace file_transfer
