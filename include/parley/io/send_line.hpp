// SPDX-License-Identifier: BSL-1.0
#pragma once

// send_line(): sends a text and LF, so that a LineReader at the other end gets that very text.

#include <parley/io/detail/send_steps.hpp>

#include <array>
#include <string_view>

namespace parley::inline PARLEY_ABI {

namespace detail {

template <ByteStream Stream>
class SendLineSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  SendLineSteps(Stream& stream, std::string_view text) noexcept
      : stream_(stream), text_(text.data()), size_(transfer_size(text.size())) {}

  Step step(Operation& operation) {
    if (size_ == over_max_transfer) return refuse_transfer(operation, Error::too_long);
    const std::string_view text(text_, size_);
    if (moved_ == 0 && (text.ends_with('\r') || text.find('\n') != text.npos)) {
      return refuse_transfer(operation, Error::malformed);
    }
    const std::array<ConstBytes, 2> pieces{ConstBytes(text), ConstBytes("\n", 1)};
    return send_all_pieces(stream_, operation, pieces, moved_);
  }
  void leave(Operation& operation) noexcept { leave_stream(stream_, operation); }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  Stream& stream_;
  const char* text_;
  std::uint32_t size_;
  std::uint32_t moved_ = 0;
};

}  // namespace detail

/// Completes when the stream has taken the text and its LF: Transferred, which counts both. No copy is made.
/// Errors:      Error::malformed, with nothing sent, for a text that would not arrive as the one line it is meant to
///              be: with an LF in it (a line forged by whoever wrote the text) or a CR at its end. Error::too_long,
///              with nothing sent, over 4 GiB - 3 bytes. Error::timed_out, cancelled, no_loop and would_block_loop as
///              of every operation; what the stream reports.
/// Cancelling:  bytes() says how much was sent; after a part of a line the caller must send the rest or close.
/// Buffers:     the stream and the text are borrowed until the operation has completed.
/// Concurrency: the stream's: one that sends at a time; a second gives Error::busy.
/// Threads:     those of the stream.
template <ByteStream Stream>
[[nodiscard]] auto send_line(Stream& stream, std::string_view text) noexcept {
  return detail::StepOperation<detail::SendLineSteps<Stream>>(stream.descriptor(), stream, text);
}

}  // namespace parley::inline PARLEY_ABI
