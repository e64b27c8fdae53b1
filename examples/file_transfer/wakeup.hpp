// SPDX-License-Identifier: BSL-1.0
#pragma once

// Has a coroutine look again. Several notices before it looks are one.

#include <parley/core/channel.hpp>

namespace file_transfer {

class Wakeup {
 public:
  void notify() noexcept { static_cast<void>(notices_.try_send(Notice{})); }
  /// Completes after a notice() that no wait() has had. Errors: timed_out, cancelled.
  [[nodiscard]] auto wait() noexcept { return notices_.receive(); }

 private:
  struct Notice {};
  parley::Channel<Notice> notices_{1};
};

}  // namespace file_transfer
