// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sizes, rates and times as people read them.

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

namespace file_transfer {

/// "512 B", "1.5 MB": powers of 1,000, as disks and networks are sold.
inline std::string bytes_text(double bytes) {
  constexpr std::array<const char*, 6> units{"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 999.95 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}
inline std::string bytes_text(std::uint64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

/// "0:07", "1:02:03"; "-:--" where nobody knows.
inline std::string time_text(double seconds) {
  if (!(seconds >= 0) || seconds > 359999) return "-:--";
  const auto whole = static_cast<unsigned>(seconds + 0.5);
  char text[32];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%u:%02u", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%u:%02u:%02u", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return text;
}

/// How much of it is done, from 0 to 1.
inline double share_of(std::uint64_t done, std::uint64_t of) {
  return done >= of ? 1.0 : static_cast<double>(done) / static_cast<double>(of);
}
/// "[#####-----]"
inline std::string bar_text(double share, std::size_t width) {
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
  return '[' + std::string(filled, '#') + std::string(width - filled, '-') + ']';
}
/// " 52%"
inline std::string percent_text(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%3.0f%%", share * 100);
  return text;
}

}  // namespace file_transfer
