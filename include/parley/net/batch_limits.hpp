// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a DatagramBatch may hold, how it travels, and what sending one came to.

#include <parley/core/result.hpp>
#include <parley/platform/config.hpp>

#include <cstddef>
#include <cstdint>
#include <system_error>

namespace parley::inline PARLEY_ABI {

/// How a batch goes through the kernel, from the fastest on. What the system lacks is replaced by the next, with the
/// same results.
enum class BatchWay : std::uint8_t {
  segments,    // many messages a call, each of them many datagrams (UDP_SEGMENT, UDP_GRO)
  messages,    // many datagrams a call (sendmmsg, recvmmsg)
  one_by_one,  // a call for each
};

/// What a batch may hold. Its memory is allocated once.
struct BatchLimits {
  /// Of all datagrams together.
  std::size_t bytes = std::size_t{1} << 20;
  /// Runs of up to 64 datagrams, which have the same address and, but for the last, the same size; of received ones,
  /// what the kernel hands over as one. At most 64 are used for receiving.
  std::size_t runs = 64;
  /// Received datagrams are cut to so many bytes.
  std::size_t largest = 65535;
  BatchWay way = BatchWay::segments;
};

/// What sending a batch came to: how many datagrams the kernel has taken, and why it stopped early if it did.
class [[nodiscard]] BatchSent {
 public:
  BatchSent() noexcept = default;
  explicit BatchSent(std::size_t datagrams, std::error_code error = {}) noexcept
      : datagrams_(datagrams), error_(error) {}

  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return !error_; }
  std::size_t datagrams() const noexcept { return datagrams_; }
  std::error_code error() const noexcept { return error_; }
  /// datagrams(), or std::system_error (without exceptions: prints the reason and aborts) when it stopped early.
  std::size_t value() const {
    if (error_) detail::fail_access(error_);
    return datagrams_;
  }
  std::size_t operator*() const noexcept { return datagrams_; }

 private:
  std::size_t datagrams_ = 0;
  std::error_code error_;
};

}  // namespace parley::inline PARLEY_ABI
