// SPDX-License-Identifier: BSL-1.0
#pragma once

// A program may be started with its standard input or output closed (`program <&-`).

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

}  // namespace common
