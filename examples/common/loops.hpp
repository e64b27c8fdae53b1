// SPDX-License-Identifier: BSL-1.0
#pragma once

// What servers with several loops need to know of them.

#include <parley/core/channel.hpp>
#include <parley/core/loop_pool.hpp>
#include <parley/core/task.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

namespace common {

/// Whether each of the loops turns: threads may be limited, and descriptors.
inline parley::Task<bool> have_started(parley::LoopPool& loops) {
  const auto started = std::make_shared<parley::Channel<bool>>(loops.size());
  for (std::size_t i = 0; i < loops.size(); ++i) {
    static_cast<void>(loops[i].post([started] { static_cast<void>(started->try_send(true)); }));
  }
  for (std::size_t i = 0; i < loops.size(); ++i) {
    const auto one = co_await started->receive().within(std::chrono::seconds(5));
    if (!one) co_return false;
  }
  co_return true;
}

}  // namespace common
