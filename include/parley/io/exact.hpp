// SPDX-License-Identifier: BSL-1.0
#pragma once

// recv_exactly() and send_all() over any byte stream. A Socket has its own, which know no limit of size.
//
// Both return Transferred, which counts the bytes that were moved whether or not all were.
//
// Errors:      Error::too_long, with nothing moved, for more than 4 GiB - 2 bytes at once. Error::timed_out, cancelled,
//              no_loop and would_block_loop as of every operation; what the stream reports.
// Cancelling:  loses nothing, nor does a timeout or an error: go on behind the bytes that were moved.
// Buffers:     the stream and the memory are borrowed until the operation has completed.
// Concurrency: the stream's: one that receives and one that sends at a time; a second of either gives Error::busy.
// Threads:     those of the stream.

#include <parley/io/detail/send_steps.hpp>

namespace parley::inline PARLEY_ABI {

namespace detail {

template <ByteStream Stream>
class StreamReceiveExactlySteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  StreamReceiveExactlySteps(Stream& stream, MutableBytes buffer) noexcept
      : stream_(stream), data_(buffer.data()), size_(transfer_size(buffer.size())) {}
  Step step(Operation& operation) {
    if (size_ == over_max_transfer) return refuse_transfer(operation, Error::too_long);
    return receive_rest(operation, {data_, size_}, moved_, [&](MutableBytes rest, std::size_t& count) {
      return stream_.poll_recv(operation, rest, count);
    });
  }
  void leave(Operation& operation) noexcept { leave_stream(stream_, operation); }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  Stream& stream_;
  std::byte* data_;
  std::uint32_t size_;
  std::uint32_t moved_ = 0;
};

template <ByteStream Stream>
class StreamSendAllSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  StreamSendAllSteps(Stream& stream, ConstBytes bytes) noexcept
      : stream_(stream), data_(bytes.data()), size_(transfer_size(bytes.size())) {}
  Step step(Operation& operation) {
    const ConstBytes bytes(data_, size_);
    return send_all_pieces(stream_, operation, {&bytes, 1}, moved_);
  }
  void leave(Operation& operation) noexcept { leave_stream(stream_, operation); }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  Stream& stream_;
  const std::byte* data_;
  std::uint32_t size_;
  std::uint32_t moved_ = 0;
};

template <ByteStream Stream>
class StreamSendPiecesSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  StreamSendPiecesSteps(Stream& stream, std::span<const ConstBytes> pieces) noexcept
      : stream_(stream), pieces_(pieces.data()), count_(transfer_size(pieces.size())) {}
  Step step(Operation& operation) {
    if (count_ == over_max_transfer) return refuse_transfer(operation, Error::too_long);
    return send_all_pieces(stream_, operation, {pieces_, count_}, moved_);
  }
  void leave(Operation& operation) noexcept { leave_stream(stream_, operation); }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  Stream& stream_;
  const ConstBytes* pieces_;
  std::uint32_t count_;
  std::uint32_t moved_ = 0;
};

}  // namespace detail

/// Completes when the buffer is full, or with an error: Transferred. The end of the stream gives Error::end_of_stream
/// before the first byte and Error::truncated after it.
template <ByteStream Stream>
[[nodiscard]] auto recv_exactly(Stream& stream, MutableBytes buffer) noexcept {
  return detail::StepOperation<detail::StreamReceiveExactlySteps<Stream>>(stream.descriptor(), stream, buffer);
}

/// Completes when the stream has taken all, or with an error: Transferred.
template <ByteStream Stream>
[[nodiscard]] auto send_all(Stream& stream, ConstBytes bytes) noexcept {
  return detail::StepOperation<detail::StreamSendAllSteps<Stream>>(stream.descriptor(), stream, bytes);
}

/// The same for several pieces in a row, without copying them together; their array is borrowed too.
template <ByteStream Stream>
[[nodiscard]] auto send_all(Stream& stream, std::span<const ConstBytes> pieces) noexcept {
  return detail::StepOperation<detail::StreamSendPiecesSteps<Stream>>(stream.descriptor(), stream, pieces);
}

}  // namespace parley::inline PARLEY_ABI
