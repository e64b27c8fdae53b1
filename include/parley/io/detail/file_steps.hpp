// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the state machines of send_file() and recv_file() have in common: where they are in the file, and that they take
// no more than their share of a turn.

#include <parley/core/detail/bulk_share.hpp>
#include <parley/io/byte_stream.hpp>
#include <parley/io/file.hpp>
#include <parley/io/file_transfer.hpp>
#include <parley/net/socket.hpp>

#include <algorithm>
#include <concepts>
#include <memory>

namespace parley::inline PARLEY_ABI::detail {

class FileSteps {
 protected:
  /// At most so many bytes in one call of the system, which then takes well under a millisecond.
  static constexpr std::size_t piece = std::size_t{512} << 10;

  FileSteps(const File& file, const FileRange& range, const FileTransferOptions& options) noexcept
      : file_(file.shared_handle()),
        offset_(range.offset),
        size_(range.size),
        inspect_(options.inspect),
        progress_(options.progress),
        limit_(options.limit) {}

  bool to_end() const noexcept { return size_ == FileRange::to_end; }
  std::uint64_t rest() const noexcept { return size_ - moved_; }
  std::size_t rest_within(std::size_t most) const noexcept {
    const auto within = static_cast<std::size_t>(std::min<std::uint64_t>(rest(), most));
    return limit_ == nullptr ? within : limit_->at_most(within);
  }
  std::uint64_t position() const noexcept { return offset_ + moved_; }
  platform::NativeSocket file() const noexcept { return file_->get(); }

  /// False: the operation has failed.
  bool check(Operation& operation) noexcept {
    constexpr std::uint64_t most = INT64_MAX;  // off_t
    if (file_ == nullptr) {
      operation.fail(Error::closed);
    } else if (offset_ > most || (!to_end() && size_ > most - offset_)) {
      operation.fail(static_cast<int>(std::errc::invalid_argument));
    } else {
      return true;
    }
    return false;
  }

  /// Calls `move(count)`, which moves a piece, until all is moved, the stream must be waited for or the turn's share is
  /// used up, or the bandwidth. `move` returns Step::done, with the operation failed or not; a count of 0 is the end, and `at_end()` says
  /// what that means.
  template <class Move, class AtEnd>
  Step run(Operation& operation, Move move, AtEnd at_end) {
    if (limit_ != nullptr && go_on_at_ == unknown) go_on_at_ = limit_->due();
    if (is_early(operation)) return Step::paused;
    BulkShare& bulk = operation.driver().bulk();
    if (!bulk.may_begin(place_)) return go_on_next_turn(operation, bulk);
    while (rest() != 0) {
      std::size_t count = 0;
      const Step step = move(bulk, count);
      moved_ += count;
      pay(operation, count);
      if (count != 0 && progress_) progress_(moved_);
      if (step != Step::done || operation.error()) return step;
      if (count == 0) {
        at_end();
        return Step::done;
      }
      if (rest() != 0 && is_early(operation)) return Step::paused;
      if (rest() != 0 && !bulk.may_go_on()) return go_on_next_turn(operation, bulk);
    }
    operation.succeed();
    return Step::done;
  }

  void leave_queue() noexcept { place_.unlink(); }

  FunctionRef<void(ConstBytes)> inspect() const noexcept { return inspect_; }
  std::uint64_t moved() const noexcept { return moved_; }

 private:
  static constexpr TimePoint unknown = TimePoint::max();

  void pay(Operation& operation, std::size_t count) noexcept {
    if (limit_ == nullptr || count == 0) return;
    limit_->took(count, operation.driver().now());
    go_on_at_ = limit_->due();
  }
  // Whether its time has not come, which nobody else's piece puts off any more.
  bool is_early(Operation& operation) const noexcept {
    if (limit_ == nullptr || go_on_at_ <= operation.driver().now()) return false;
    operation.driver().pause(go_on_at_);
    return true;
  }
  Step go_on_next_turn(Operation& operation, BulkShare& bulk) noexcept {
    operation.driver().pause(bulk.queue(place_));
    return Step::paused;
  }

  const std::shared_ptr<const platform::NativeHandle> file_;  // stays open whatever becomes of the File
  const std::uint64_t offset_;
  const std::uint64_t size_;
  std::uint64_t moved_ = 0;
  const FunctionRef<void(ConstBytes)> inspect_;
  const FunctionRef<void(std::uint64_t)> progress_;
  Bandwidth* const limit_;
  TimePoint go_on_at_ = unknown;
  BulkShare::Place place_;
};

template <class Stream>
inline constexpr bool is_socket = std::same_as<Stream, Socket>;

}  // namespace parley::inline PARLEY_ABI::detail
