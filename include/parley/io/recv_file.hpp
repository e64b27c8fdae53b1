// SPDX-License-Identifier: BSL-1.0
#pragma once

// recv_file(): bytes from a socket or any other stream, into a file.
//
//   auto fresh = NewFile::make(inbox, "film.mkv").value();
//   Xxh64 hash;
//   auto received = co_await recv_file(peer, fresh.file(), {.size = announced}, {.inspect = hash});
//
// On a socket by splice(2), so that the bytes do not pass through the program, which was measured to be faster than
// receiving and writing; where they are to be inspected, where there is no such thing, and on other streams by receiving
// and writing.

#include <parley/core/transferred.hpp>
#include <parley/io/detail/file_steps.hpp>
#include <parley/platform/zero_copy.hpp>

namespace parley::inline PARLEY_ABI {

/// bytes() counts what is in the file.
class [[nodiscard]] ReceivedFile : public Transferred {
 public:
  ReceivedFile() noexcept = default;
  ReceivedFile(std::uint64_t moved, std::error_code error, std::uint64_t consumed, bool file_failed) noexcept
      : Transferred(static_cast<std::size_t>(moved), error), consumed_(consumed), file_failed_(file_failed) {}

  /// Bytes that were taken from the stream: more than bytes() only where the file has failed, by at most a megabyte.
  std::uint64_t consumed() const noexcept { return consumed_; }
  /// The error is the file's (no room, say), not the stream's.
  bool file_failed() const noexcept { return file_failed_; }

 private:
  std::uint64_t consumed_ = 0;
  bool file_failed_ = false;
};

namespace detail {

template <ByteStream Stream>
class ReceiveFileSteps : private FileSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  ReceiveFileSteps(Stream& stream, const File& file, const FileRange& range,
                   const FileTransferOptions& options) noexcept
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
            if (!copies_) return splice(operation, bulk, count);
          }
          return receive_and_write(operation, bulk, count);
        },
        [&] {
          if (to_end()) return operation.succeed();
          operation.fail(moved() == 0 ? Error::end_of_stream : Error::truncated);
        });
  }
  void leave(Operation& operation) noexcept {
    leave_queue();
    leave_stream(stream_, operation);
  }
  ReceivedFile result(Operation& operation) const noexcept {
    return {moved(), operation.error(), consumed_, file_failed_};
  }

 private:
  static constexpr std::size_t wanted_pipe = std::size_t{1} << 20;

  Step receive_and_write(Operation& operation, BulkShare& bulk, std::size_t& count) {
    std::byte* const buffer = bulk.buffer();
    if (buffer == nullptr) {
      operation.fail(static_cast<int>(std::errc::not_enough_memory));
      return Step::done;
    }
    std::size_t received = 0;
    const Step step = stream_.poll_recv(operation, {buffer, rest_within(BulkShare::buffer_size)}, received);
    if (step != Step::done || operation.error()) return step;
    consumed_ += received;
    write(operation, {buffer, received}, count);
    return Step::done;
  }

  // What came in one piece from the stream, behind what was written of it.
  void write(Operation& operation, ConstBytes bytes, std::size_t& count) {
    std::size_t written = 0;
    while (written < bytes.size()) {
      const ConstBytes rest = bytes.after(written);
      const auto outcome = platform::write_at(file(), position() + count + written, rest.data(), rest.size());
      if (outcome.error != 0 || outcome.count == 0) {
        fail_file(operation, outcome.error);
        break;
      }
      written += outcome.count;
    }
    if (written != 0 && inspect()) inspect()(bytes.first(written));
    count += written;
  }

  Step splice(Operation& operation, BulkShare& bulk, std::size_t& count)
    requires is_socket<Stream>
  {
    Step otherwise{};
    const bool try_now = may_try(operation, direction, otherwise);
    if (operation.pollable != nullptr && !operation.pollable->arrived.empty()) {
      return receive_and_write(operation, bulk, count);
    }
    if (!try_now) return otherwise;
    if (!bulk.pipe[0]) {
      bulk.pipe_size = wanted_pipe;
      if (platform::open_pipe(bulk.pipe, bulk.pipe_size) != 0) return instead(operation, bulk, count);
    }
    const auto taken = platform::splice_from_socket(operation.pollable->handle.get(), bulk.pipe[1].get(),
                                                    rest_within(std::min(piece, bulk.pipe_size)));
    if (platform::cannot_zero_copy(taken.error)) return instead(operation, bulk, count);
    if (taken.error != 0) return conclude(operation, direction, taken.error);
    consumed_ += taken.count;
    operation.succeed();
    while (count < taken.count && !operation.error()) {
      const auto put = platform::splice_to_file(bulk.pipe[0].get(), file(), position() + count, taken.count - count);
      if (put.error == 0 && put.count != 0) {
        count += put.count;
      } else if (platform::cannot_zero_copy(put.error)) {
        copies_ = true;
        drain(operation, bulk, taken.count, count);
      } else {
        fail_file(operation, put.error);
      }
    }
    // What the file did not take must not come up in another's.
    if (operation.error()) bulk.give_back();
    return Step::done;
  }

  /// Goes on by receiving and writing, for good.
  Step instead(Operation& operation, BulkShare& bulk, std::size_t& count) {
    copies_ = true;
    return receive_and_write(operation, bulk, count);
  }

  /// What is in the pipe, into a file that cannot be spliced to.
  void drain(Operation& operation, BulkShare& bulk, std::size_t total, std::size_t& count) {
    std::byte* const buffer = bulk.buffer();
    if (buffer == nullptr) return operation.fail(static_cast<int>(std::errc::not_enough_memory));
    while (count < total && !operation.error()) {
      const auto outcome = platform::read(bulk.pipe[0].get(), buffer, std::min(total - count, BulkShare::buffer_size));
      if (outcome.error != 0 || outcome.count == 0) return fail_file(operation, outcome.error);
      write(operation, {buffer, outcome.count}, count);
    }
  }

  void fail_file(Operation& operation, int error) noexcept {
    file_failed_ = true;
    operation.fail(error != 0 ? error : static_cast<int>(std::errc::io_error));
  }

  Stream& stream_;
  std::uint64_t consumed_ = 0;
  bool file_failed_ = false;
  bool copies_;
};

}  // namespace detail

/// Completes when the whole range is in the file, or with an error: ReceivedFile, which counts what is in the file. With
/// a size to_end it completes at the end of the stream. The position of the file does not matter and stays.
///
/// Errors:      the end of the stream before that of the range: Error::end_of_stream before the first byte and
///              Error::truncated after it. Error::closed where the file or the stream is not open;
///              std::errc::invalid_argument for a range beyond 2^63; not_enough_memory; Error::timed_out, cancelled,
///              no_loop and would_block_loop as of every operation; what the stream and the file report, such as
///              std::errc::no_space_on_device: then the file has bytes(), what was received behind them (consumed()) is
///              lost, and the stream is good for nothing but saying so.
/// Cancelling:  loses nothing, nor does a timeout or an error of the stream: go on at range.offset + bytes().
/// Buffers:     the stream, and what the options refer to, are borrowed until the operation has completed. The file is
///              kept open by the operation.
/// Memory:      256 KiB, or a pipe of 1 MiB, for all transfers of a loop, whatever the sizes.
/// Fairness:    all transfers of a loop together take about a millisecond of a turn, in turns. A disk that takes no more
///              for the moment is waited for, and with it the loop.
/// Concurrency: the stream's: one that receives at a time; a second gives Error::busy. Several may write to one file.
/// Threads:     those of the stream.
template <ByteStream Stream>
[[nodiscard]] auto recv_file(Stream& stream, const File& file, FileRange range = {},
                             FileTransferOptions options = {}) noexcept {
  return detail::StepOperation<detail::ReceiveFileSteps<Stream>>(stream.descriptor(), stream, file, range, options);
}

}  // namespace parley::inline PARLEY_ABI
