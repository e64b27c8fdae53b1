// SPDX-License-Identifier: BSL-1.0
#pragma once

// The datagrams of a group, version 1. README.md has the layout; numbers are big-endian.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../tcp_chat/name_rule.hpp"
#include "numbers.hpp"

namespace udp_chat {

struct GroupDatagram {
  enum class Kind : std::uint8_t { presence = 1, text = 2, leave = 3 };

  Kind kind = Kind::presence;
  std::uint64_t speaker = 0;  // see speaker_number()
  std::uint64_t number = 0;   // of this text, counted from 1; else of the speaker's last text, 0 before the first
  std::string_view name;
  std::string_view text;  // of Kind::text only
};

inline constexpr std::string_view group_magic = "PlyG";
inline constexpr std::uint8_t group_version = 1;
inline constexpr std::size_t group_header_bytes = 22;
/// So that a datagram passes through any network in one piece (RFC 8200, 5: 1,280 bytes with all headers).
inline constexpr std::size_t max_group_text = 1024;
inline constexpr std::size_t max_group_datagram = group_header_bytes + tcp_chat::max_name_bytes + 1 + max_group_text;
/// Nobody counts so far: numbers can be added without a thought of overflow.
inline constexpr std::uint64_t max_group_number = std::uint64_t{1} << 62;

/// What a program that starts now calls itself. Who has been there longer has the smaller number, as far as clocks tell,
/// and of two that start in the same millisecond hardly ever both have the same.
inline std::uint64_t speaker_number(std::chrono::system_clock::time_point now, std::uint64_t random) {
  constexpr int random_bits = 20;  // the other 44 last until the year 2527
  const auto since_1970 = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return static_cast<std::uint64_t>(since_1970.count()) << random_bits | random >> (64 - random_bits);
}

/// The name and text must be within their limits.
inline std::string write_group_datagram(const GroupDatagram& datagram) {
  std::string bytes(group_magic);
  bytes += static_cast<char>(group_version);
  bytes += static_cast<char>(datagram.kind);
  append_number(bytes, datagram.speaker);
  append_number(bytes, datagram.number);
  bytes += datagram.name;
  bytes += '\0';
  return bytes += datagram.text;
}

enum class GroupReading : std::uint8_t { fine, foreign, other_version, malformed };

/// `datagram` refers to the bytes, and counts only where they are fine. Takes any bytes; allocates nothing but a key of
/// the name. The text may still be anything: it is for parley::make_printable().
inline GroupReading read_group_datagram(std::string_view bytes, GroupDatagram& datagram) {
  if (!bytes.starts_with(group_magic) || bytes.size() <= group_magic.size()) return GroupReading::foreign;
  if (static_cast<std::uint8_t>(bytes[4]) != group_version) return GroupReading::other_version;
  if (bytes.size() <= group_header_bytes || bytes.size() > max_group_datagram) return GroupReading::malformed;
  const auto kind = static_cast<std::uint8_t>(bytes[5]);
  datagram.kind = static_cast<GroupDatagram::Kind>(kind);
  datagram.speaker = read_number(bytes.substr(6));
  datagram.number = read_number(bytes.substr(14));
  const std::string_view rest = bytes.substr(group_header_bytes);
  const std::size_t end = rest.find('\0');
  if (kind < 1 || kind > 3 || datagram.number > max_group_number || end == rest.npos) return GroupReading::malformed;
  datagram.name = rest.substr(0, end);
  datagram.text = rest.substr(end + 1);
  const bool is_text = datagram.kind == GroupDatagram::Kind::text;
  if (is_text != !datagram.text.empty() || (is_text && datagram.number == 0)) return GroupReading::malformed;
  if (datagram.text.size() > max_group_text || !tcp_chat::check_name(datagram.name)) return GroupReading::malformed;
  return GroupReading::fine;
}

}  // namespace udp_chat
