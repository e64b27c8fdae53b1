// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is said in a chat room.

#include <parley/platform/config.hpp>

#include <cstdint>
#include <string_view>

namespace parley::inline PARLEY_ABI {

/// A member of one room, for as long as the room lives; no other member gets the number again.
enum class MemberId : std::uint64_t {};

/// In a message's `sender`: the room itself. In its `recipient`: all members.
inline constexpr MemberId no_member{};

enum class MessageKind : std::uint8_t {
  text,    // a member to all
  direct,  // a member to one
  notice,  // the room to all or to one
  error,   // the room to one: something was refused
  missed,  // the room to one, who was too slow: `sequence` is that of the newest message missed, `missed` says how many
};

/// A view: the texts belong to the room, or to whoever says them.
struct Message {
  MessageKind kind = MessageKind::text;
  std::uint64_t sequence = 0;  // counted from 1, one after the other, in each room
  MemberId sender = no_member;
  MemberId recipient = no_member;
  std::int64_t time_ms = 0;  // when it was said: milliseconds since 1970-01-01 UTC
  std::uint64_t missed = 0;
  std::string_view name;  // the sender's, at that time
  std::string_view text;
};

/// Where a reader is in a room's log, so that it can go on there over another connection.
struct ResumePoint {
  std::uint64_t epoch = 0;     // which room; a room that was made anew has another one
  std::uint64_t sequence = 0;  // the newest message that was received
};

}  // namespace parley::inline PARLEY_ABI
