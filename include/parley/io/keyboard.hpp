// SPDX-License-Identifier: BSL-1.0
#pragma once

// Keyboard: lines from the terminal, or from whatever standard input is, awaited, cancelled and raced like a socket.
//
//   Keyboard keyboard;
//   while (auto line = co_await keyboard.line()) ...
//
// recv() gives the bytes as they come: for a program that has put the terminal into a mode without lines.
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
#include <parley/platform/owned.hpp>
#include <parley/platform/terminal.hpp>

#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

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
    descriptor_.reset(new Descriptor(std::move(copy.handle), false));
  }

  Step fail_to_open(Operation& operation) const noexcept {
    if (open_error_ == 0 || open_error_ == platform::bad_descriptor) {
      operation.fail(Error::closed);
    } else {
      operation.fail(open_error_);
    }
    return Step::done;
  }

  platform::Owned<Descriptor> descriptor_;
  int open_error_ = 0;
  bool terminal_ = false;
};

struct KeyboardInput {
  KeyboardInput(KeyboardStream from, const LineReaderOptions& options)
      : stream(std::move(from)), lines(stream, options) {}
  KeyboardStream stream;
  LineReader<KeyboardStream> lines;
};

/// Takes what the lines have left over, or else receives.
class KeyboardReceiveSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  KeyboardReceiveSteps(KeyboardInput& input, MutableBytes buffer) noexcept
      : input_(input), data_(buffer.data()), size_(buffer.size()) {}

  Step step(Operation& operation) noexcept {
    if (size_ == 0) {
      operation.fail(static_cast<int>(std::errc::invalid_argument));
      return Step::done;
    }
    if (!input_.lines.rest().empty()) {
      operation.succeed();
      return Step::done;
    }
    std::size_t count = 0;
    const Step step = input_.stream.poll_recv(operation, {data_, size_}, count);
    if (step != Step::done) return step;
    data_ = nullptr;
    size_ = count;
    return step;
  }

  Result<std::size_t> result(Operation& operation) noexcept {
    if (operation.error()) return operation.error();
    if (data_ == nullptr) return size_;
    const std::size_t taken = input_.lines.take_rest({data_, size_});
    // Two operations at a time: the other one has taken it.
    if (taken == 0) return Error::busy;
    return taken;
  }

 private:
  KeyboardInput& input_;
  std::byte* data_;   // nullptr once something was received
  std::size_t size_;  // what there is room for; then what was received
};

}  // namespace detail

/// Duplicates the descriptor, which stays its owner's. Several may exist: of a terminal's lines each goes to one of
/// them; a pipe or a file they would tear into pieces, since whoever reads takes what is there.
///
/// Concurrency: one line() or recv() at a time; a second gives Error::busy.
/// Threads:     belongs to the first loop that awaits it; elsewhere Error::wrong_loop. Plain threads may wait() on one
///              that no loop has used.
/// Memory:      as of a LineReader.
class Keyboard {
 public:
  using Options = LineReaderOptions;

  /// Standard input. Where it cannot be had, line() says so.
  explicit Keyboard(Options options = {}) : input_(detail::KeyboardStream(), options) {}
  /// Another descriptor, borrowed for this call.
  explicit Keyboard(platform::NativeSocket handle, Options options = {})
      : input_(detail::KeyboardStream(handle), options) {}
  Keyboard(const Keyboard&) = delete;
  Keyboard& operator=(const Keyboard&) = delete;

  /// Completes when a line was entered: Result<std::string_view>, without its end, to be looked at until the next call
  /// or the end of the Keyboard, which must outlive the operation.
  /// Errors:     those of LineReader::next(): too_long, end_of_stream (for ever) and so on; the system's own.
  ///             Error::closed where the descriptor is not open, and after close(), once the lines that had come are
  ///             delivered.
  /// Cancelling: loses nothing, at any point.
  [[nodiscard]] auto line() noexcept { return input_.lines.next(); }

  /// Completes when at least one byte is there: Result<std::size_t>. 0 is the end of the stream, and only that. What
  /// line() has read beyond its lines comes first. The buffer is borrowed until then; an empty one is
  /// std::errc::invalid_argument.
  /// Errors:     Error::closed as of line(), but after close() only once the bytes that line() had read are taken; the
  ///             system's own.
  /// Cancelling: loses nothing: bytes that have come win over it. A coroutine that is destroyed when they have come and
  ///             before it resumes takes them along, as of Socket::recv().
  [[nodiscard]] auto recv(MutableBytes buffer) noexcept {
    return detail::StepOperation<detail::KeyboardReceiveSteps>(input_.stream.descriptor(), input_, buffer);
  }

  /// Whether it was one when the Keyboard was made. Never blocks.
  bool is_terminal() const noexcept { return input_.stream.is_terminal(); }
  /// Completes what is in flight with Error::cancelled. On the loop's thread.
  void close() noexcept { input_.stream.close(); }

 private:
  detail::KeyboardInput input_;
};

}  // namespace parley::inline PARLEY_ABI
