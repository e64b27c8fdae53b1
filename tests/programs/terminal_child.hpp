// SPDX-License-Identifier: BSL-1.0
#pragma once

// A function run in a process of its own, at a pseudo-terminal that it owns, and the hands of the person there.

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace programs {

/// What of a terminal's modes a program could change.
inline bool same_modes(const ::termios& one, const ::termios& other) {
  for (std::size_t i = 0; i < NCCS; ++i)
    if (one.c_cc[i] != other.c_cc[i]) return false;
  return one.c_iflag == other.c_iflag && one.c_oflag == other.c_oflag && one.c_cflag == other.c_cflag &&
         one.c_lflag == other.c_lflag;
}

/// The program in place of this process: what a TerminalChild can run.
inline int become(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  return 127;
}

class TerminalChild {
 public:
  static constexpr std::chrono::seconds patience{10};

  /// `run` returns the exit status.
  template <class Run>
  explicit TerminalChild(Run run, unsigned short columns = 40) {
    const ::winsize size{10, columns, 0, 0};
    if (::openpty(&hands_, &terminal_, nullptr, nullptr, &size) != 0)
      throw std::system_error(errno, std::system_category());
    before_ = modes();
    std::fflush(nullptr);
    id_ = ::fork();
    if (id_ == 0) {
      become_its_own();
      ::_exit(run());
    }
  }
  TerminalChild(const TerminalChild&) = delete;
  TerminalChild& operator=(const TerminalChild&) = delete;
  ~TerminalChild() {
    if (!ended_) {
      ::kill(id_, SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
    ::close(hands_);
    ::close(terminal_);
  }

  /// False when it cannot all be written at once; a terminal takes at least 4095 bytes that nobody has read.
  bool type(std::string_view keys) {
    return ::write(hands_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size());
  }
  void send_signal(int number) { ::kill(id_, number); }
  void resize(unsigned short columns) {
    const ::winsize size{10, columns, 0, 0};
    ::ioctl(hands_, TIOCSWINSZ, &size);
  }

  /// Waits until it has written this behind what was found last.
  bool wait_for(std::string_view text) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const std::size_t at = output_.find(text, found_);
      if (at != std::string::npos) {
        found_ = at + text.size();
        return true;
      }
      if (!read_some(deadline)) return false;
    }
  }
  const std::string& output() const { return output_; }

  /// Waits for its end: "status 0", "signal 15", or "still running" when it does not end in time. What it has written
  /// is in output().
  std::string ending(std::chrono::milliseconds within = patience) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    int status = 0;
    while (::waitpid(id_, &status, WNOHANG) != id_) {
      if (std::chrono::steady_clock::now() >= deadline) return "still running";
      read_some(std::min(deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(10)));
    }
    ended_ = true;
    while (read_some(std::chrono::steady_clock::now())) {
    }
    return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                               : "status " + std::to_string(WEXITSTATUS(status));
  }

  ::termios modes() const {
    ::termios now{};
    ::tcgetattr(terminal_, &now);
    return now;
  }
  bool has_modes_of_before() const { return same_modes(modes(), before_); }
  bool is_raw() const { return (modes().c_lflag & (ICANON | ECHO)) == 0; }
  /// How many bytes of what was typed wait for the next program.
  int unread() const {
    int count = -1;
    ::ioctl(terminal_, FIONREAD, &count);
    return count;
  }

 private:
  void become_its_own() {
    ::alarm(60);
    const ::rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGTSTP}) std::signal(number, SIG_DFL);
    ::close(hands_);
    if (::login_tty(terminal_) != 0) ::_exit(126);
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
  }

  bool read_some(std::chrono::steady_clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    ::pollfd polled{hands_, POLLIN, 0};
    if (::poll(&polled, 1, left > 0 ? static_cast<int>(left) : 0) <= 0) return false;
    std::array<char, 4096> buffer;
    const auto count = ::read(hands_, buffer.data(), buffer.size());
    if (count <= 0) return false;
    output_.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }

  int hands_ = -1;
  int terminal_ = -1;
  int id_ = -1;
  bool ended_ = false;
  ::termios before_{};
  std::string output_;
  std::size_t found_ = 0;
};

}  // namespace programs
