// SPDX-License-Identifier: BSL-1.0
#pragma once

// The descriptors that a program is started with: some may be closed (`program <&-`), some may be a terminal.

#include <cstdio>

#if __has_include(<unistd.h>)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace common {

/// Opens what is closed of standard input, output and error as /dev/null. Otherwise the next socket would get that
/// number, and what is printed would be sent. To be called before anything else is opened.
inline void open_standard_streams() {
#if __has_include(<unistd.h>)
  // Each open() takes the lowest number that is free.
  for (int number = 0; number <= 2; ++number)
    if (::fcntl(number, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) != number) return;
#endif
}

/// After Ctrl-C a terminal shows "^C": ends that line, so that the shell's prompt gets one of its own.
inline void end_line_of_ctrl_c() {
#if __has_include(<unistd.h>)
  if (::isatty(STDERR_FILENO) == 1) std::fputc('\n', stderr);
#endif
}

}  // namespace common
