// SPDX-License-Identifier: BSL-1.0
#pragma once

// A read of a file that a poller makes while its loop goes on.

#include <parley/platform/native_handle.hpp>
#include <parley/platform/system.hpp>

#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

struct FileRead {
  /// Told by the poller's wait(), once. `let_go` is false where the kernel may still write to the memory, which is then
  /// not to be freed, ever: the loop went on on another thread, or in a child that was forked. The outcome is ECANCELED
  /// then, and the read is to be made anew.
  using Ended = void (*)(FileRead&, bool let_go) noexcept;

  NativeSocket file;
  std::uint64_t offset;
  void* data;  // its owner's until it has ended, and nobody else's
  std::uint32_t size;
  Ended ended;
  IoOutcome outcome;
};

}  // namespace parley::inline PARLEY_ABI::platform
