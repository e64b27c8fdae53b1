// SPDX-License-Identifier: BSL-1.0
// expect: discards qualifiers|rvalue ref-qualifier
// What within() returns refers to a temporary.
#include <parley/net/socket.hpp>

#include <chrono>

void use(parley::Socket& socket) {
  char buffer[16];
#if defined(PARLEY_CONTROL)
  (void)socket.recv(buffer).within(std::chrono::seconds(1)).wait();
#else
  auto late = socket.recv(buffer).within(std::chrono::seconds(1));
  (void)late.wait();
#endif
}
