// SPDX-License-Identifier: BSL-1.0
#pragma once

// What goes to a member in one send: the pieces of the log from its cursor on, without what it is not to get.

#include <parley/chat/detail/member_state.hpp>
#include <parley/core/bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace parley::inline PARLEY_ABI::detail {

/// Whether the member is to get the record.
inline bool gets(const MemberState& member, const RoomLog& log, std::uint64_t sequence, bool echo) noexcept {
  const MemberId recipient = log.recipient(sequence);
  if (recipient != no_member) return recipient == member.id;
  const bool past = sequence < member.joined_at;
  if (past && !member.resumed) return log.kind(sequence) == MessageKind::text;
  return echo || past || log.sender(sequence) != member.id;
}

class Batch {
 public:
  /// As much as one send should carry, up to the record `until`.
  void gather(const MemberState& member, const RoomLog& log, std::uint64_t until, bool echo) noexcept {
    const RoomLog::Encoded& encoded = *member.log;
    count_ = bytes_ = 0;
    records_ = 0;
    std::uint64_t i = member.cursor;
    std::uint32_t skip = member.within;
    whole_ = true;
    while (i != until && count_ < pieces_.size()) {
      while (i != until && !gets(member, log, i, echo)) ++i;
      const std::uint64_t from = i;
      while (i != until && gets(member, log, i, echo)) ++i;
      if (from == i) break;
      records_ += i - from;
      whole_ = add(encoded, encoded.begin(from) + skip, encoded.begin(i));
      skip = 0;
    }
    end_ = i;
  }
  void gather_aside(const MemberState::Aside& aside) noexcept {
    pieces_[0] = ConstBytes(aside.bytes).after(aside.sent);
    count_ = 1;
    bytes_ = pieces_[0].size();
    records_ = 0;
  }

  std::span<const ConstBytes> pieces() const noexcept { return {pieces_.data(), count_}; }
  std::size_t bytes() const noexcept { return bytes_; }

  /// The member's stream has taken so many of the bytes: its cursor moves. Returns how many records it has now got whole.
  std::uint64_t taken(std::size_t count, MemberState& member, const RoomLog& log, bool echo) const noexcept {
    if (count == bytes_ && whole_) {
      member.cursor = end_;
      member.within = 0;
      return records_;
    }
    return walk(count, member, log, echo);
  }

 private:
  // Through the records that the bytes belong to.
  static std::uint64_t walk(std::size_t count, MemberState& member, const RoomLog& log, bool echo) noexcept {
    std::uint64_t records = 0;
    for (;; ++member.cursor) {
      if (!gets(member, log, member.cursor, echo)) continue;
      const RoomLog::Encoded& encoded = *member.log;
      const auto size = static_cast<std::size_t>(encoded.begin(member.cursor + 1) - encoded.begin(member.cursor));
      if (member.within + count < size) {
        member.within += static_cast<std::uint32_t>(count);
        return records;
      }
      count -= size - member.within;
      member.within = 0;
      ++records;
      if (count == 0) return ++member.cursor, records;
    }
  }

  // False: there is no room for all of it.
  bool add(const RoomLog::Encoded& encoded, std::uint64_t from, std::uint64_t to) noexcept {
    while (from != to && count_ < pieces_.size()) {
      const ConstBytes piece = encoded.view(from, to);
      pieces_[count_++] = piece;
      bytes_ += piece.size();
      from += piece.size();
    }
    return from == to;
  }

  std::array<ConstBytes, 16> pieces_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t end_ = 0;  // the record after the last one in it
  bool whole_ = true;      // all of the last record is in it
};

}  // namespace parley::inline PARLEY_ABI::detail
