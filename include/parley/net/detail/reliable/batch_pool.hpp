// SPDX-License-Identifier: BSL-1.0
#pragma once

// Batches that the sockets of a thread borrow while datagrams go out or come in, so that a connection holds none.

#include <parley/net/detail/batch_core.hpp>
#include <parley/net/detail/reliable/wire.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace parley::inline PARLEY_ABI::detail::reliable {

/// A thread keeps one when nobody has it. It may be given to another thread than the one it came from.
class BatchPool {
 public:
  static constexpr std::size_t max_datagrams = 64;
  static constexpr std::size_t bytes = max_datagrams * max_datagram;
  /// Longer than every datagram that could be good.
  static constexpr std::size_t largest_received = 2048;
  static_assert(bytes >= platform::coalesced_capacity);

  /// Empty; null when there is no memory.
  static std::unique_ptr<BatchCore> take() noexcept {
    auto batch = std::move(kept());
    return batch != nullptr ? std::move(batch) : make();
  }
  static void give(std::unique_ptr<BatchCore> batch) noexcept {
    batch->runs().clear();
    kept() = std::move(batch);
  }

 private:
  static std::unique_ptr<BatchCore> make() noexcept {
    const BatchLimits limits{.bytes = bytes, .runs = max_datagrams, .largest = largest_received};
    std::unique_ptr<BatchCore> batch(new (std::nothrow) BatchCore(limits));
    if (batch == nullptr || !batch->allocate(limits)) return nullptr;
    return batch;
  }
  PARLEY_NOINLINE static std::unique_ptr<BatchCore>& kept() noexcept {
    static thread_local std::unique_ptr<BatchCore> batch;
    return batch;
  }
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
