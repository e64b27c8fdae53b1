// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a room keeps of a member: a cursor into the log, and the stream that takes what is there.

#include <parley/chat/detail/any_stream.hpp>
#include <parley/chat/message.hpp>
#include <parley/chat/room_log.hpp>
#include <parley/core/detail/list.hpp>
#include <parley/core/rate_limit.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace parley::inline PARLEY_ABI {

/// Why a member is no longer in its room.
enum class EndReason : std::uint8_t {
  none,      // it still is
  left,      // leave(), or its Member was destroyed
  too_slow,  // it lagged further behind than the room allows
  broken,    // its stream took no more
  removed,   // ChatRoom::remove()
  closed,    // the room was closed or destroyed
};

namespace detail {

class RoomCore;
class Delivery;

class MemberState : public ListLink {
 public:
  /// Bytes for this member alone, sent before it goes on in the log.
  struct Aside {
    std::string bytes;
    std::size_t sent = 0;
    std::uint64_t missed = 0;  // it has not been told of these yet
    std::uint64_t missed_up_to = 0;
  };

  bool ended() const noexcept { return reason != EndReason::none; }
  bool has_aside() const noexcept {
    return aside != nullptr && (aside->sent < aside->bytes.size() || aside->missed != 0);
  }

  /// Whether nobody but the room may send on its stream.
  void lend(bool lent) noexcept {
    if (Descriptor* descriptor = stream.descriptor()) descriptor->lent(platform::Direction::write) = lent;
  }

  RoomCore* room = nullptr;  // null once the room is gone
  AnyStream stream;          // none while it is absent
  RoomLog::Encoded* log = nullptr;
  MemberId id = no_member;
  std::uint64_t cursor = 0;         // the record that comes next
  std::uint64_t joined_at = 0;      // the first record after it joined
  std::uint64_t goal = UINT64_MAX;  // it is to get nothing from there on
  RateLimit::Use said;              // of the room's rate
  std::unique_ptr<Aside> aside;
  Delivery* delivery = nullptr;  // while it waits for its stream; the room's
  Operation* leaver = nullptr;   // waits in Member::leave()
  std::string name;
  std::uint32_t within = 0;  // bytes of that record that were taken
  EndReason reason = EndReason::none;
  bool resumed : 1 = false;  // what it said itself before joined_at is sent to it, and notices too
  bool stays_when_broken : 1 = false;
  bool elsewhere : 1 = false;  // another loop sends to it; its cursor is there
  std::uint16_t users = 0;     // see MemberRef
};

/// Counts who needs a member's state: its Member, and what that has in flight. On the room's loop.
class MemberRef {
 public:
  MemberRef() noexcept = default;
  explicit MemberRef(MemberState* state) noexcept : state_(state) {
    if (state_ != nullptr) ++state_->users;
  }
  MemberRef(const MemberRef& other) noexcept : MemberRef(other.state_) {}
  MemberRef(MemberRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  MemberRef& operator=(MemberRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~MemberRef() {
    if (state_ != nullptr && --state_->users == 0) delete state_;
  }

  MemberState* get() const noexcept { return state_; }
  MemberState* operator->() const noexcept { return state_; }
  MemberState& operator*() const noexcept { return *state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  MemberState* state_ = nullptr;
};

}  // namespace detail

}  // namespace parley::inline PARLEY_ABI
