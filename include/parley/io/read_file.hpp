// SPDX-License-Identifier: BSL-1.0
#pragma once

// read_file(): reads a part of a file on an event loop, which never waits for the disk.
//
//   const auto count = co_await read_file(file, offset, buffer).within(5s);
//   if (count && *count == 0) ...                                           // the end of the file
//
// What the system has in memory is read at once, which costs what File::read_at() costs. What it must fetch is read by
// io_uring where that is the loop's poller, up to 64 at a time, and else on ThreadPool::shared(); it comes in memory of
// its own and is copied from there, so that nothing is left behind in the caller's when the operation ends early.

#include <parley/core/thread_pool.hpp>
#include <parley/io/file.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {

/// A read that has to wait for the disk, with all that it needs: on the pool, or with the poller.
class FileReadJob final : public PoolJob, private platform::FileRead {
 public:
  using Handle = std::shared_ptr<const platform::NativeHandle>;
  static constexpr std::size_t max_size = std::size_t{256} << 10;

  /// Null where memory has run out.
  static FileReadJob* make(const Handle& handle, std::uint64_t offset, std::size_t size) {
    std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[size]);
    if (memory == nullptr) return nullptr;
    return new (std::nothrow) FileReadJob(handle, offset, std::move(memory), size);
  }
  FileReadJob* make_again() const { return make(handle_, offset, size); }

  /// False where the poller does not do it, and the pool has to.
  bool start_with_poller(Operation& waiter) noexcept {
    waiter_ = &waiter;
    with_poller_ = waiter.driver().read_file(*this);
    if (with_poller_) retain();
    return with_poller_;
  }
  bool with_poller() const noexcept { return with_poller_; }
  bool poller_is_done() const noexcept { return poller_is_done_; }
  /// Nobody waits any more.
  void abandon() noexcept {
    waiter_ = nullptr;
    core().abandon(*this);
  }

  void run() noexcept override { outcome = platform::read_at(file, offset, data, size); }
  /// Once it has been done.
  platform::IoOutcome hand_over(MutableBytes to) const noexcept {
    if (outcome.count != 0) std::memcpy(to.data(), data, outcome.count);
    return outcome;
  }

 private:
  FileReadJob(const Handle& handle, std::uint64_t from, std::unique_ptr<std::byte[]> memory, std::size_t count)
      : PoolJob(ThreadPool::shared().core()),
        FileRead{handle->get(), from, memory.get(), static_cast<std::uint32_t>(count), &read_has_ended, {0, 0}},
        handle_(handle),
        memory_(std::move(memory)) {}

  static void read_has_ended(platform::FileRead& read, bool let_go) noexcept {
    auto& job = static_cast<FileReadJob&>(read);
    job.poller_is_done_ = true;
    if (job.waiter_ != nullptr) Driver::wake_parked(*job.waiter_);
    if (let_go) return job.release();
    job.kept_before_ = kept_.exchange(&job);  // for ever, where those who look for leaks can find it
  }

  const Handle handle_;
  const std::unique_ptr<std::byte[]> memory_;
  Operation* waiter_ = nullptr;  // and these, on the loop's thread only
  bool with_poller_ = false;
  bool poller_is_done_ = false;
  FileReadJob* kept_before_ = nullptr;
  inline static std::atomic<FileReadJob*> kept_ = nullptr;
};

class ReadFileSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  ReadFileSteps(const FileReadJob::Handle& handle, std::uint64_t offset, MutableBytes buffer) noexcept
      : handle_(handle), offset_(offset), buffer_(buffer) {}
  ReadFileSteps(const ReadFileSteps&) = delete;
  ReadFileSteps& operator=(const ReadFileSteps&) = delete;
  ~ReadFileSteps() {
    if (job_ != nullptr) job_->release();
  }

  Step step(Operation& operation) noexcept {
    if (job_ == nullptr) return begin(operation);
    if (!job_->with_poller()) return look_at_pool(operation);
    if (!job_->poller_is_done()) return Step::parked;
    const auto outcome = job_->hand_over(buffer_);
    if (outcome.error == 0) return finish(operation, outcome);
    // Whatever the poller's read failed with, the pool's has the last word: some file systems can do only the other.
    std::exchange(job_, job_->make_again())->release();
    return start_on_pool(operation);
  }
  void leave(Operation&) noexcept {
    if (job_ != nullptr) job_->abandon();
  }
  Result<std::size_t> result(Operation& operation) noexcept {
    if (operation.error()) return operation.error();
    return count_;
  }

 private:
  Step begin(Operation& operation) noexcept {
    if (handle_ == nullptr || offset_ > INT64_MAX) {  // io_uring takes the latter for the file's own position
      if (handle_ == nullptr) operation.fail(Error::closed);
      if (handle_ != nullptr) operation.fail(platform::invalid_argument);
      return Step::done;
    }
    const std::size_t size = std::min(buffer_.size(), FileReadJob::max_size);
    const auto at_once = platform::read_at_now(handle_->get(), offset_, buffer_.data(), size);
    if (at_once.error == 0) return finish(operation, at_once);
    job_ = FileReadJob::make(handle_, offset_, size);
    if (job_ != nullptr && job_->start_with_poller(operation)) return Step::parked;
    return start_on_pool(operation);
  }

  Step start_on_pool(Operation& operation) noexcept {
    if (job_ != nullptr) return job_->core().submit(*job_, operation);
    operation.fail(static_cast<int>(std::errc::not_enough_memory));
    return Step::done;
  }

  Step look_at_pool(Operation& operation) noexcept {
    const auto state = job_->core().state(*job_);
    if (state == PoolJob::State::finished) return finish(operation, job_->hand_over(buffer_));
    if (state != PoolJob::State::dropped) return Step::parked;
    operation.fail(Error::cancelled);
    return Step::done;
  }

  Step finish(Operation& operation, platform::IoOutcome outcome) noexcept {
    count_ = outcome.count;
    operation.fail(outcome.error);  // 0 is success
    return Step::done;
  }

  const FileReadJob::Handle& handle_;  // until it is suspended: then the job has one of its own
  const std::uint64_t offset_;
  const MutableBytes buffer_;
  FileReadJob* job_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace detail

/// Reads into the buffer from that place of the file: Result<std::size_t>, the bytes read. At least one, and at most
/// 256 KiB, unless the file has ended there or the buffer is empty: then 0.
/// Completes:   at once where the system has some of it in memory.
/// Errors:      Error::closed, those of the system, Error::queue_full where too many reads wait, cancelled, timed_out.
/// Cancelling:  a read that waits for the disk is abandoned, not stopped: it has the file open until it is done, and its
///              result is dropped. within(0s) reads what is in memory.
/// Lifetimes:   the buffer until the operation ends. The file may be closed as soon as it is suspended.
/// Memory:      up to 256 KiB for each read that waits. One for which the loop changed its thread meanwhile, on io_uring,
///              is made anew, and its memory, to which the kernel may still write, never used again.
/// Threads:     any; several may read from one file at once. wait() waits for the disk on the pool.
[[nodiscard]] inline auto read_file(const File& file, std::uint64_t offset, MutableBytes buffer) noexcept {
  return detail::StepOperation<detail::ReadFileSteps>(nullptr, file.shared_handle(), offset, buffer);
}

}  // namespace parley::inline PARLEY_ABI
