// SPDX-License-Identifier: BSL-1.0
#pragma once

// Functions that other threads hand to a loop: a bounded queue.

#include <parley/core/result.hpp>
#include <parley/platform/owned.hpp>

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

class PostedFunction {
 public:
  virtual ~PostedFunction() = default;
  virtual void call() noexcept = 0;
};

class PostedQueue {
 public:
  explicit PostedQueue(std::size_t capacity) noexcept : capacity_(capacity) {}

  /// Calls `wake` before anybody can run the function: once it has run, the loop may be gone.
  template <class Function, class Wake>
  Result<> push(Function&& function, Wake wake) {
    struct Holder final : PostedFunction {
      explicit Holder(Function&& f) : held(std::forward<Function>(f)) {}
      void call() noexcept override { held(); }
      std::decay_t<Function> held;
    };
    platform::Owned<PostedFunction> holder(new Holder(std::forward<Function>(function)));
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= capacity_) return Error::queue_full;
    waiting_.push_back(std::move(holder));
    wake();
    return {};
  }

  /// Runs what is waiting now; what is pushed meanwhile waits for the next call.
  template <class After>
  void run(After after_each) {
    {
      const std::lock_guard lock(mutex_);
      running_.swap(waiting_);
    }
    for (auto& function : running_) {
      function->call();
      function.reset();
      after_each();
    }
    running_.clear();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::vector<platform::Owned<PostedFunction>> waiting_;
  std::vector<platform::Owned<PostedFunction>> running_;
};

}  // namespace parley::inline PARLEY_ABI::detail
