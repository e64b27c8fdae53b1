// SPDX-License-Identifier: BSL-1.0
#pragma once

// A member of a room whose home is another loop: what the home keeps of it, what its own loop keeps of it, and what goes
// from one to the other.

#include <parley/chat/detail/member_state.hpp>
#include <parley/core/operation.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace parley::inline PARLEY_ABI::detail {

class RoomCopy;
class RoomLink;
struct Seat;

/// Something that the home is asked for. It stands in the operation that waits for the answer, so that nothing is
/// copied, and there are never more than there are operations. Whoever holds the link's lock may touch it.
struct HomeRequest : ListLink {
  enum class Kind : std::uint8_t { join, say, tell, announce, rename, hand_over };
  enum class State : std::uint8_t { idle, asked, answered };

  HomeRequest(Kind what, Seat* from) noexcept : kind(what), seat(from) {}

  Kind kind;
  State state = State::idle;
  MessageKind message_kind = MessageKind::notice;
  Seat* seat;
  Operation* waiter = nullptr;
  MemberId to = no_member;
  std::string_view text;  // or the name

  // The answer.
  std::error_code error;
  std::uint64_t sequence = 0;
};

struct SeatNode : ListLink {
  explicit SeatNode(Seat& of) noexcept : seat(&of) {}
  Seat* seat;
};

/// The home's member: it has a name and a number, and no stream.
struct HomePart final : MemberState {
  Seat* seat = nullptr;
  bool told = false;  // its loop knows that it ends
};

struct Seat : std::enable_shared_from_this<Seat> {
  explicit Seat(std::shared_ptr<RoomLink> to_home) noexcept
      : link(std::move(to_home)), at_home(*this), news(*this), order(*this) {
    home.seat = this;
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  const std::shared_ptr<RoomLink> link;

  // Set before the home is asked.
  const WireFormat* format = nullptr;
  std::optional<ResumePoint> after;

  // The home's.
  HomePart home;
  SeatNode at_home;
  std::shared_ptr<Seat> kept;  // itself, while the home has a member for it

  // Under the link's lock: what the home has to hear, and what it has decided.
  SeatNode news;
  EndReason ended_here = EndReason::none;
  bool gone = false;
  SeatNode order;
  EndReason ended_by_home = EndReason::none;
  std::uint64_t goal = 0;  // it is to get nothing from there on

  // Written by the home with its answer to the request to join.
  MemberId id = no_member;
  std::uint64_t cursor = 0;
  std::uint64_t joined_at = 0;

  // Its own loop's.
  RoomCopy* copy = nullptr;
  MemberRef here;
  MemberId number_here = no_member;  // in the copy's table
  std::string name;
};

}  // namespace parley::inline PARLEY_ABI::detail
