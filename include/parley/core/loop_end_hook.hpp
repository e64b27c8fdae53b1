// SPDX-License-Identifier: BSL-1.0
#pragma once

// For what belongs to a loop, and is to live on without it.

#include <parley/core/detail/list.hpp>

namespace parley::inline PARLEY_ABI {

/// Called once, when the loop to which it was given by EventLoop::at_loop_end() is destroyed, which still carries out
/// what it is told. Destroying it disarms it.
class LoopEndHook : public detail::ListLink {
 public:
  virtual void loop_ends() noexcept = 0;

 protected:
  ~LoopEndHook() { unlink(); }
};

}  // namespace parley::inline PARLEY_ABI
