// SPDX-License-Identifier: BSL-1.0
#pragma once

// What waits for a disk, done on a thread pool (core/offload.hpp) so that the loop does not wait: opening, syncing,
// hashing and publishing files.
//
//   if (auto synced = co_await sync_file(file).within(1min); !synced) ...
//
// Each completes when the work is done: Result.
//
// Errors:      those of the call that does the work; Error::queue_full when the pool's queue is full, timed_out,
//              cancelled, and so on as of every operation.
// Cancelling:  what has not begun never does; what is running runs on by itself, and its result is dropped. What it works
//              on stays open until then, whatever becomes of the objects given here.
// Memory:      hash_file() 256 KiB while it runs.
// Threads:     any; the pool is ThreadPool::shared().

#include <parley/core/offload.hpp>
#include <parley/io/file_transfer.hpp>
#include <parley/io/new_file.hpp>
#include <parley/io/xxh64.hpp>

#include <memory>
#include <string>

namespace parley::inline PARLEY_ABI {

namespace detail {

using SharedHandle = std::shared_ptr<const platform::NativeHandle>;

inline Result<> sync_handle(const SharedHandle& handle, int (*sync)(platform::NativeSocket)) {
  if (handle == nullptr) return Error::closed;
  return file_outcome(sync(handle->get()));
}
inline int sync_all(platform::NativeSocket handle) { return platform::sync_file(handle); }
inline int sync_whole_system(platform::NativeSocket handle) { return platform::sync_file_system(handle); }

inline Result<Xxh64> hash_range(const SharedHandle& handle, FileRange range, Xxh64 hash) {
  constexpr std::size_t piece = std::size_t{256} << 10;
  if (handle == nullptr) return Error::closed;
  const std::unique_ptr<std::byte[]> buffer(new (std::nothrow) std::byte[piece]);
  if (buffer == nullptr) return std::make_error_code(std::errc::not_enough_memory);
  for (std::uint64_t done = 0; done < range.size;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(range.size - done, piece));
    const auto outcome = platform::read_at(handle->get(), range.offset + done, buffer.get(), wanted);
    if (outcome.error != 0) return file_error(outcome.error);
    if (outcome.count == 0 && range.size == FileRange::to_end) break;
    if (outcome.count == 0) return Error::file_changed;
    hash.update({buffer.get(), outcome.count});
    done += outcome.count;
  }
  return hash;
}

inline Result<> publish_durably(const std::shared_ptr<NewFileCore>& core, IfExists exists) {
  if (core == nullptr) return Error::closed;
  if (const auto synced = core->file().sync(); !synced) return synced;
  if (const auto published = core->publish(exists); !published) return published;
  return core->sync_folder();
}

}  // namespace detail

/// File::sync(): Result<>.
[[nodiscard]] inline auto sync_file(const File& file) {
  return offload(detail::sync_handle, file.shared_handle(), detail::sync_all);
}
/// Folder::sync(): Result<>.
[[nodiscard]] inline auto sync_folder(const Folder& folder) {
  return offload(detail::sync_handle, folder.shared_handle(), detail::sync_all);
}
/// Folder::sync_file_system(): Result<>. One for a batch of small files costs little more than one for each.
[[nodiscard]] inline auto sync_file_system(const Folder& folder) {
  return offload(detail::sync_handle, folder.shared_handle(), detail::sync_whole_system);
}

/// XXH64 of a part of the file: Result<Xxh64>, whose digest() it is. Goes on with a hash that was begun, where one is
/// given: of what was received before, for a resume. Errors: Error::file_changed where the file ends before the range.
[[nodiscard]] inline auto hash_file(const File& file, FileRange range = {}, const Xxh64& begun = Xxh64()) {
  return offload(detail::hash_range, file.shared_handle(), range, begun);
}

/// Folder::open_file(): Result<File>.
[[nodiscard]] inline auto open_file(const Folder& folder, std::string_view name, FileAccess access = FileAccess::read) {
  return offload(
      [](const Folder& from, const std::string& its_name, FileAccess how) { return from.open_file(its_name, how); },
      folder, std::string(name), access);
}

/// Has the file appear for good: what File::sync(), NewFile::publish() and NewFile::sync_folder() do: Result<>. After an
/// error of the last of them it is published, and publish() says Error::closed.
[[nodiscard]] inline auto publish_file(const NewFile& file, IfExists exists = IfExists::refuse) {
  return offload(detail::publish_durably, file.shared_core(), exists);
}

}  // namespace parley::inline PARLEY_ABI
