// SPDX-License-Identifier: BSL-1.0
#pragma once

// Signals of the operating system, awaited like anything else.
//
//   Signals signals({Signal::hangup, Signal::user1});
//   while (auto signal = co_await signals.next()) ...

#include <parley/core/operation.hpp>
#include <parley/platform/signal_watch.hpp>

#include <initializer_list>
#include <system_error>

namespace parley::inline PARLEY_ABI {

/// From its construction on these signals no longer do what they did to the process; they are kept for next(). Several
/// watches of one signal each get it. What was done about a signal before is restored with the end of its last watch.
/// At most 64 watches in a process. Other threads need block nothing.
///
/// With OnRepeat::end_process the second of these signals ends the process at once, even if its loop hangs; signals
/// within 10 ms of the first count as one.
class Signals {
 public:
  /// Where it fails, next() says so; so does error(): Error::queue_full when the table of watches is full, else what
  /// the system reports.
  explicit Signals(std::initializer_list<Signal> signals, OnRepeat repeat = OnRepeat::deliver) noexcept
      : descriptor_(platform::NativeHandle(), false) {
    const int error = watch_.start(signals, repeat, descriptor_.handle);
    if (error != 0) error_ = {error, std::system_category()};
    if (error_ == std::errc::no_space_on_device) error_ = Error::queue_full;
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  std::error_code error() const noexcept { return error_; }

  /// Completes with a signal that has come since the last call; several of one kind may be merged into one, as the
  /// system itself does. Errors: cancelled, timed_out, busy (one at a time), wrong_loop (it belongs to the first loop
  /// that awaits it). A signal that has come is kept until a next() returns it.
  [[nodiscard]] auto next() noexcept {
    return detail::StepOperation<NextSteps>(error_ ? nullptr : &descriptor_, *this);
  }

 private:
  class NextSteps {
   public:
    static constexpr auto direction = platform::Direction::read;
    explicit NextSteps(Signals& signals) noexcept : signals_(signals) {}

    detail::Step step(detail::Operation& operation) noexcept {
      operation.succeed();
      if (signals_.error_ || signals_.watch_.take(signal_)) return detail::Step::done;
      signals_.descriptor_.clear_ready(direction);
      return detail::Step::want_read;
    }
    Result<Signal> result(detail::Operation& operation) const noexcept {
      if (signals_.error_) return signals_.error_;
      if (operation.error()) return operation.error();
      return signal_;
    }

   private:
    Signals& signals_;
    Signal signal_ = Signal::interrupt;
  };

  detail::Descriptor descriptor_;
  platform::SignalWatch watch_;  // after the descriptor, so that it ends first
  std::error_code error_;
};

}  // namespace parley::inline PARLEY_ABI
