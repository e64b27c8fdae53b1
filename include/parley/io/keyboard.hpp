// SPDX-License-Identifier: BSL-1.0
#pragma once

// Keyboard: lines from the terminal, or from whatever standard input is, awaited, cancelled and raced like a socket.
//
//   Keyboard keyboard;
//   while (auto line = co_await keyboard.line()) ...
//
// Works with a terminal, a pipe, a socket, a file and /dev/null. A terminal hands over whole lines, edited by its user,
// unless it was put into another mode; Ctrl-D on an empty line is the end of the stream.
//
// The descriptor is shared with other processes, a shell above all, so its flags are left as they are: it is polled and
// then read. If another process or thread takes the input between the two, the read waits for the next input and with
// it the whole loop: let one process read from it at a time. (Another Keyboard on the same loop does no harm.)
//
// Job control: a background job does not read (that would stop the whole process) but waits until it is in the
// foreground, looking four times a second while there is input. A terminal that has gone (EIO) is the end of the
// stream.

#include <parley/io/line_reader.hpp>
#include <parley/platform/terminal.hpp>

#include <chrono>
#include <memory>

namespace parley::inline PARLEY_ABI {

namespace detail {

/// A ByteStream that only receives.
class KeyboardStream {
 public:
  KeyboardStream() {
    if (platform::standard_input_is_inherited()) open(platform::standard_input);
  }
  explicit KeyboardStream(platform::NativeSocket handle) { open(handle); }

  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) noexcept {
    if (operation.pollable == nullptr) return fail_to_open(operation);
    platform::Pollable& pollable = *operation.pollable;
    if (!pollable.maybe_ready(platform::Direction::read)) return Step::want_read;
    if (!platform::readable_now(pollable.handle.get())) {
      pollable.clear_ready(platform::Direction::read);
      return Step::want_read;
    }
    if (terminal_ && platform::in_background_of(pollable.handle.get())) {
      operation.driver().pause(operation.driver().now() + std::chrono::milliseconds(250));
      return Step::paused;
    }
    const auto outcome = platform::read(pollable.handle.get(), room.data(), room.size());
    count = outcome.count;
    if (outcome.error == 0 || (terminal_ && outcome.error == platform::io_error)) {
      operation.succeed();
    } else if (platform::would_block(outcome.error)) {  // somebody else made it non-blocking
      pollable.clear_ready(platform::Direction::read);
      return Step::want_read;
    } else {
      operation.fail(outcome.error);
    }
    return Step::done;
  }

  Step poll_send(Operation& operation, std::span<const ConstBytes>, std::size_t, std::size_t&) noexcept {
    operation.fail(Error::unsupported);
    return Step::done;
  }
  Result<> shutdown(ShutdownWay) noexcept { return Error::unsupported; }
  Descriptor* descriptor() const noexcept { return descriptor_.get(); }
  void close() noexcept { descriptor_.reset(); }
  bool is_terminal() const noexcept { return terminal_; }

 private:
  void open(platform::NativeSocket handle) {
    auto copy = platform::duplicate(handle);
    open_error_ = copy.error;
    if (copy.error != 0) return;
    terminal_ = platform::is_terminal(copy.handle.get());
    // Not "a stream" in the poller's sense, where a short read means that there is no more: a terminal gives a line at
    // a time.
    descriptor_ = std::make_unique<Descriptor>(std::move(copy.handle), false);
  }

  Step fail_to_open(Operation& operation) const noexcept {
    if (open_error_ == 0 || open_error_ == platform::bad_descriptor) {
      operation.fail(Error::closed);
    } else {
      operation.fail(open_error_);
    }
    return Step::done;
  }

  std::unique_ptr<Descriptor> descriptor_;
  int open_error_ = 0;
  bool terminal_ = false;
};

}  // namespace detail

/// Duplicates the descriptor, which stays its owner's. Several may exist: of a terminal's lines each goes to one of
/// them; a pipe or a file they would tear into pieces, since whoever reads takes what is there.
///
/// Concurrency: one line() at a time; a second gives Error::busy.
/// Threads:     belongs to the first loop that awaits it; elsewhere Error::wrong_loop. Plain threads may wait() on one
///              that no loop has used.
/// Memory:      as of a LineReader.
class Keyboard {
 public:
  using Options = LineReaderOptions;

  /// Standard input. Where it cannot be had, line() says so.
  explicit Keyboard(Options options = {}) : lines_(stream_, options) {}
  /// Another descriptor, borrowed for this call.
  explicit Keyboard(platform::NativeSocket handle, Options options = {}) : stream_(handle), lines_(stream_, options) {}
  Keyboard(const Keyboard&) = delete;
  Keyboard& operator=(const Keyboard&) = delete;

  /// Completes when a line was entered: Result<std::string_view>, without its end, to be looked at until the next call
  /// or the end of the Keyboard, which must outlive the operation.
  /// Errors:     those of LineReader::next(): too_long, end_of_stream (for ever) and so on; the system's own.
  ///             Error::closed where the descriptor is not open, and after close(), once the lines that had come are
  ///             delivered.
  /// Cancelling: loses nothing, at any point.
  [[nodiscard]] auto line() noexcept { return lines_.next(); }

  /// Whether it was one when the Keyboard was made. Never blocks.
  bool is_terminal() const noexcept { return stream_.is_terminal(); }
  /// Completes what is in flight with Error::cancelled. On the loop's thread.
  void close() noexcept { stream_.close(); }

 private:
  detail::KeyboardStream stream_;
  LineReader<detail::KeyboardStream> lines_;
};

}  // namespace parley::inline PARLEY_ABI
