// SPDX-License-Identifier: BSL-1.0
#pragma once

// The limits and habits of reliable connections, and what they count.

#include <parley/net/detail/reliable/wire.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

struct ReliableOptions {
  /// Bytes of the longest message that is taken; at least 1, at most 64 MiB.
  std::size_t max_message = std::size_t{256} << 10;
  /// Bytes that may have come and not been received by the program, incomplete messages included; each message counts 64
  /// more. At least as much as the longest message needs. Whoever sends waits for room in it. Messages of latest-only
  /// channels have as much for themselves.
  std::size_t window = std::size_t{1} << 20;
  /// Bytes that wait to be sent or acknowledged, counted likewise; send() waits for room. At least one message fits.
  std::size_t send_buffer = std::size_t{1} << 20;
  /// A peer of which nothing has come for so long is lost. Nothing else ends a connection.
  Duration idle_timeout = std::chrono::seconds(30);
  /// A peer that has been silent for so long is asked for a sign of life.
  Duration keepalive = std::chrono::seconds(5);
  /// Each packet with something new repeats what the last so many had, where there is room and no hurry: costs that
  /// much more, and saves most waiting for what was lost. At most 4.
  unsigned redundancy = 0;
  /// Connections at a time, those included that nobody has accepted yet. More are refused.
  std::size_t max_connections = 1024;
  /// Connections that wait for accept(). More are refused.
  std::size_t backlog = 128;
};

/// Since the connection was made.
struct ReliableCounters {
  std::uint64_t messages_sent = 0;      // taken to be sent
  std::uint64_t messages_received = 0;  // whole
  std::uint64_t datagrams_sent = 0;
  std::uint64_t datagrams_received = 0;  // that counted
  std::uint64_t bytes_sent = 0;          // in datagrams, without the headers of UDP and IP
  std::uint64_t bytes_received = 0;
  std::uint64_t lost = 0;        // packets sent that count as lost
  std::uint64_t not_lost = 0;    // of these, those that then arrived after all
  std::uint64_t resent = 0;      // fragments sent again
  std::uint64_t duplicates = 0;  // packets that came twice, or too late
  std::uint64_t refused = 0;     // packets that were over a limit
  std::uint64_t malformed = 0;
};

/// As of now.
struct ReliableStatus {
  Duration rtt{};  // smoothed; before the first measurement a guess
  Duration rtt_variation{};
  std::size_t window = 0;  // congestion window, in bytes
  std::size_t in_flight = 0;
  std::size_t unsent = 0;  // bytes held until they are acknowledged
  double loss = 0;         // of the packets sent lately, the share that was lost
};

namespace detail::reliable {

inline ReliableOptions within_limits(ReliableOptions options) noexcept {
  options.max_message = std::clamp<std::size_t>(options.max_message, 1, std::size_t{64} << 20);
  const std::size_t least = options.max_message + message_overhead;
  options.window = std::clamp<std::size_t>(options.window, least, std::size_t{1} << 30);
  options.send_buffer = std::clamp<std::size_t>(options.send_buffer, 1, std::size_t{1} << 30);
  options.redundancy = std::min(options.redundancy, 4u);
  // Not so long that adding it to the time of day overflows.
  constexpr Duration longest = std::chrono::hours(24 * 365);
  options.idle_timeout = std::clamp<Duration>(options.idle_timeout, std::chrono::milliseconds(1), longest);
  options.keepalive = std::clamp<Duration>(options.keepalive, std::chrono::milliseconds(1), longest);
  return options;
}

}  // namespace detail::reliable

}  // namespace parley::inline PARLEY_ABI
