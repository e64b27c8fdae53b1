// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a room's core tells the part that deals with other loops, if there is one: RoomHome where the room has its home,
// RoomCopy on the other loops. On the core's thread.

#include <parley/chat/detail/member_state.hpp>
#include <parley/chat/room_options.hpp>

#include <cstddef>

namespace parley::inline PARLEY_ABI::detail {

class Elsewhere {
 public:
  // At home.

  /// The turn ends: what was said in it is to go to the other loops.
  virtual void hand_over() noexcept {}
  /// Bytes of the log that some other loop has not sent yet, the most of any.
  virtual std::size_t unsent() const noexcept { return 0; }
  /// The members on the other loops have got all there is.
  virtual bool caught_up() noexcept { return true; }
  virtual void add_to(RoomCounters&) const noexcept {}

  // On both.

  /// After the member has ended, before anybody else hears of it.
  virtual void ended(MemberState&) noexcept {}
  /// A turn's flush is over. `sent`: each member has got all, or takes no more.
  virtual void flushed(bool sent) noexcept { static_cast<void>(sent); }
  /// A member has caught up or gone.
  virtual void went_on() noexcept {}

 protected:
  ~Elsewhere() = default;
};

}  // namespace parley::inline PARLEY_ABI::detail
