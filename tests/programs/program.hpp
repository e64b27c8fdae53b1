// SPDX-License-Identifier: BSL-1.0
#pragma once

// The built programs, and how they are started in tests.

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace programs {

using support::Process;

// How a process ended, in words that a failed check shows.
inline const std::string well = "status 0";
inline const std::string failed = "status 1";
inline const std::string used_wrongly = "status 2";

inline std::string ending(Process& process) {
  const auto exit = process.wait();
  if (!exit) return "still running";
  return exit->signal != 0 ? "signal " + std::to_string(exit->signal) : "status " + std::to_string(exit->status);
}

// ThreadSanitizer calls a handler only when an intercepted call returns. So a signal that comes just before a program
// begins to wait has no effect until the wait is over; a second one ends the wait, and is taken as one with the first.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool signals_may_stall = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool signals_may_stall = true;
#else
inline constexpr bool signals_may_stall = false;
#endif
#else
inline constexpr bool signals_may_stall = false;
#endif

/// How it ends, after it was sent this signal.
inline std::string ending_after(Process& process, int signal) {
  if (signals_may_stall && !process.wait(std::chrono::seconds(2))) process.send_signal(signal);
  return ending(process);
}

/// Of the same build, unless PARLEY_TEST_PROGRAMS names another one's folder.
inline std::string path_of(const std::string& program) {
  const char* const elsewhere = std::getenv("PARLEY_TEST_PROGRAMS");
  return std::string(elsewhere == nullptr ? PARLEY_BIN_DIR : elsewhere) + "/" + program;
}

/// The command that runs a program: `command("hello_tcp", {"server", "--port", "0"})`.
inline std::vector<std::string> command(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{path_of(program)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

/// The same through a shell script, in which "$0" "$@" stands for the command.
inline std::vector<std::string> in_shell(const std::string& script, const std::vector<std::string>& words) {
  std::vector<std::string> shell{"/bin/sh", "-c", script};
  shell.insert(shell.end(), words.begin(), words.end());
  return shell;
}

/// Waits until a server says where it listens, and returns the port, 0 when it does not.
inline std::uint16_t port_of(Process& server) {
  const auto line = server.wait_for_line("listening on ");
  if (!line) return 0;
  return static_cast<std::uint16_t>(std::stoul(line->substr(line->rfind(':') + 1)));
}

/// Waits on what nothing tells of, such as another process's descriptors: looks again and again until the deadline.
template <class Condition>
bool comes_true(Condition condition, std::chrono::milliseconds within = std::chrono::seconds(10)) {
  const auto until = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

/// All that a program does until it has ended by itself.
struct Outcome {
  std::string exit, output, errors;
};
inline Outcome run_to_end(const std::vector<std::string>& words) {
  Process process(words);
  process.close_input();
  const std::string exit = ending(process);
  return {exit, process.output(), process.errors()};
}

/// True where the tests can play the Python originals themselves.
inline bool have_python() { return run_to_end({"/bin/sh", "-c", "python3 -c pass"}).exit == well; }
inline std::vector<std::string> python(const std::string& script) {
  return {"/bin/sh", "-c", "exec python3 -u -c \"$0\"", script};
}

}  // namespace programs
