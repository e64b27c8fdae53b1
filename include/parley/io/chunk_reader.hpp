// SPDX-License-Identifier: BSL-1.0
#pragma once

// ChunkReader: a stream as it comes, in chunks of whatever has arrived, for protocols without framing.
//
//   ChunkReader chunks{peer, {.max_chunk = 1024, .whole_utf8 = true}};
//   while (auto text = co_await chunks.next()) ...
//
// With whole_utf8 no chunk ends inside a UTF-8 sequence (RFC 3629) that the stream goes on with: its beginning waits
// for the rest.

#include <parley/io/detail/record_reader.hpp>
#include <parley/io/detail/utf8_boundary.hpp>

#include <algorithm>
#include <string_view>

namespace parley::inline PARLEY_ABI {

struct ChunkReaderOptions {
  /// Bytes in a chunk, at most; 4 to 16,384 (what is beyond counts as the nearest of these).
  std::size_t max_chunk = 16384;
  bool whole_utf8 = false;
};

namespace detail {

class ChunkFormat {
 public:
  explicit ChunkFormat(const ChunkReaderOptions& options) noexcept
      : max_chunk_(static_cast<std::uint32_t>(std::clamp<std::size_t>(options.max_chunk, 4, BufferPool::buffer_size))),
        whole_utf8_(options.whole_utf8) {}

  Found find(RecordBuffer& buffer, bool ended) const noexcept {
    return deliverable(buffer, ended) == 0 ? Found::more : Found::record;
  }

  std::string_view take(RecordBuffer& buffer) const noexcept {
    const std::string_view chunk(reinterpret_cast<const char*>(buffer.data()), buffer.mark());
    buffer.consume(chunk.size());
    return chunk;
  }

  std::size_t grown(const RecordBuffer&) const noexcept { return BufferPool::buffer_size; }
  std::size_t read_limit(const RecordBuffer& buffer) const noexcept { return max_chunk_ - buffer.size(); }

 private:
  // The mark is where the chunk ends.
  std::size_t deliverable(RecordBuffer& buffer, bool ended) const noexcept {
    buffer.set_mark(whole_utf8_ && !ended ? utf8_whole(buffer.data(), buffer.size()) : buffer.size());
    return buffer.mark();
  }

  std::uint32_t max_chunk_;
  bool whole_utf8_;
};

}  // namespace detail

/// Reads chunks from a stream, which it borrows: the stream must outlive it and stay where it is. It holds nothing back
/// but the beginning of a UTF-8 sequence.
///
/// Memory:  none while no bytes are there (64 bytes while it waits with the beginning of a UTF-8 sequence); otherwise
///          one buffer of at most 16 KiB, for as long as the chunk that was delivered may be looked at.
/// Threads: those of the stream. Between operations it may go on on another thread, and may be moved.
template <ByteStream Stream>
class ChunkReader {
 public:
  using Options = ChunkReaderOptions;

  explicit ChunkReader(Stream& stream, Options options = {}) noexcept : reader_(stream, detail::ChunkFormat(options)) {}

  /// Completes when something has come: Result<std::string_view>, never empty, to be looked at until the next call of
  /// next() or take_rest() or the end of the reader.
  /// Errors:      Error::end_of_stream after the last chunk, from then on always; with whole_utf8 an incomplete
  ///              sequence at the end of the stream is delivered first, as it is.
  ///              std::errc::not_enough_memory; Error::timed_out, cancelled, no_loop and would_block_loop as of every
  ///              operation; what the stream reports. Nothing received is lost by these.
  /// Cancelling:  loses nothing, at any point; the next call goes on. Nor does destroying the coroutine that waits.
  /// Concurrency: one at a time; a second gives Error::busy. The reader must outlive the operation.
  [[nodiscard]] auto next() noexcept { return reader_.next(); }

  /// What was received beyond the last chunk: the beginning of a UTF-8 sequence. Valid as long as a chunk is.
  ConstBytes rest() const noexcept { return reader_.rest(); }
  /// Moves bytes from there to a buffer, as many as fit, and returns how many. Not while an operation is in flight.
  std::size_t take_rest(MutableBytes into) noexcept { return reader_.take_rest(into); }

  /// For the library: QuietScope waits without a coroutine.
  detail::RecordReader<Stream, detail::ChunkFormat>& records() noexcept { return reader_; }

 private:
  detail::RecordReader<Stream, detail::ChunkFormat> reader_;
};

}  // namespace parley::inline PARLEY_ABI
