// SPDX-License-Identifier: BSL-1.0
#pragma once

// A file on its way in: its bytes are written and hashed as they come. Those of a small one are only kept: it is written
// when it is whole, with others, by the thread pool (publish.hpp). A large one whose sender can tell whether it is
// the same again is kept when the connection breaks, and its state is saved now and then, for a kill -9.

#include <parley/io/folder.hpp>
#include <parley/io/new_file.hpp>
#include <parley/io/xxh64.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "names.hpp"
#include "saved_state.hpp"
#include "wire.hpp"

namespace file_transfer {

/// Of a part that is there; nothing when none is, or it is damaged.
inline std::optional<SavedState> read_state(const parley::Folder& folder, const PartNames& names) {
  char bytes[1024];
  const auto file = folder.open_file(names.state);
  if (!file) return std::nullopt;
  const auto read = file->read_exactly_at(0, bytes);
  return SavedState::decode({bytes, read.bytes()});
}

class Part {
 public:
  static constexpr std::uint64_t resumable_size = std::uint64_t{1} << 20;
  /// Up to this size a file is only kept until it is whole.
  static constexpr std::uint64_t held_size = std::size_t{16} << 10;
  static bool is_held(const Offer& offer) { return offer.size <= held_size; }
  static bool is_resumable(const Offer& offer) {
    return offer.source != 0 && offer.size != unknown_size && offer.size >= resumable_size;
  }

  /// Goes on where that state was saved; one without an offset begins anew. Blocks for moments.
  std::error_code open(const parley::Folder& folder, const std::string& target, const Offer& offer,
                       const SavedState& saved) {
    holds_ = is_held(offer);
    if (holds_) {
      held_.reserve(static_cast<std::size_t>(offer.size));
      return {};
    }
    folder_ = folder;
    resumable_ = is_resumable(offer);
    if (resumable_) names_.emplace(target);
    auto file = resumable_ ? parley::NewFile::resume(folder, target, names_->part, 0600)
                           : parley::NewFile::make(folder, target, offer.mode);
    if (!file) return file.error();
    file_ = std::move(*file);
    state_ = saved;
    if (!resumable_) return {};
    const auto info = file_->file().info();
    if (!info) return info.error();
    if (saved.offset == 0 || info->identity.inode != saved.inode || info->size < saved.offset) {
      if (saved.offset != 0) return make_error_code(parley::Error::file_changed);
      state_ = {};
      static_cast<void>(folder.remove_file(names_->state));  // what it says is no longer so
    }
    if (const auto cut = file_->file().resize(state_.offset); !cut) return cut.error();
    state_.source = offer.source;
    state_.size = offer.size;
    state_.modified_ns = offer.modified_ns;
    state_.inode = info->identity.inode;
    state_.boot = SavedState::this_boot();
    // Now, since a disk that has become full takes no new file any more.
    save();
    return {};
  }

  /// Not more in all than the offer says.
  std::error_code write(std::string_view bytes) {
    if (holds_) {
      held_ += bytes;
      state_.hash.update(bytes);
      state_.offset += bytes.size();
      return {};
    }
    const auto written = file_->file().write_all_at(state_.offset, bytes);
    state_.hash.update(bytes.substr(0, written.bytes()));
    state_.offset += written.bytes();
    if (resumable_ && state_.offset - saved_ >= save_every) save();
    return written.error();
  }

  std::uint64_t done() const { return state_.offset; }
  std::uint64_t hash() const { return state_.hash.digest(); }
  bool has_state() const { return resumable_; }
  /// Whole: its file, which is to be published; nothing of a small one, which is to be written first.
  std::optional<parley::NewFile> take() { return std::exchange(file_, std::nullopt); }
  std::string take_held() { return std::move(held_); }

  /// Ends it; returns how much of it is kept for a resume.
  std::uint64_t keep() {
    if (!file_ || !resumable_ || state_.offset == 0) return drop();
    save();
    if (saved_ == 0) return drop();
    file_.reset();
    return saved_;
  }
  /// Ends it, and nothing stays. Returns 0.
  std::uint64_t drop() {
    if (!file_) return 0;
    static_cast<void>(file_->discard());
    file_.reset();
    if (resumable_) static_cast<void>(folder_.remove_file(names_->state));
    return 0;
  }

 private:
  static constexpr std::uint64_t save_every = std::uint64_t{16} << 20;

  // A state that cannot be written costs a resume, and no more. The data comes first: it says what is there.
  void save() {
    if (!state_file_) {
      auto file = folder_.create_file(names_->state, parley::IfExists::open, 0600);
      if (!file) return;
      state_file_ = std::move(*file);
    }
    if (state_file_->write_all_at(0, state_.encode())) saved_ = state_.offset;
  }

  parley::Folder folder_;
  std::optional<PartNames> names_;  // where it is resumable
  std::optional<parley::NewFile> file_;
  std::optional<parley::File> state_file_;
  std::string held_;  // all that has come of a small one
  SavedState state_;
  std::uint64_t saved_ = 0;  // up to there
  bool resumable_ = false;
  bool holds_ = false;
};

}  // namespace file_transfer
