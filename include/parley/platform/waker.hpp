// SPDX-License-Identifier: BSL-1.0
#pragma once

// Ends a wait in the kernel from another thread (eventfd(2)).

#include <parley/platform/native_handle.hpp>

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

class Waker {
 public:
  /// An errno, or 0.
  int open() noexcept {
    if (handle_) return 0;
    const int handle = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (handle < 0) return errno;
    handle_ = NativeHandle(handle);
    return 0;
  }

  /// Makes handle() readable. From any thread; several calls before clear() count as one.
  void wake() const noexcept {
    const std::uint64_t one = 1;
    // The only failure is a full counter, and then it is readable already.
    [[maybe_unused]] const auto written = ::write(handle_.get(), &one, sizeof(one));
  }

  void clear() const noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(handle_.get(), &count, sizeof(count));
  }

  NativeSocket handle() const noexcept { return handle_.get(); }

 private:
  NativeHandle handle_;
};

}  // namespace parley::inline PARLEY_ABI::platform
