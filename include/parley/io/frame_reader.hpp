// SPDX-License-Identifier: BSL-1.0
#pragma once

// FrameReader: a stream, frame by frame. FrameWriter (io/frame_writer.hpp) is the other end.
//
//   FrameReader frames{peer, {.prefix = LengthPrefix::two_bytes, .max_frame = 1024}};
//   while (auto frame = co_await frames.next()) ...

#include <parley/io/detail/record_reader.hpp>
#include <parley/io/frame_format.hpp>

namespace parley::inline PARLEY_ABI {

namespace detail {

class FrameFormat {
 public:
  explicit FrameFormat(const FrameOptions& options) noexcept : prefix_(options) {}

  Found find(RecordBuffer& buffer, bool ended) const noexcept {
    const Found missing = ended && !buffer.empty() ? Found::truncated : Found::more;
    if (buffer.size() < prefix_.size()) return missing;
    const std::size_t length = prefix_.decode(buffer.data());
    if (length > prefix_.max_frame()) return Found::too_long;
    return buffer.size() < prefix_.size() + length ? missing : Found::record;
  }

  ConstBytes take(RecordBuffer& buffer) const noexcept {
    const ConstBytes frame(buffer.data() + prefix_.size(), prefix_.decode(buffer.data()));
    buffer.consume(prefix_.size() + frame.size());
    return frame;
  }

  // By doubling: what a peer announces but does not send takes no memory.
  std::size_t grown(const RecordBuffer& buffer) const noexcept {
    if (buffer.size() < prefix_.size()) return BufferPool::buffer_size;
    return std::min(2 * buffer.capacity(), prefix_.size() + prefix_.decode(buffer.data()));
  }
  std::size_t read_limit(const RecordBuffer&) const noexcept { return SIZE_MAX; }

 private:
  FramePrefix prefix_;
};

}  // namespace detail

/// Reads frames from a stream, which it borrows: the stream must outlive it and stay where it is. It receives ahead, so
/// while it is in use nothing else should receive from the stream; rest() and take_rest() are for going over to another
/// protocol.
///
/// Memory:  none while no bytes are there. Otherwise one buffer of 16 KiB, or for a longer frame, whatever its length
///          says, one of at most twice what has arrived of it (three times while it grows) and at most the frame with
///          its prefix. While it waits inside a frame of which at most 4 KiB have come, less than four times that, or 48
///          bytes, take the place of the 16 KiB. A buffer is kept for as long as the frame that was delivered may be
///          looked at. Each buffer has 16 bytes more, for what is noted of it.
/// Threads: those of the stream. Between operations it may go on on another thread, and may be moved.
template <ByteStream Stream>
class FrameReader {
 public:
  using Options = FrameOptions;

  explicit FrameReader(Stream& stream, Options options = {}) noexcept : reader_(stream, detail::FrameFormat(options)) {}

  /// Completes when a frame is there: Result<ConstBytes>, without its prefix, maybe empty, to be looked at until the
  /// next call of next() or take_rest() or the end of the reader.
  /// Errors:      Error::too_long as soon as a prefix says more than max_frame; nothing is allocated for it. The reader
  ///              gives up: it frees its memory, and every later call says the same. Frames before it are delivered
  ///              first.
  ///              Error::end_of_stream after the last frame, from then on always. Once before it, Error::truncated when
  ///              the stream ended inside a frame or its prefix; rest() then shows what had come.
  ///              std::errc::not_enough_memory; Error::timed_out, cancelled, no_loop and would_block_loop as of every
  ///              operation; what the stream reports. Nothing received is lost by these.
  /// Cancelling:  loses nothing, at any point; the next call goes on. Nor does destroying the coroutine that waits.
  /// Concurrency: one at a time; a second gives Error::busy. The reader must outlive the operation.
  [[nodiscard]] auto next() noexcept { return reader_.next(); }

  /// What was received beyond the last frame that was delivered. Valid as long as a frame is.
  ConstBytes rest() const noexcept { return reader_.rest(); }
  /// Moves bytes from there to a buffer, as many as fit, and returns how many. Not while an operation is in flight.
  std::size_t take_rest(MutableBytes into) noexcept { return reader_.take_rest(into); }

  /// For the library: QuietScope waits without a coroutine.
  detail::RecordReader<Stream, detail::FrameFormat>& records() noexcept { return reader_; }

 private:
  detail::RecordReader<Stream, detail::FrameFormat> reader_;
};

}  // namespace parley::inline PARLEY_ABI
