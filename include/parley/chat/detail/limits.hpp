// SPDX-License-Identifier: BSL-1.0
#pragma once

// What follows from a room's options.

#include <parley/chat/room_log.hpp>
#include <parley/chat/room_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::detail {

inline std::size_t max_lag(const RoomOptions& options) noexcept {
  return std::clamp(options.max_lag, std::size_t{64} << 10, SIZE_MAX / 8);
}

/// How much of the log is kept: so much that whoever was not too far behind at the end of a turn, and a newcomer in the
/// history, finds all of it still there at the end of the next, however much is said in between.
inline std::size_t retained_bytes(const RoomOptions& options) noexcept {
  constexpr std::size_t most = SIZE_MAX / 8;
  const std::size_t lag = max_lag(options);
  const std::size_t history = options.history_messages == 0 ? 0 : std::min(options.history_bytes, most);
  return history + lag + lag / 2 + std::min(options.max_message, most) + options.max_name + RoomLog::record_overhead;
}

}  // namespace parley::inline PARLEY_ABI::detail
