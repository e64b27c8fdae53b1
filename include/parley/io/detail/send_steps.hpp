// SPDX-License-Identifier: BSL-1.0
#pragma once

// Sends bytes over any byte stream, with what a framing puts around them.

#include <parley/core/detail/transfer.hpp>
#include <parley/core/transferred.hpp>
#include <parley/io/byte_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace parley::inline PARLEY_ABI::detail {

/// At most so many bytes in one call, so that an operation has room to count them.
inline constexpr std::size_t max_transfer = UINT32_MAX - 1;
inline constexpr std::uint32_t over_max_transfer = UINT32_MAX;

inline std::uint32_t transfer_size(std::size_t size) noexcept {
  return size > max_transfer ? over_max_transfer : static_cast<std::uint32_t>(size);
}

inline Step refuse_transfer(Operation& operation, Error error) noexcept {
  operation.fail(error);
  return Step::done;
}

template <ByteStream Stream>
Step send_all_pieces(Stream& stream, Operation& operation, std::span<const ConstBytes> pieces, std::uint32_t& moved) {
  const std::size_t total = total_size(pieces);
  if (total > max_transfer) return refuse_transfer(operation, Error::too_long);
  return send_rest(operation, total, moved, [&](std::size_t skip, std::size_t& count) {
    return stream.poll_send(operation, pieces, skip, count);
  });
}

}  // namespace parley::inline PARLEY_ABI::detail
