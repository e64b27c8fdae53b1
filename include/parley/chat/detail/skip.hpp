// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a member that is too slow goes on with the newest message, and is told how many it missed.

#include <parley/chat/detail/batch.hpp>
#include <parley/chat/detail/member_state.hpp>
#include <parley/core/detail/no_memory.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace parley::inline PARLEY_ABI::detail {

/// How many of the records the member was to get. Of those that the log has dropped it cannot be known: all count.
inline std::uint64_t count_visible(const MemberState& member, const RoomLog& log, std::uint64_t from, std::uint64_t to,
                                   bool echo) noexcept {
  const std::uint64_t kept = std::max(from, log.first());
  std::uint64_t count = kept - from;
  for (from = kept; from < to; ++from) count += gets(member, log, from, echo);
  return count;
}

/// A record that was begun is finished first. False: that cannot be done.
inline bool skip_to_newest(MemberState& member, const RoomLog& log, bool echo, std::uint64_t& dropped) noexcept {
  if (member.within != 0 && member.cursor < log.first()) return false;
  return without_bad_alloc([&] {
    if (member.aside == nullptr) member.aside = std::make_unique<MemberState::Aside>();
    MemberState::Aside& aside = *member.aside;
    std::uint64_t from = member.cursor;
    if (member.within != 0) {
      const std::uint64_t end = member.log->begin(from + 1);
      aside.bytes.assign(member.log->view(member.log->begin(from) + member.within, end).text());
      aside.sent = 0;
      ++from;
    }
    const std::uint64_t missed = count_visible(member, log, from, log.next(), echo);
    aside.missed += missed;
    aside.missed_up_to = log.next() - 1;
    dropped += missed;
    member.cursor = log.next();
    member.within = 0;
  });
}

/// True: there is something aside to be sent first. What the member missed is told when the begun record is through.
inline bool prepare_aside(MemberState& member) noexcept {
  if (member.aside == nullptr) return false;
  MemberState::Aside& aside = *member.aside;
  if (aside.sent < aside.bytes.size()) return true;
  if (aside.missed == 0) {
    member.aside.reset();
    return false;
  }
  Message message;
  message.kind = MessageKind::missed;
  message.sequence = aside.missed_up_to;
  message.missed = aside.missed;
  message.recipient = member.id;
  const bool told = without_bad_alloc([&] {
    aside.bytes.clear();
    aside.sent = 0;
    member.log->format().encode(message, aside.bytes);
  });
  if (told) aside.missed = 0;
  return told && !aside.bytes.empty();
}

}  // namespace parley::inline PARLEY_ABI::detail
