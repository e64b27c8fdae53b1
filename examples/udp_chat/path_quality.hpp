// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a reliable connection knows of its way, for /stats.

#include <parley/net/reliable_udp.hpp>

#include <chrono>
#include <string>

namespace udp_chat {

inline std::string milliseconds(parley::Duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::microseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " ms";
}

/// Three lines, the last without its end.
inline std::string path_quality(const parley::ReliableUdp& connection) {
  const auto status = connection.status();
  const auto counters = connection.counters();
  return "round trip " + milliseconds(status.rtt) + " (varies by " + milliseconds(status.rtt_variation) +
         "), lately lost " + std::to_string(static_cast<int>(status.loss * 100 + 0.5)) + " %\ndatagrams sent " +
         std::to_string(counters.datagrams_sent) + ", lost " + std::to_string(counters.lost - counters.not_lost) +
         ", retransmissions " + std::to_string(counters.resent) + "\ndatagrams received " +
         std::to_string(counters.datagrams_received) + ", duplicated " + std::to_string(counters.duplicates);
}

}  // namespace udp_chat
