// SPDX-License-Identifier: BSL-1.0
#pragma once

// RoomReplica::serve(): a chat on several loops. The home serves as chat/serve.hpp says, each other loop its part:
//
//   Task<Result<>> serve_there(RoomDoor door, TcpListener listener) {      // all listeners on one port, with reuse_port
//     RoomReplica room(door);
//     co_return co_await room.serve(std::move(listener));
//   }

#include <parley/chat/room_replica.hpp>
#include <parley/chat/serve.hpp>

#include <utility>

namespace parley::inline PARLEY_ABI {

/// Completes as ChatRoom::serve() does: Result<>.
/// Cancelling: each member leaves, within close_timeout. Stop the home first, so that all are told, and get it.
/// Overflow:   over max_connections on this loop, connections are told so and closed.
template <class Listener>
Task<Result<>> RoomReplica::serve(Listener listener, ServeOptions options) {
  using Host = detail::ChatHost<RoomReplica, Socket>;
  Host::Guests guests(Host(options), options.idle_timeout);
  const std::error_code error = co_await detail::welcome_all(*this, listener, guests, options);
  static_cast<void>(co_await guests.cancel_and_join());
  co_return error == Error::cancelled ? Result<>() : error;
}

template <class Listener>
Task<Result<>> RoomReplica::serve(Listener listener) {
  return serve(std::move(listener), ServeOptions());
}

}  // namespace parley::inline PARLEY_ABI
