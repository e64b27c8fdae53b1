// SPDX-License-Identifier: BSL-1.0
#pragma once

// Moving bytes between files and sockets without having them pass through the program: sendfile(2) and splice(2).

#include <parley/platform/config.hpp>
#include <parley/platform/system.hpp>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

namespace parley::inline PARLEY_ABI::platform {

/// This pair of file and socket cannot do it: read and write instead.
inline bool cannot_zero_copy(int error) noexcept {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

namespace detail {

/// Keeps a SIGPIPE that this thread's next calls raise from the program; one that was pending before stays.
class NoSigpipe {
 public:
  NoSigpipe() noexcept {
    ::sigset_t pending;
    ::sigpending(&pending);
    if (::sigismember(&pending, SIGPIPE) == 1) return;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    blocks_ = ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_) == 0;
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() {
    if (blocks_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  void take() noexcept {
    const ::timespec at_once{};
    while (blocks_ && ::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }

 private:
  ::sigset_t pipe_;
  ::sigset_t before_;
  bool blocks_ = false;
};

}  // namespace detail

/// Sends from the file at the offset; 0 bytes: the file ends there. sendfile(2) knows no MSG_NOSIGNAL.
inline IoOutcome send_file(NativeSocket socket, NativeSocket file, std::uint64_t offset, std::size_t size) noexcept {
  detail::NoSigpipe guard;
  auto position = static_cast<::off_t>(offset);
  const auto outcome = detail::retry_interrupted([&] { return ::sendfile(socket, file, &position, size); });
  if (outcome.error == EPIPE) guard.take();
  return outcome;
}

/// A pipe as large as may be had, up to `size`, which then says how large it is.
inline int open_pipe(NativeHandle (&ends)[2], std::size_t& size) noexcept {
  int handles[2];
  if (::pipe2(handles, O_CLOEXEC | O_NONBLOCK) < 0) return errno;
  ends[0] = NativeHandle(handles[0]);
  ends[1] = NativeHandle(handles[1]);
  int got = ::fcntl(handles[1], F_SETPIPE_SZ, static_cast<int>(size));
  if (got < 0) got = ::fcntl(handles[1], F_GETPIPE_SZ);
  size = got > 0 ? static_cast<std::size_t>(got) : 4096;
  return 0;
}

inline IoOutcome splice_from_socket(NativeSocket socket, NativeSocket pipe, std::size_t size) noexcept {
  return detail::retry_interrupted(
      [=] { return ::splice(socket, nullptr, pipe, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); });
}
inline IoOutcome splice_to_file(NativeSocket pipe, NativeSocket file, std::uint64_t offset, std::size_t size) noexcept {
  auto position = static_cast<::off_t>(offset);
  return detail::retry_interrupted(
      [&] { return ::splice(pipe, nullptr, file, &position, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK); });
}

}  // namespace parley::inline PARLEY_ABI::platform
