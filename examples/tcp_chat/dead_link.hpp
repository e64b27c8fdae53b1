// SPDX-License-Identifier: BSL-1.0
#pragma once

// Peers that go without a word: their machine has lost its power, or its network.

#include <parley/net/socket.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tcp_chat {

inline constexpr std::uint32_t max_link_timeout_s = 3600;

/// Ends the connection with an error once nothing has been heard of the peer's system for so many seconds (1 to 3,600),
/// whether it had something to get or both were silent: then it is asked from half of that time on. So it is with a peer
/// that has had no room for what is sent to it for so long.
inline void notice_dead_link(parley::Socket& socket, std::uint32_t timeout_s) {
  const std::chrono::seconds timeout(timeout_s);
  const auto part = [&](int divisor) { return std::max(timeout / divisor, std::chrono::seconds(1)); };
  static_cast<void>(socket.set(parley::KeepAlive{true}));
  static_cast<void>(socket.set(parley::KeepAliveTimes{part(2), part(6), 3}));
  static_cast<void>(socket.set(parley::UserTimeout{timeout}));
}

}  // namespace tcp_chat
