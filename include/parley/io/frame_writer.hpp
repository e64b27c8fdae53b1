// SPDX-License-Identifier: BSL-1.0
#pragma once

// FrameWriter: sends length-prefixed frames. FrameReader (io/frame_reader.hpp) is the other end.

#include <parley/io/detail/send_steps.hpp>
#include <parley/io/frame_format.hpp>

#include <array>

namespace parley::inline PARLEY_ABI {

/// Borrows the stream, which must outlive it and stay where it is. Allocates nothing.
/// Threads: those of the stream.
template <ByteStream Stream>
class FrameWriter {
  class Steps;

 public:
  using Options = FrameOptions;

  explicit FrameWriter(Stream& stream, Options options = {}) noexcept : stream_(&stream), prefix_(options) {}
  /// Between operations. Not copied, since it knows whether the stream is still good.
  FrameWriter(FrameWriter&&) noexcept = default;
  FrameWriter& operator=(FrameWriter&&) noexcept = default;

  /// Completes when the stream has taken the frame and its prefix: Transferred, which counts both. No copy is made.
  /// Errors:      Error::too_long for more than max_frame bytes, with nothing sent; Error::timed_out, cancelled,
  ///              no_loop and would_block_loop as of every operation; what the stream reports.
  /// Cancelling:  a send that stopped inside a frame (bytes() != 0), for whatever reason, leaves the stream good for
  ///              nothing more: later calls give Error::truncated, so that no frame is taken for the rest of another.
  ///              One that moved 0 bytes did no harm.
  /// Buffers:     the frame is borrowed until the operation has completed.
  /// Concurrency: one at a time; a second gives Error::busy. The writer must outlive the operation.
  [[nodiscard]] auto send(ConstBytes frame) noexcept {
    return detail::StepOperation<Steps>(stream_->descriptor(), *this, frame);
  }

 private:
  Stream* stream_;
  detail::FramePrefix prefix_;
  bool inside_frame_ = false;
  Operation* sender_ = nullptr;  // the one that waits
};

template <ByteStream Stream>
class FrameWriter<Stream>::Steps {
 public:
  static constexpr auto direction = platform::Direction::write;
  Steps(FrameWriter& writer, ConstBytes frame) noexcept
      : writer_(writer), data_(frame.data()), size_(detail::transfer_size(frame.size())) {}

  Step step(Operation& operation) {
    if (writer_.sender_ != nullptr && writer_.sender_ != &operation) {
      return detail::refuse_transfer(operation, Error::busy);
    }
    if (size_ > writer_.prefix_.max_frame()) return detail::refuse_transfer(operation, Error::too_long);
    if (moved_ == 0 && writer_.inside_frame_) return detail::refuse_transfer(operation, Error::truncated);
    std::array<std::byte, detail::FramePrefix::max_size> prefix;
    writer_.prefix_.encode(size_, prefix.data());
    const std::array<ConstBytes, 2> pieces{ConstBytes(prefix.data(), writer_.prefix_.size()), ConstBytes(data_, size_)};
    const Step step = detail::send_all_pieces(*writer_.stream_, operation, pieces, moved_);
    writer_.sender_ = step == Step::done ? nullptr : &operation;
    writer_.inside_frame_ = moved_ != 0 && moved_ < writer_.prefix_.size() + size_;
    return step;
  }
  void leave(Operation& operation) noexcept {
    if (writer_.sender_ == &operation) writer_.sender_ = nullptr;
    detail::leave_stream(*writer_.stream_, operation);
  }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  FrameWriter& writer_;
  const std::byte* data_;
  std::uint32_t size_;
  std::uint32_t moved_ = 0;
};

}  // namespace parley::inline PARLEY_ABI
