// SPDX-License-Identifier: BSL-1.0
#pragma once

// What goes on when an operation or a task has finished: a coroutine, or an object of the library.

#include <parley/platform/config.hpp>

#include <coroutine>
#include <cstdint>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

class Operation;
class TaskPromise;

/// Told when something it started has finished. It may destroy what finished.
class Completion {
 public:
  virtual void finished(Operation& operation) noexcept { (void)operation; }
  virtual void finished(TaskPromise& task) noexcept { (void)task; }

 protected:
  ~Completion() = default;
};

/// One word: a coroutine's address, or a Completion's with the lowest bit set (both are aligned to more than that).
class Continuation {
 public:
  Continuation() noexcept = default;
  explicit Continuation(std::coroutine_handle<> coroutine) noexcept
      : bits_(reinterpret_cast<std::uintptr_t>(coroutine.address())) {}
  explicit Continuation(Completion& completion) noexcept : bits_(reinterpret_cast<std::uintptr_t>(&completion) | 1) {}

  explicit operator bool() const noexcept { return bits_ != 0; }

  template <class Source>
  void run(Source& source) const {
    if ((bits_ & 1) != 0) {
      reinterpret_cast<Completion*>(bits_ & ~std::uintptr_t{1})->finished(source);
    } else if (bits_ != 0) {
      std::coroutine_handle<>::from_address(reinterpret_cast<void*>(bits_)).resume();
    }
  }

 private:
  std::uintptr_t bits_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
