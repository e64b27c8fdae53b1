// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a plain thread waits for one descriptor, a wake-up and a time at once (poll(2)).

#include <parley/platform/clock.hpp>
#include <parley/platform/native_handle.hpp>
#include <parley/platform/poller.hpp>

#include <errno.h>
#include <poll.h>

#include <algorithm>
#include <climits>

namespace parley::inline PARLEY_ABI::platform {

struct WaitOutcome {
  bool ready;  // the descriptor
  bool woken;  // the waker
  int error;
};

/// Duration::max() waits without limit; a descriptor that is invalid_socket is left out. EINTR counts as nothing
/// happened.
inline WaitOutcome wait_for(NativeSocket handle, Direction direction, NativeSocket waker, Duration timeout) noexcept {
  ::pollfd entries[2] = {};
  entries[0].fd = handle;
  entries[0].events = direction == Direction::read ? POLLIN : POLLOUT;
  entries[1].fd = waker;
  entries[1].events = POLLIN;
  int milliseconds = -1;
  if (timeout != Duration::max()) {
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(std::max(timeout, Duration::zero())).count();
    milliseconds = static_cast<int>(std::min<long long>(rounded, INT_MAX));
  }
  if (::poll(entries, 2, milliseconds) < 0) return {false, false, errno == EINTR ? 0 : errno};
  return {entries[0].revents != 0, entries[1].revents != 0, 0};
}

}  // namespace parley::inline PARLEY_ABI::platform
