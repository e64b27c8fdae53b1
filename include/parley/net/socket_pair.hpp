// SPDX-License-Identifier: BSL-1.0
#pragma once

// Two sockets that are connected to each other, without an address: for tests, and between threads or a parent and
// child.

#include <parley/net/socket.hpp>

#include <utility>

namespace parley::inline PARLEY_ABI {

/// socketpair(2) of the Unix family: streams, or datagrams and sequenced packets by their type. Never blocks. The two
/// are Sockets like others (net/socket.hpp) and belong to no loop yet. Both are closed in a child once it calls exec.
/// Errors: the system's own.
inline Result<std::pair<Socket, Socket>> socket_pair(int socket_type = type::stream) {
  platform::NativeHandle ends[2];
  if (const int error = platform::open_pair(family::unix_domain, socket_type, ends)) {
    return std::error_code(error, std::system_category());
  }
  auto first = Socket::adopt(ends[0].release());
  auto second = Socket::adopt(ends[1].release());
  if (!first) return first.error();
  if (!second) return second.error();
  return std::pair(std::move(*first), std::move(*second));
}

}  // namespace parley::inline PARLEY_ABI
