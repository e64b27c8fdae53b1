// SPDX-License-Identifier: BSL-1.0
#pragma once

// What an event loop can be told about its limits, its poller and its clock.

#include <parley/core/time_source.hpp>
#include <parley/platform/select_poller.hpp>

#include <chrono>
#include <cstddef>

namespace parley::inline PARLEY_ABI {

struct LoopOptions {
  PollerKind poller = PollerKind::automatic;
  /// Functions posted and not yet run; post() refuses more.
  std::size_t max_posted = 65536;
  /// Coroutines resumed in one turn; the others wait for the next, after the poller had its say.
  int max_resumptions = 1024;
  /// Operations in a row that one coroutine may finish without waiting, before others get their turn.
  int max_inline = 64;
  /// How long detached tasks may take to end after stop().
  Duration stop_grace = std::chrono::seconds(1);
  /// The clock; null is the real one. Borrowed.
  TimeSource* time = nullptr;
};

}  // namespace parley::inline PARLEY_ABI
