// SPDX-License-Identifier: BSL-1.0
// expect: await an operation in the expression that makes it
#include <parley/core/task.hpp>
#include <parley/net/socket.hpp>

parley::Task<> use(parley::Socket& socket) {
  char buffer[16];
#if defined(PARLEY_CONTROL)
  (void)co_await socket.recv(buffer);
#else
  auto operation = socket.recv(buffer);
  (void)co_await operation;
#endif
}
