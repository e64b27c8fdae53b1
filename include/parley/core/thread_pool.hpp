// SPDX-License-Identifier: BSL-1.0
#pragma once

// ThreadPool: a few threads for work that blocks. core/offload.hpp hands it work.

#include <parley/core/operation.hpp>
#include <parley/platform/owned.hpp>
#include <parley/platform/thread.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

namespace parley::inline PARLEY_ABI {

struct ThreadPoolOptions {
  /// Threads at most; each is started when there is work that no other is free for, and stays. At least 1.
  unsigned threads = 4;
  /// Work waiting for a thread; more is refused with Error::queue_full.
  std::size_t max_queued = 1024;
};

namespace detail {

class PoolCore;

/// Work with all that it needs and its result: shared by the operation that waits for it and the pool.
class PoolJob : public ListLink {
 public:
  enum class State : std::uint8_t { fresh, queued, running, finished, dropped };

  explicit PoolJob(std::shared_ptr<PoolCore> core) noexcept : core_(std::move(core)) {}
  PoolCore& core() const noexcept { return *core_; }
  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /// On the pool's thread.
  virtual void run() noexcept = 0;

 protected:
  virtual ~PoolJob() = default;

 private:
  friend class PoolCore;
  std::atomic<unsigned> references_ = 1;
  const std::shared_ptr<PoolCore> core_;
  // Under the core's lock:
  State state_ = State::fresh;
  Operation* waiter_ = nullptr;
};

/// What the pool and its threads share, so that neither has to wait for the other's end.
class PoolCore : public std::enable_shared_from_this<PoolCore> {
 public:
  explicit PoolCore(ThreadPoolOptions options) noexcept
      : max_threads_(options.threads == 0 ? 1 : options.threads), max_queued_(options.max_queued) {}

  /// The operation is woken when the job has finished or was dropped.
  Step submit(PoolJob& job, Operation& waiter) noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t free_threads = idle_ + (max_threads_ - threads_);
    if (closed_ || queued_ >= max_queued_ + free_threads) {
      waiter.fail(closed_ ? Error::closed : Error::queue_full);
      return Step::done;
    }
    if (queued_ >= idle_ && threads_ < max_threads_) {
      const int error = start_thread();
      if (error != 0 && threads_ == 0) {
        waiter.fail(error);
        return Step::done;
      }
    }
    job.retain();
    job.state_ = PoolJob::State::queued;
    job.waiter_ = &waiter;
    queue_.push_back(job);
    ++queued_;
    work_.notify_one();
    return Step::parked;
  }

  PoolJob::State state(const PoolJob& job) const noexcept {
    const std::lock_guard lock(mutex_);
    return job.state_;
  }

  /// Nobody waits for the job any more; what has not begun never will.
  void abandon(PoolJob& job) noexcept {
    {
      const std::lock_guard lock(mutex_);
      job.waiter_ = nullptr;
      if (job.state_ != PoolJob::State::queued) return;
      take_from_queue(job, PoolJob::State::dropped);
    }
    job.release();
  }

  /// Refuses more. What has not begun is dropped, if wanted.
  void close(bool drop) noexcept {
    List<PoolJob> dropped;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      while (PoolJob* job = drop ? queue_.front() : nullptr) {
        take_from_queue(*job, PoolJob::State::dropped);
        dropped.push_back(*job);
        wake_waiter(*job);
      }
      work_.notify_all();
    }
    while (PoolJob* job = dropped.pop_front()) job->release();
  }

  void wait_for_threads() noexcept {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return threads_ == 0; });
  }

 private:
  int start_thread() noexcept {
    using Argument = std::shared_ptr<PoolCore>;
    platform::Owned<Argument> argument(new (std::nothrow) Argument(shared_from_this()));
    if (argument == nullptr) return static_cast<int>(std::errc::not_enough_memory);
    const int error = platform::Thread::start_detached(&PoolCore::thread, argument.get());
    if (error != 0) return error;
    static_cast<void>(argument.release());  // the thread's now
    ++threads_;
    ++idle_;
    return 0;
  }

  static void* thread(void* argument) {
    const platform::Owned<std::shared_ptr<PoolCore>> core(static_cast<std::shared_ptr<PoolCore>*>(argument));
    (*core)->work();
    return nullptr;
  }

  void work() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [this] { return !queue_.empty() || closed_; });
      --idle_;
      PoolJob* job = queue_.front();
      if (job == nullptr) break;
      take_from_queue(*job, PoolJob::State::running);
      lock.unlock();
      job->run();
      lock.lock();
      job->state_ = PoolJob::State::finished;
      wake_waiter(*job);
      lock.unlock();
      job->release();
      lock.lock();
      ++idle_;
    }
    if (--threads_ == 0) ended_.notify_all();
  }

  void take_from_queue(PoolJob& job, PoolJob::State state) noexcept {
    job.unlink();
    job.state_ = state;
    --queued_;
  }

  static void wake_waiter(PoolJob& job) noexcept {
    if (job.waiter_ != nullptr) Driver::wake_parked(*job.waiter_);
  }

  const std::size_t max_threads_;
  const std::size_t max_queued_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable ended_;
  List<PoolJob> queue_;
  std::size_t queued_ = 0;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;  // threads without a job, those included that are just starting
  bool closed_ = false;
};

}  // namespace detail

/// Threads that are started as they are needed. All members may be called from any thread.
class ThreadPool {
 public:
  using Options = ThreadPoolOptions;

  explicit ThreadPool(Options options = {}) : core_(std::make_shared<detail::PoolCore>(options)) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// Waits for nothing: work that has not begun is dropped, and its operation ends with Error::cancelled; what is
  /// running goes on by itself, and its operation gets its result.
  ~ThreadPool() { core_->close(true); }

  /// The one that offload() uses by default, with default options. It lasts until the end of the process, which does
  /// not wait for it.
  static ThreadPool& shared() {
    static ThreadPool* const pool = new ThreadPool;
    return *pool;
  }

  /// Refuses more work with Error::closed, and returns when what was there has been done and the threads have ended. It
  /// blocks, so not on a loop's thread, nor on the pool's own.
  void finish() noexcept {
    core_->close(false);
    core_->wait_for_threads();
  }

  /// For the library.
  const std::shared_ptr<detail::PoolCore>& core() const noexcept { return core_; }

 private:
  const std::shared_ptr<detail::PoolCore> core_;
};

}  // namespace parley::inline PARLEY_ABI
