// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a connection ends: what this end has said, and what the other one has.

#include <parley/net/detail/reliable/wire.hpp>

#include <cstdint>

namespace parley::inline PARLEY_ABI::detail::reliable {

class Ending {
 public:
  /// Flags of the end frame; abrupt: at once, whatever has not arrived.
  void want(std::uint8_t flags, bool abrupt) noexcept {
    wanted_ |= flags;
    abrupt_ = abrupt_ || abrupt;
  }
  bool wanted() const noexcept { return wanted_ != 0; }
  bool wants_to_go() const noexcept { return (wanted_ & gone) != 0; }
  bool abrupt() const noexcept { return abrupt_; }

  std::uint8_t flags() const noexcept { return wanted_; }
  /// Whether an end frame is to go out now.
  bool due(bool drained) const noexcept { return (wanted_ & ~sent_) != 0 && (abrupt_ || drained); }
  void sent() noexcept { sent_ = wanted_; }
  void lost(std::uint8_t flags) noexcept {
    if ((flags & ~acknowledged_) != 0) sent_ = 0;
  }
  void acknowledged(std::uint8_t flags) noexcept { acknowledged_ |= flags; }
  bool has_said_gone() const noexcept { return (sent_ & gone) != 0; }
  bool was_heard_gone() const noexcept { return (acknowledged_ & gone) != 0; }

  void peer_says(std::uint8_t flags) noexcept { peer_ |= flags; }
  bool peer_ended() const noexcept { return (peer_ & end_of_messages) != 0; }
  bool peer_gone() const noexcept { return (peer_ & gone) != 0; }

 private:
  std::uint8_t wanted_ = 0;
  std::uint8_t sent_ = 0;  // on the way or acknowledged
  std::uint8_t acknowledged_ = 0;
  std::uint8_t peer_ = 0;
  bool abrupt_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
