// SPDX-License-Identifier: BSL-1.0
#pragma once

// LoopPool: several loops, each on a thread of its own, for programs that need more than one processor.

#include <parley/core/loop_thread.hpp>
#include <parley/platform/owned.hpp>

#include <atomic>
#include <cstddef>
#include <vector>

namespace parley::inline PARLEY_ABI {

/// All members may be called from any thread. Its destructor stops all loops, then waits for each (see LoopThread).
class LoopPool {
 public:
  /// So many loops; 0: as many as there are processors.
  explicit LoopPool(std::size_t count = 0, LoopOptions options = {}) {
    if (count == 0) count = platform::processors();
    threads_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back(new LoopThread(options));
  }
  LoopPool(const LoopPool&) = delete;
  LoopPool& operator=(const LoopPool&) = delete;
  ~LoopPool() { stop(); }

  std::size_t size() const noexcept { return threads_.size(); }
  LoopThread& operator[](std::size_t index) noexcept { return *threads_[index]; }

  /// One after the other, in turn.
  LoopThread& next() noexcept { return *threads_[next_.fetch_add(1, std::memory_order_relaxed) % threads_.size()]; }

  /// Tells all loops to end. Returns at once.
  void stop() noexcept {
    for (auto& thread : threads_) thread->stop();
  }

  /// Waits until all have ended; the first failure. See LoopThread::join().
  Result<> join() noexcept {
    Result<> first;
    for (auto& thread : threads_) {
      const Result<> ended = thread->join();
      if (first && !ended) first = ended;
    }
    return first;
  }

 private:
  std::vector<platform::Owned<LoopThread>> threads_;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace parley::inline PARLEY_ABI
