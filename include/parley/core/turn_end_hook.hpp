// SPDX-License-Identifier: BSL-1.0
#pragma once

// Work that is put off to the end of a loop's turn, when everything that the turn brought is known.

#include <parley/core/detail/list.hpp>

namespace parley::inline PARLEY_ABI {

/// Called once at the end of the turn in which it was armed by EventLoop::at_turn_end(). Destroying it disarms it.
class TurnEndHook : public detail::ListLink {
 public:
  virtual void turn_ended() noexcept = 0;

 protected:
  ~TurnEndHook() { unlink(); }
};

}  // namespace parley::inline PARLEY_ABI
