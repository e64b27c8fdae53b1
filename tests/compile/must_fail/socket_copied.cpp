// SPDX-License-Identifier: BSL-1.0
// expect: deleted
// A socket has one owner.
#include <parley/net/socket.hpp>

#include <utility>

parley::Socket use(parley::Socket socket) {
#if defined(PARLEY_CONTROL)
  parley::Socket other = std::move(socket);
#else
  parley::Socket other = socket;
#endif
  return other;
}
