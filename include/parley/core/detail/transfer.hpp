// SPDX-License-Identifier: BSL-1.0
#pragma once

// The loops of transfers that go on until all is moved: over a socket, or over any byte stream.
//
// `moved` lives in the state machine and counts from step to step. Each loop is bounded by the size of the transfer.

#include <parley/core/bytes.hpp>
#include <parley/core/operation.hpp>

#include <cstddef>
#include <span>
#include <system_error>

namespace parley::inline PARLEY_ABI::detail {

/// Calls `receive(rest, count)`, a step that receives some bytes, until the buffer is full.
template <class Count, class Receive>
Step receive_rest(Operation& operation, MutableBytes buffer, Count& moved, Receive receive) {
  while (moved < buffer.size()) {
    std::size_t count = 0;
    const Step step = receive(buffer.after(moved), count);
    if (step != Step::done || operation.error()) return step;
    if (count == 0) {
      operation.fail(moved == 0 ? Error::end_of_stream : Error::truncated);
      return Step::done;
    }
    moved = static_cast<Count>(moved + count);
  }
  operation.succeed();
  return Step::done;
}

/// Calls `send(moved, count)`, a step that sends some bytes from there on, until all are sent.
template <class Count, class Send>
Step send_rest(Operation& operation, std::size_t total, Count& moved, Send send) {
  while (moved < total) {
    std::size_t count = 0;
    const Step step = send(std::size_t{moved}, count);
    if (step != Step::done || operation.error()) return step;
    if (count == 0) {  // a stream that breaks its promise must not make this loop spin
      operation.fail(static_cast<int>(std::errc::io_error));
      return Step::done;
    }
    moved = static_cast<Count>(moved + count);
  }
  operation.succeed();
  return Step::done;
}

inline std::size_t total_size(std::span<const ConstBytes> pieces) noexcept {
  std::size_t total = 0;
  for (const ConstBytes& piece : pieces) total += piece.size();
  return total;
}

}  // namespace parley::inline PARLEY_ABI::detail
