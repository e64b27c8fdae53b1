// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sends to many sockets, to be made together: what a chat room does at the end of a turn.

#include <parley/platform/native_handle.hpp>
#include <parley/platform/system.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace parley::inline PARLEY_ABI::platform {

class SendBatch {
 public:
  /// One vectored send, as send_vector() makes it.
  struct Send {
    static constexpr std::size_t max_slices = 16;

    NativeSocket socket;
    std::size_t count;
    std::array<IoSlice, max_slices> slices;
    IoOutcome outcome;
  };
  static constexpr std::size_t capacity = 64;

  bool full() const noexcept { return count_ == capacity; }
  /// One more, with nothing set. Not when it is full.
  Send& add() noexcept { return sends_[count_++]; }
  void clear() noexcept { count_ = 0; }
  std::span<Send> sends() noexcept { return {sends_.data(), count_}; }

 private:
  std::size_t count_ = 0;
  std::array<Send, capacity> sends_;
};

}  // namespace parley::inline PARLEY_ABI::platform
