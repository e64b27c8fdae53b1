// SPDX-License-Identifier: BSL-1.0
#pragma once

// The terminal on standard input, put into a mode in which each key arrives at once and is not echoed; pastes are
// marked. The mode it had is restored however the program ends, except by SIGKILL.
//
// Restored: by the destructor; by exit(); when a signal ends the process (SIGINT, SIGTERM, SIGHUP, SIGQUIT and those of
// faults and abort()), before whoever handled it until now is called; while the process is stopped (SIGTSTP). Then
// what was typed and not yet read is dropped, except when the process is stopped: the rest of a paste must not become
// commands of the shell. In the background nothing is restored: there the terminal is in the shell's mode.
//
// Ctrl-C and Ctrl-Z arrive as bytes; set_interrupt_key() makes Ctrl-C a signal, for while nobody reads keys. Ctrl-\ is
// always one, so that a program that hangs can be ended by hand. Ctrl-S and Ctrl-Q stay the terminal's.
//
// Threads: one, signal handlers apart, which may run on any. There is one at a time in a process.

#if __has_include(<termios.h>)

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace common {

class RawTerminal {
 public:
  RawTerminal() = default;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { close(); }

  /// False when standard input or output is no terminal, or refuses the mode. In the background it is put off until
  /// resume().
  bool open() {
    if (state_.is_open || ::isatty(STDOUT_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &state_.before) != 0) return false;
    state_.raw = raw_of(state_.before);
    [[maybe_unused]] static const int registered = std::atexit([] { leave(Unread::drop); });
    install_handlers();
    is_mine_ = state_.is_open = true;
    if (is_foreground() && !enter()) {
      close();
      return false;
    }
    return true;
  }

  void close() {
    if (!is_mine_) return;
    leave(Unread::drop);
    restore_handlers();
    is_mine_ = state_.is_open = false;
  }

  /// Whether keys arrive raw now. Not in the background, nor after a signal that is to end the process.
  bool is_raw() const { return state_.is_raw; }

  /// Whether it waits for resume(): the process is in the background, or has just left it.
  bool is_put_off() const { return is_mine_ && !state_.is_raw && !state_.is_ending; }
  /// After the process was continued: raw again if it is in the foreground. True when it is raw.
  bool resume() {
    if (!is_mine_ || state_.is_ending) return false;
    if (is_foreground()) return enter();
    state_.is_raw = false;
    return false;
  }

  /// Stops the process and those of its job, as Ctrl-Z does; the terminal has its old mode meanwhile. Returns when it
  /// was continued, or just before it is stopped.
  void suspend() { ::kill(0, SIGTSTP); }
  /// SIGINT for the process and those of its job, as Ctrl-C does elsewhere.
  void interrupt() { ::kill(0, SIGINT); }

  void set_interrupt_key(bool makes_signal) {
    state_.raw.c_cc[VINTR] = makes_signal ? state_.before.c_cc[VINTR] : disabled;
    if (state_.is_raw) ::tcsetattr(STDIN_FILENO, TCSANOW, &state_.raw);
  }

 private:
  enum class Unread : bool { keep, drop };
  static constexpr cc_t disabled = _POSIX_VDISABLE;
  static constexpr std::array<int, 10> signals = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT, SIGABRT,
                                                  SIGSEGV, SIGBUS,  SIGFPE, SIGILL,  SIGTSTP};

  // What handlers touch. The modes and actions are set before the handlers are installed.
  struct State {
    std::atomic<bool> is_raw = false;
    std::atomic<bool> is_ending = false;
    bool is_open = false;
    ::termios before{};
    ::termios raw{};
    std::array<struct ::sigaction, signals.size()> actions{};
  };
  static_assert(std::atomic<bool>::is_always_lock_free);

  static ::termios raw_of(::termios modes) {
    modes.c_iflag &= ~static_cast<tcflag_t>(ICRNL | INLCR | IGNCR | ISTRIP);
    modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ECHONL | IEXTEN);
    modes.c_lflag |= ISIG;
    modes.c_cc[VINTR] = disabled;
    modes.c_cc[VSUSP] = disabled;
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    return modes;
  }

  static bool is_foreground() {
    const ::pid_t group = ::tcgetpgrp(STDIN_FILENO);
    return group < 0 || group == ::getpgrp();  // not this session's terminal: nobody else's turn either
  }

  // From here on all is fit for signal handlers (signal-safety(7)).

  static bool enter() {
    if (::tcsetattr(STDIN_FILENO, TCSANOW, &state_.raw) != 0) return false;
    state_.is_raw = true;
    tell("\x1b[?2004h");
    return true;
  }

  static void leave(Unread unread) {
    if (!state_.is_raw.exchange(false) || !is_foreground()) return;
    tell("\x1b[?2004l");
    if (unread == Unread::drop) ::tcflush(STDIN_FILENO, TCIFLUSH);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &state_.before);
  }

  // Marks pastes, or no longer. Not where the terminal takes no output (Ctrl-S): that would wait for ever.
  static void tell(std::string_view sequence) {
    ::pollfd output{STDOUT_FILENO, POLLOUT, 0};
    if (::poll(&output, 1, 0) != 1 || (output.revents & POLLOUT) == 0) return;
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, sequence.data(), sequence.size());
  }

  // A signal that was ignored stays so.
  static void install_handlers() {
    for (std::size_t i = 0; i < signals.size(); ++i) {
      struct ::sigaction action {};
      action.sa_sigaction = signals[i] == SIGTSTP ? &handle_stop : &handle_end;
      action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
      ::sigfillset(&action.sa_mask);
      if (::sigaction(signals[i], nullptr, &state_.actions[i]) == 0 && !is_ignored(state_.actions[i])) {
        ::sigaction(signals[i], &action, nullptr);
      }
    }
  }
  static void restore_handlers() {
    for (std::size_t i = 0; i < signals.size(); ++i) {
      if (!is_ignored(state_.actions[i])) ::sigaction(signals[i], &state_.actions[i], nullptr);
    }
  }
  static bool is_ignored(const struct ::sigaction& action) {
    return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
  }

  static const struct ::sigaction& action_before(int number) {
    std::size_t i = 0;
    while (signals[i] != number) ++i;
    return state_.actions[i];
  }

  // Restores, and leaves the rest to whoever handled it before: nobody, parley::run() or a sanitizer.
  static void handle_end(int number, ::siginfo_t* info, void* context) {
    const int saved_errno = errno;
    state_.is_ending = true;
    leave(Unread::drop);
    const struct ::sigaction& before = action_before(number);
    if ((before.sa_flags & SA_SIGINFO) != 0) {
      before.sa_sigaction(number, info, context);
    } else if (before.sa_handler != SIG_DFL) {
      before.sa_handler(number);
    } else {
      ::signal(number, SIG_DFL);
      ::raise(number);  // takes effect when this handler returns
    }
    errno = saved_errno;
  }

  static void handle_stop(int number, ::siginfo_t*, void*) {
    const int saved_errno = errno;
    leave(Unread::keep);
    struct ::sigaction ours {};
    ::sigaction(number, &action_before(number), &ours);
    ::sigset_t only;
    ::sigset_t blocked;
    ::sigemptyset(&only);
    ::sigaddset(&only, number);
    ::raise(number);
    ::pthread_sigmask(SIG_UNBLOCK, &only, &blocked);  // stops here, and goes on when it is continued
    ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    ::sigaction(number, &ours, nullptr);
    if (!state_.is_ending && is_foreground()) enter();
    errno = saved_errno;
  }

  static State state_;

  bool is_mine_ = false;
};

inline constinit RawTerminal::State RawTerminal::state_;

}  // namespace common

#else

namespace common {

/// Where there is no such terminal: open() fails.
class RawTerminal {
 public:
  bool open() { return false; }
  void close() {}
  bool is_raw() const { return false; }
  bool is_put_off() const { return false; }
  bool resume() { return false; }
  void suspend() {}
  void interrupt() {}
  void set_interrupt_key(bool) {}
};

}  // namespace common

#endif
