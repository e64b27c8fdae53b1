// SPDX-License-Identifier: BSL-1.0
// expect: nodiscard
// Without co_await or wait() nothing would be sent.
#include <parley/net/socket.hpp>

void use(parley::Socket& socket) {
#if defined(PARLEY_CONTROL)
  (void)socket.send("hello").wait();
#else
  socket.send("hello");
#endif
}
