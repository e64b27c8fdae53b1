// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the servers with a thread for each client share: blocking sockets.

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <thread>

namespace bench {

/// Blocks until the socket has taken all. False where it cannot any more.
inline bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Makes the listener blocking, and gives each accepted socket to a thread of its own, which closes it. Returns, with
/// an exit status, only when it cannot go on.
inline int accept_into_threads(int listener, void (*serve_client)(int socket)) {
  if (::fcntl(listener, F_SETFL, 0) != 0) return 1;
  for (;;) {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0)
      std::thread(serve_client, client).detach();
    else if (errno != ECONNABORTED && errno != EINTR)
      return 1;
  }
}

}  // namespace bench
