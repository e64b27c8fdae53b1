// SPDX-License-Identifier: BSL-1.0
#pragma once

// Signals of the operating system as something to wait for: the handler notes the signal and makes a descriptor
// readable (sigaction(2), eventfd(2)).

#include <parley/platform/native_handle.hpp>

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>

namespace parley::inline PARLEY_ABI {

enum class Signal : std::uint8_t {
  interrupt,       // SIGINT: Ctrl-C
  terminate,       // SIGTERM: kill, service managers
  hangup,          // SIGHUP: the terminal is gone; by custom "read your configuration again"
  quit,            // SIGQUIT
  user1,           // SIGUSR1
  user2,           // SIGUSR2
  child,           // SIGCHLD: a child process has ended
  window_resized,  // SIGWINCH
  resumed,         // SIGCONT: brought back to the foreground
};

/// What a second signal does to a watch of signals that ask the process to end.
enum class OnRepeat : std::uint8_t { deliver, end_process };

namespace platform {

inline constexpr std::array<int, 9> signal_numbers = {SIGINT,  SIGTERM, SIGHUP,   SIGQUIT, SIGUSR1,
                                                      SIGUSR2, SIGCHLD, SIGWINCH, SIGCONT};

/// A write to a pipe or socket that nobody reads then fails with EPIPE instead of ending the process. A disposition
/// that the program has set itself is left alone.
inline void ignore_broken_pipes() noexcept {
  struct ::sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
}

/// One of a bounded number of watches in the process. It must not move.
class SignalWatch {
 public:
  static constexpr std::size_t capacity = 64;
  /// A repeated signal sooner than this is the same request: timeout(1), for one, signals both a process and its group.
  static constexpr std::int64_t same_request_ns = 10'000'000;

  constexpr SignalWatch() noexcept = default;
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch() { stop(); }

  /// Starts to watch, and sets `readable` to the descriptor that tells of signals; it must be open until stop(). The
  /// signals' dispositions are saved when the first watch of each starts. An errno, or 0; ENOSPC: the table is full.
  int start(std::initializer_list<Signal> signals, OnRepeat repeat, NativeHandle& readable) noexcept {
    NativeHandle handle(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!handle) return errno;
    const std::lock_guard lock(table_.mutex);
    Slot* slot = free_slot();
    if (slot == nullptr) return ENOSPC;
    slot->handle = handle.get();
    slot->pending = 0;
    slot->first_ns = 0;
    slot->ends_process = repeat == OnRepeat::end_process;
    std::uint32_t mask = 0;
    for (const Signal signal : signals) mask |= bit(signal);
    slot_ = slot;
    // First the slot, so that a signal which comes as soon as the handler is in place is not lost.
    slot->signals = mask;
    if (const int error = install(mask)) {
      slot->signals = 0;
      slot_ = nullptr;
      return error;
    }
    readable = std::move(handle);
    return 0;
  }

  /// The last watch of a signal restores what was done about it before, unless the program has changed that meanwhile.
  void stop() noexcept {
    if (slot_ == nullptr) return;
    const std::lock_guard lock(table_.mutex);
    const std::uint32_t mask = slot_->signals.exchange(0);
    // A handler on another thread may be about to write to the descriptor, which is closed next. It takes no lock.
    while (slot_->handlers_inside != 0) {
    }
    restore(mask, signal_numbers.size());
    slot_->handle = invalid_socket;
    slot_ = nullptr;
  }

  /// Takes one signal that has come since it was last taken; several of one kind count as one. False: there is none,
  /// and the descriptor becomes readable with the next.
  bool take(Signal& signal) noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(slot_->handle, &count, sizeof(count));
    const std::uint32_t pending = slot_->pending;
    if (pending == 0) return false;
    signal = static_cast<Signal>(std::countr_zero(pending));
    slot_->pending.fetch_and(~bit(signal));
    return true;
  }

 private:
  // What the handler touches. It may run on any thread, at any point.
  struct Slot {
    std::atomic<std::uint32_t> signals = 0;  // 0: the slot is free
    std::atomic<std::uint32_t> pending = 0;
    std::atomic<std::uint32_t> handlers_inside = 0;
    std::atomic<NativeSocket> handle = invalid_socket;
    std::atomic<std::int64_t> first_ns = 0;
    std::atomic<bool> ends_process = false;
  };
  static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

  struct Table {
    std::array<Slot, capacity> slots;
    std::mutex mutex;  // for what follows, and for taking and freeing slots; never in the handler
    std::array<unsigned, signal_numbers.size()> watches{};
    std::array<struct ::sigaction, signal_numbers.size()> before{};
  };

  static constexpr std::uint32_t bit(Signal signal) noexcept { return 1U << static_cast<unsigned>(signal); }

  static Slot* free_slot() noexcept {
    for (Slot& slot : table_.slots) {
      if (slot.signals == 0 && slot.handle == invalid_socket) return &slot;
    }
    return nullptr;
  }

  static int install(std::uint32_t mask) noexcept {
    for (std::size_t i = 0; i < signal_numbers.size(); ++i) {
      if ((mask >> i & 1) == 0 || table_.watches[i]++ != 0) continue;
      struct ::sigaction action {};
      action.sa_handler = &handle_signal;
      action.sa_flags = SA_RESTART;
      ::sigfillset(&action.sa_mask);
      if (::sigaction(signal_numbers[i], &action, &table_.before[i]) == 0) continue;
      const int error = errno;
      --table_.watches[i];
      restore(mask, i);
      return error;
    }
    return 0;
  }

  // Of the mask, those below `end`.
  static void restore(std::uint32_t mask, std::size_t end) noexcept {
    for (std::size_t i = 0; i < end; ++i) {
      if ((mask >> i & 1) == 0 || --table_.watches[i] != 0) continue;
      struct ::sigaction now {};
      const bool ours = ::sigaction(signal_numbers[i], nullptr, &now) == 0 && now.sa_handler == &handle_signal;
      if (ours) ::sigaction(signal_numbers[i], &table_.before[i], nullptr);
    }
  }

  // Only what signal-safety(7) allows.
  static void handle_signal(int number) noexcept {
    const int saved_errno = errno;
    for (std::size_t i = 0; i < signal_numbers.size(); ++i) {
      if (signal_numbers[i] != number) continue;
      for (Slot& slot : table_.slots) {
        ++slot.handlers_inside;
        if ((slot.signals >> i & 1) != 0) deliver(slot, i);
        --slot.handlers_inside;
      }
    }
    errno = saved_errno;
  }

  static void deliver(Slot& slot, std::size_t index) noexcept {
    slot.pending |= 1U << index;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(slot.handle, &one, sizeof(one));
    if (slot.ends_process && repeated(slot)) {
      // Here and not on the loop, which may hang. It takes effect when the handler returns, which blocks all signals.
      ::signal(signal_numbers[index], SIG_DFL);
      ::raise(signal_numbers[index]);
    }
  }

  static bool repeated(Slot& slot) noexcept {
    ::timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    const std::int64_t now = static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
    std::int64_t first = 0;
    return !slot.first_ns.compare_exchange_strong(first, now) && now - first >= same_request_ns;
  }

  static Table table_;

  Slot* slot_ = nullptr;
};

inline constinit SignalWatch::Table SignalWatch::table_;

}  // namespace platform

}  // namespace parley::inline PARLEY_ABI
