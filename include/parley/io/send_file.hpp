// SPDX-License-Identifier: BSL-1.0
#pragma once

// send_file(): a file, or a part of it, over a socket or any other stream.
//
//   auto file = File::open("film.mkv").value();
//   auto sent = co_await send_file(peer, file).within(1h);      // or .wait()
//   if (!sent) ... from sent.bytes() on it can be sent another time
//
// On a socket by sendfile(2), so that the bytes do not pass through the program; where they are to be inspected, where
// there is no such thing, and on other streams by reading and sending.

#include <parley/io/detail/file_steps.hpp>
#include <parley/platform/zero_copy.hpp>

namespace parley::inline PARLEY_ABI {

namespace detail {

template <ByteStream Stream>
class SendFileSteps : private FileSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  SendFileSteps(Stream& stream, const File& file, const FileRange& range, const FileTransferOptions& options) noexcept
      : FileSteps(file, range, options), stream_(stream), copies_(!is_socket<Stream> || options.inspect) {}

  Step step(Operation& operation) {
    if constexpr (is_socket<Stream>) {
      if (operation.pollable == nullptr) return fail_closed(operation);
    }
    if (!check(operation)) return Step::done;
    return run(
        operation,
        [&](BulkShare& bulk, std::size_t& count) {
          if constexpr (is_socket<Stream>) {
            Step otherwise{};
            if (!may_try(operation, direction, otherwise)) return otherwise;
            if (!copies_) return send_from_file(operation, bulk, count);
          }
          return read_and_send(operation, bulk, count);
        },
        [&] { to_end() ? operation.succeed() : operation.fail(Error::file_changed); });
  }
  void leave(Operation& operation) noexcept {
    leave_queue();
    leave_stream(stream_, operation);
  }
  Transferred result(Operation& operation) const noexcept {
    return Transferred(static_cast<std::size_t>(moved()), operation.error());
  }

 private:
  Step send_from_file(Operation& operation, BulkShare& bulk, std::size_t& count) {
    const auto outcome = platform::send_file(operation.pollable->handle.get(), file(), position(), rest_within(piece));
    if (platform::cannot_zero_copy(outcome.error)) {
      copies_ = true;
      return read_and_send(operation, bulk, count);
    }
    count = outcome.count;
    return conclude(operation, direction, outcome.error);
  }

  Step read_and_send(Operation& operation, BulkShare& bulk, std::size_t& count) {
    std::byte* buffer = nullptr;
    // What was read before and not taken is still there, unless another has used the buffer meanwhile.
    if (read_ != 0) buffer = bulk.buffer_of(use_);
    if (buffer == nullptr) {
      buffer = bulk.buffer();
      use_ = bulk.use();
      taken_ = read_ = 0;
      if (buffer == nullptr) {
        operation.fail(static_cast<int>(std::errc::not_enough_memory));
        return Step::done;
      }
      const auto outcome = platform::read_at(file(), position(), buffer, rest_within(BulkShare::buffer_size));
      if (outcome.error != 0) operation.fail(outcome.error);
      if (outcome.error != 0 || outcome.count == 0) {
        if (outcome.error == 0) operation.succeed();
        return Step::done;
      }
      read_ = static_cast<std::uint32_t>(outcome.count);
    }
    const ConstBytes left(buffer + taken_, read_ - taken_);
    const Step step = stream_.poll_send(operation, {&left, 1}, 0, count);
    if (step != Step::done || operation.error()) {
      count = 0;
      return step;
    }
    if (count == 0) {  // a stream that breaks its promise must not pass for the end of the file
      operation.fail(static_cast<int>(std::errc::io_error));
      return Step::done;
    }
    if (inspect()) inspect()(left.first(count));
    taken_ += static_cast<std::uint32_t>(count);
    if (taken_ == read_) read_ = 0;
    return Step::done;
  }

  Stream& stream_;
  std::uint64_t use_ = 0;    // of the loop's buffer
  std::uint32_t read_ = 0;   // bytes in it
  std::uint32_t taken_ = 0;  // of those, by the stream
  bool copies_;
};

}  // namespace detail

/// Completes when the stream has taken the whole range, or with an error: Transferred, which counts the bytes that it
/// has taken. The position of the file does not matter and stays.
///
/// Errors:      Error::file_changed where the file ends before the range does: it was cut meanwhile, or always was too
///              short. Error::closed where the file or the stream is not open; std::errc::invalid_argument for a range
///              beyond 2^63; not_enough_memory; Error::timed_out, cancelled, no_loop and would_block_loop as of every
///              operation; what the stream and the file report.
/// Cancelling:  loses nothing, nor does a timeout or an error: go on at range.offset + bytes().
/// Buffers:     the stream, and what the options refer to, are borrowed until the operation has completed. The file is
///              kept open by the operation.
/// Memory:      none where the bytes do not pass through the program, else 256 KiB for all transfers of a loop.
/// Fairness:    all transfers of a loop together take about a millisecond of a turn, in turns. A file that is not in the
///              system's memory is waited for, and with it the loop.
/// Concurrency: the stream's: one that sends at a time; a second gives Error::busy. Any number may send one file.
/// Threads:     those of the stream.
template <ByteStream Stream>
[[nodiscard]] auto send_file(Stream& stream, const File& file, FileRange range = {},
                             FileTransferOptions options = {}) noexcept {
  return detail::StepOperation<detail::SendFileSteps<Stream>>(stream.descriptor(), stream, file, range, options);
}

}  // namespace parley::inline PARLEY_ABI
