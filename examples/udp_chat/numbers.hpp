// SPDX-License-Identifier: BSL-1.0
#pragma once

// Numbers of 64 bits as they go over the wire: big-endian.

#include <cstdint>
#include <string>
#include <string_view>

namespace udp_chat {

inline void append_number(std::string& bytes, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xFF);
}
/// Of the first 8 bytes.
inline std::uint64_t read_number(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, 8)) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace udp_chat
