// SPDX-License-Identifier: BSL-1.0
#pragma once

// LineReader: a stream, line by line.
//
//   LineReader lines{peer, {.max_line = 4096}};
//   while (auto line = co_await lines.next()) ...
//
// A line ends with LF or CR LF, which are not part of it; a CR elsewhere is a character like any other. Lines may be
// empty and may hold any bytes, NUL included.

#include <parley/io/detail/record_reader.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace parley::inline PARLEY_ABI {

struct LineReaderOptions {
  /// Bytes in a line, without its end; at least 1, at most 2 GiB (what is beyond counts as the nearest of these).
  std::size_t max_line = 65536;
  /// What follows the last LF when the stream ends: a last line (false), or Error::truncated (true).
  bool require_final_newline = false;
};

namespace detail {

class LineFormat {
 public:
  explicit LineFormat(const LineReaderOptions& options) noexcept
      : max_line_(static_cast<std::uint32_t>(std::clamp<std::size_t>(options.max_line, 1, std::size_t{1} << 31))),
        require_final_newline_(options.require_final_newline) {}

  Found find(RecordBuffer& buffer, bool ended) const noexcept {
    const std::size_t size = buffer.size();
    const std::size_t mark = buffer.mark();
    if (mark < size) {
      if (const void* const newline = std::memchr(buffer.data() + mark, '\n', size - mark)) {
        buffer.set_mark(static_cast<std::size_t>(static_cast<const std::byte*>(newline) - buffer.data()));
        return without_cr(buffer, buffer.mark()) > max_line_ ? Found::too_long : Found::record;
      }
    }
    buffer.set_mark(size);
    if (!ended) return without_cr(buffer, size) > max_line_ ? Found::too_long : Found::more;
    if (size == 0) return Found::more;
    if (size > max_line_) return Found::too_long;
    return require_final_newline_ ? Found::truncated : Found::record;
  }

  std::string_view take(RecordBuffer& buffer) const noexcept {
    const auto* const text = reinterpret_cast<const char*>(buffer.data());
    const std::size_t end = buffer.mark();
    const bool has_newline = end < buffer.size();
    const std::string_view line(text, has_newline ? without_cr(buffer, end) : end);
    buffer.consume(has_newline ? end + 1 : end);
    return line;
  }

  // For a line with its CR LF.
  std::size_t grown(const RecordBuffer&) const noexcept { return std::size_t{max_line_} + 2; }
  std::size_t read_limit(const RecordBuffer&) const noexcept { return SIZE_MAX; }

 private:
  static std::size_t without_cr(const RecordBuffer& buffer, std::size_t size) noexcept {
    return size != 0 && buffer.data()[size - 1] == std::byte{'\r'} ? size - 1 : size;
  }

  std::uint32_t max_line_;
  bool require_final_newline_;
};

}  // namespace detail

/// Reads lines from a stream, which it borrows: the stream must outlive it and stay where it is. It receives ahead, so
/// while it is in use nothing else should receive from the stream; rest() and take_rest() are for going over to another
/// protocol.
///
/// Memory:  none while no bytes are there. Otherwise one buffer of 16 KiB, or of max_line + 2 bytes if that is more and
///          a line needs it (both while it changes over). While it waits inside a line of which at most 4 KiB have
///          come, less than four times that, or 48 bytes, take the place of the 16 KiB. A buffer is kept for as long as
///          the line that was delivered may be looked at. Each buffer has 16 bytes more, for what is noted of it.
/// Threads: those of the stream. Between operations it may go on on another thread, and may be moved.
template <ByteStream Stream>
class LineReader {
 public:
  using Options = LineReaderOptions;

  explicit LineReader(Stream& stream, Options options = {}) noexcept : reader_(stream, detail::LineFormat(options)) {}

  /// Completes when a line is there: Result<std::string_view>, without its end, to be looked at until the next call of
  /// next() or take_rest() or the end of the reader.
  /// Errors:      Error::too_long for a line over the limit. The reader gives up: it frees its memory, and every later
  ///              call says the same. Lines before it are delivered first, and what is over the limit does not depend
  ///              on how the bytes arrive.
  ///              Error::end_of_stream after the last line, from then on always. With require_final_newline, once
  ///              before it, Error::truncated when the stream ended inside a line, which rest() then shows.
  ///              std::errc::not_enough_memory; Error::timed_out, cancelled, no_loop and would_block_loop as of every
  ///              operation; what the stream reports. Nothing received is lost by these.
  /// Cancelling:  loses nothing, at any point; the next call goes on. Nor does destroying the coroutine that waits.
  /// Concurrency: one at a time; a second gives Error::busy. The reader must outlive the operation.
  [[nodiscard]] auto next() noexcept { return reader_.next(); }

  /// What was received beyond the last line that was delivered. Valid as long as a line is.
  ConstBytes rest() const noexcept { return reader_.rest(); }
  /// Moves bytes from there to a buffer, as many as fit, and returns how many. Not while an operation is in flight.
  std::size_t take_rest(MutableBytes into) noexcept { return reader_.take_rest(into); }

  /// For the library: QuietScope waits without a coroutine.
  detail::RecordReader<Stream, detail::LineFormat>& records() noexcept { return reader_; }

 private:
  detail::RecordReader<Stream, detail::LineFormat> reader_;
};

}  // namespace parley::inline PARLEY_ABI
