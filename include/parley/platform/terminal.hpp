// SPDX-License-Identifier: BSL-1.0
#pragma once

// Reading from a descriptor that other processes share, a terminal above all: its flags are theirs too, so it is never
// put into non-blocking mode. Whoever reads asks first whether there is something (poll(2), see readable_now()).

#include <parley/platform/native_handle.hpp>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace parley::inline PARLEY_ABI::platform {

inline constexpr NativeSocket standard_input = STDIN_FILENO;
inline constexpr int io_error = EIO;
inline constexpr int bad_descriptor = EBADF;

/// False where the program was started with standard input closed and something that it opened itself has got the
/// number since: all that parley opens is closed in children, what a program inherits is not.
inline bool standard_input_is_inherited() noexcept {
  const int flags = ::fcntl(standard_input, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

inline bool is_terminal(NativeSocket handle) noexcept { return ::isatty(handle) == 1; }

/// True when this process is a background job of that terminal: reading from it would stop the whole process (SIGTTIN).
inline bool in_background_of(NativeSocket terminal) noexcept {
  const ::pid_t foreground = ::tcgetpgrp(terminal);
  return foreground >= 0 && foreground != ::getpgrp();
}

}  // namespace parley::inline PARLEY_ABI::platform
