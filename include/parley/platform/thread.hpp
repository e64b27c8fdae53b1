// SPDX-License-Identifier: BSL-1.0
#pragma once

// Threads without <thread>, whose failure to start is a number instead of an exception (POSIX threads).

#include <parley/platform/config.hpp>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <utility>

namespace parley::inline PARLEY_ABI::platform {

class Thread {
 public:
  using Function = void* (*)(void*);

  Thread() noexcept = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { join(); }

  /// An errno, or 0. The function must not throw.
  int start(Function function, void* argument) noexcept {
    const int error = ::pthread_create(&thread_, nullptr, function, argument);
    started_ = error == 0;
    return error;
  }

  void join() noexcept {
    if (std::exchange(started_, false)) ::pthread_join(thread_, nullptr);
  }

  /// A thread that nobody joins, and that the end of the process does not wait for. An errno, or 0.
  static int start_detached(Function function, void* argument) noexcept {
    ::pthread_t thread{};
    const int error = ::pthread_create(&thread, nullptr, function, argument);
    if (error == 0) ::pthread_detach(thread);
    return error;
  }

 private:
  ::pthread_t thread_{};
  bool started_ = false;
};

/// Lets other threads run.
inline void yield_thread() noexcept { ::sched_yield(); }

/// How many processors there are to run threads on; at least 1.
inline unsigned processors() noexcept {
  const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<unsigned>(count) : 1;
}

}  // namespace parley::inline PARLEY_ABI::platform
