// SPDX-License-Identifier: BSL-1.0
#pragma once

// What readers of lines, frames and chunks have in common: receive until the format finds a record, and deliver it.
//
// A record counts as delivered when the operation's result is taken, not when it was found: an operation that is
// cancelled or destroyed at whatever point loses nothing.

#include <parley/io/byte_stream.hpp>
#include <parley/io/detail/record_buffer.hpp>

#include <utility>

namespace parley::inline PARLEY_ABI::detail {

/// What a format makes of the bytes at hand.
enum class Found : std::uint8_t {
  record,     // there is one
  more,       // not yet
  too_long,   // it is over the limit, whatever follows
  truncated,  // it cannot be completed: the stream has ended
};

/// `Format` has
///   Found find(RecordBuffer&, bool ended) const noexcept;           any number of times for the same record
///   auto take(RecordBuffer&) const noexcept;                        consumes the record that find() has found
///   std::size_t grown(const RecordBuffer&) const noexcept;          the block's new size when a record has filled it
///   std::size_t read_limit(const RecordBuffer&) const noexcept;     at most so many bytes more
template <ByteStream Stream, class Format>
class RecordReader {
 public:
  using Record = decltype(std::declval<const Format&>().take(std::declval<RecordBuffer&>()));

  RecordReader(Stream& stream, Format format) noexcept : stream_(&stream), format_(format) {}
  RecordReader(RecordReader&&) noexcept = default;
  RecordReader& operator=(RecordReader&&) = delete;
  ~RecordReader() = default;

  class Steps {
   public:
    static constexpr auto direction = platform::Direction::read;
    explicit Steps(RecordReader& reader) noexcept : reader_(reader) {}
    Step step(Operation& operation) { return reader_.step(operation); }
    void leave(Operation& operation) noexcept { leave_stream(*reader_.stream_, operation); }
    Result<Record> result(Operation& operation) {
      if (operation.error()) return reader_.failed(operation.error());
      return reader_.take();
    }

   private:
    RecordReader& reader_;
  };

  [[nodiscard]] auto next() noexcept { return StepOperation<Steps>(stream_->descriptor(), *this); }

  /// What next() is made of, for who waits for records without a coroutine.
  Steps steps() noexcept { return Steps(*this); }
  Descriptor* descriptor() const noexcept { return stream_->descriptor(); }

  ConstBytes rest() const noexcept { return {buffer_.data(), buffer_.size()}; }

  std::size_t take_rest(MutableBytes into) noexcept {
    const std::size_t count = into.size() < buffer_.size() ? into.size() : buffer_.size();
    if (count != 0) std::memcpy(into.data(), buffer_.data(), count);
    buffer_.consume(count);
    return count;
  }

 private:
  enum class State : std::uint8_t {
    open,
    ended,     // the end of the stream was seen
    over,      // and it was said that it ended inside a record
    too_long,  // given up
  };

  // A call receives no more than one record may hold, and so is bounded.
  Step step(Operation& operation) {
    if (state_ == State::over || state_ == State::too_long) buffer_.drop(operation.driver());
    while (state_ != State::too_long) {
      const Found found = format_.find(buffer_, state_ != State::open);
      if (found == Found::record) {
        operation.succeed();
        return Step::done;
      }
      if (found == Found::too_long) break;
      if (state_ != State::open) {
        if (found == Found::more) buffer_.drop(operation.driver());
        operation.fail(found == Found::more ? Error::end_of_stream : Error::truncated);
        return Step::done;
      }
      std::size_t count = 0;
      const Step step = buffer_.fill(*stream_, operation, format_.grown(buffer_), format_.read_limit(buffer_), count);
      if (step != Step::done || operation.error()) return step;
      if (count == 0) state_ = State::ended;
    }
    buffer_.drop(operation.driver());
    state_ = State::too_long;
    operation.fail(Error::too_long);
    return Step::done;
  }

  std::error_code failed(std::error_code error) noexcept {
    if (error == Error::truncated && state_ == State::ended) state_ = State::over;
    return error;
  }

  Result<Record> take() noexcept {
    // Two operations at a time: the other one has taken it.
    if (format_.find(buffer_, state_ != State::open) != Found::record) return Error::busy;
    return format_.take(buffer_);
  }

  Stream* stream_;
  RecordBuffer buffer_;
  [[no_unique_address]] Format format_;
  State state_ = State::open;
};

}  // namespace parley::inline PARLEY_ABI::detail
