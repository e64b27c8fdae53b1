// SPDX-License-Identifier: BSL-1.0
// expect: discards qualifiers|rvalue ref-qualifier
// An operation is used in the expression that makes it.
#include <parley/net/socket.hpp>

void use(parley::Socket& socket) {
  char buffer[16];
#if defined(PARLEY_CONTROL)
  (void)socket.recv(buffer).wait();
#else
  auto operation = socket.recv(buffer);
  (void)operation.wait();
#endif
}
