// SPDX-License-Identifier: BSL-1.0
#pragma once

// The limits of a chat room, and what it counts.

#include <parley/platform/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

/// What happens to a member that lags further behind than max_lag.
enum class SlowPolicy : std::uint8_t {
  disconnect,  // it is ended
  skip,        // it goes on with the newest message, and is told how many it missed
};

struct RoomOptions {
  /// Members at a time; join() refuses more.
  std::size_t max_members = std::size_t{1} << 20;
  /// Bytes of a text, and of a name; say() and join() refuse more.
  std::size_t max_message = 4096;
  std::size_t max_name = 128;
  /// What a newcomer gets of what was said before: at most so many texts, and only of the newest so many bytes. 0: none.
  std::size_t history_messages = 0;
  std::size_t history_bytes = std::size_t{64} << 10;
  /// How far a member may be behind, in bytes (as RoomLog counts them), before the policy applies. At least 64 KiB. The
  /// room keeps half as much again of the log, and the history, for each format: that is its memory.
  std::size_t max_lag = std::size_t{1} << 20;
  SlowPolicy slow = SlowPolicy::disconnect;
  /// Each member's messages a second, on average; 0: no limit. Whoever says more waits.
  unsigned rate = 0;
  /// So many at once before the rate counts; at least 1.
  unsigned burst = 20;
  /// Members get what they say themselves, too.
  bool echo = false;
  /// join() refuses a name that a member has, compared byte by byte.
  bool unique_names = true;
  /// How long sending may take in one turn of the loop; the rest follows in the next.
  Duration max_flush = std::chrono::milliseconds(2);
};

/// Since the room was made; members and lag as of now.
struct RoomCounters {
  std::uint64_t members = 0;
  std::uint64_t messages = 0;      // records in the log, with notices and direct ones
  std::uint64_t bytes = 0;         // taken by members' streams
  std::uint64_t deliveries = 0;    // messages taken whole by a member's stream, once for each member
  std::uint64_t dropped = 0;       // messages that a member did not get: skipped, or not taken when it was ended
  std::uint64_t disconnected = 0;  // members ended for lagging
  std::uint64_t largest_lag = 0;   // of a member, in bytes, the largest ever
};

}  // namespace parley::inline PARLEY_ABI
