// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the broadcast scenario's load and servers say to each other, the same for every rival. A client's first line is
// its name; each line after that is a message, which the server sends to every other member as "<name> text\n".
//
// All names are as long as each other, and so are all texts, so that a load finds the records in what it receives by
// counting. A text begins with 32 characters that carry four numbers: the load's slot, a sequence number, and the
// intended time in two halves.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace bench {

inline constexpr std::size_t kNameBytes = 6;            // "m00123"
inline constexpr std::size_t kTextAt = 3 + kNameBytes;  // after "<m00123> "
inline constexpr std::size_t kTextHeadBytes = 32;
inline constexpr std::size_t kMaxTextBytes = 16'384;

/// What a server may hold back for one member: with more than that it ends with a message, and the run fails.
inline constexpr std::size_t kMaxUnsentBytes = 64 << 20;

/// The name of a member, numbered from 0 to 99,999.
inline std::string member_name(std::size_t index) {
  std::string name(kNameBytes, 'm');
  for (std::size_t digit = kNameBytes - 1; digit > 0; --digit, index /= 10)
    name[digit] = static_cast<char>('0' + index % 10);
  return name;
}

/// Writes `number` as eight characters from '@' to 'O', four bits each.
inline void write_number(char* at, std::uint32_t number) {
  std::uint64_t spread = number;
  spread = (spread | spread << 16) & 0x0000'FFFF'0000'FFFF;
  spread = (spread | spread << 8) & 0x00FF'00FF'00FF'00FF;
  spread = (spread | spread << 4) & 0x0F0F'0F0F'0F0F'0F0F;
  spread |= 0x4040'4040'4040'4040;
  std::memcpy(at, &spread, sizeof spread);
}

/// Reads what write_number() has written; of any other eight characters, some number.
inline std::uint32_t read_number(const char* at) {
  std::uint64_t packed = 0;
  std::memcpy(&packed, at, sizeof packed);
  packed &= 0x0F0F'0F0F'0F0F'0F0F;
  packed = (packed | packed >> 4) & 0x00FF'00FF'00FF'00FF;
  packed = (packed | packed >> 8) & 0x0000'FFFF'0000'FFFF;
  return static_cast<std::uint32_t>(packed | packed >> 16);
}

}  // namespace bench
