// SPDX-License-Identifier: BSL-1.0
#pragma once

// What servers with several loops need to know of them.

#include <parley/core/channel.hpp>
#include <parley/core/loop_pool.hpp>
#include <parley/core/task.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <system_error>

namespace common {

/// Success when each of the loops turns: threads may be limited, and descriptors. Error::cancelled when it is stopped.
inline parley::Task<parley::Result<>> have_started(parley::LoopPool& loops) {
  const auto started = std::make_shared<parley::Channel<bool>>(loops.size());
  for (std::size_t i = 0; i < loops.size(); ++i) {
    static_cast<void>(loops[i].post([started] { static_cast<void>(started->try_send(true)); }));
  }
  for (std::size_t i = 0; i < loops.size(); ++i) {
    const auto one = co_await started->receive().within(std::chrono::seconds(5));
    if (one.error() == parley::Error::cancelled) co_return one.error();
    if (!one) co_return std::make_error_code(std::errc::resource_unavailable_try_again);
  }
  co_return parley::Result<>();
}

}  // namespace common
