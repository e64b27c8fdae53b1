// SPDX-License-Identifier: BSL-1.0
#pragma once

// The move-only owner of a descriptor.

#include <parley/platform/config.hpp>

#include <unistd.h>

#include <utility>

namespace parley::inline PARLEY_ABI::platform {

/// The system's own number for a socket, file or poller.
using NativeSocket = int;
inline constexpr NativeSocket invalid_socket = -1;

class NativeHandle {
 public:
  constexpr NativeHandle() noexcept = default;
  constexpr explicit NativeHandle(NativeSocket handle) noexcept : handle_(handle) {}
  NativeHandle(NativeHandle&& other) noexcept : handle_(other.release()) {}
  NativeHandle& operator=(NativeHandle&& other) noexcept {
    if (this != &other) {
      close();
      handle_ = other.release();
    }
    return *this;
  }
  ~NativeHandle() { close(); }

  explicit operator bool() const noexcept { return handle_ != invalid_socket; }
  NativeSocket get() const noexcept { return handle_; }
  NativeSocket release() noexcept { return std::exchange(handle_, invalid_socket); }

  // close(2) is never retried: on Linux the descriptor is gone even after EINTR, and its number may be another's by
  // now.
  void close() noexcept {
    if (handle_ != invalid_socket) ::close(release());
  }

 private:
  NativeSocket handle_ = invalid_socket;
};

}  // namespace parley::inline PARLEY_ABI::platform
