// SPDX-License-Identifier: BSL-1.0
#pragma once

// The built programs, and how they are started in tests.

#include <cstdint>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace programs {

using support::Exit;
using support::Process;

inline const Exit well{0, 0};
inline const Exit failed{1, 0};
inline const Exit used_wrongly{2, 0};

inline std::string path_of(const std::string& program) { return std::string(PARLEY_BIN_DIR) + "/" + program; }

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

/// All that a program does until it has ended by itself.
struct Outcome {
  Exit exit;
  std::string output, errors;
};
inline Outcome run_to_end(const std::vector<std::string>& words) {
  Process process(words);
  process.close_input();
  const auto exit = process.wait();
  return {exit ? *exit : Exit{-1, -1}, process.output(), process.errors()};
}

/// True where the tests can play the Python originals themselves.
inline bool have_python() { return run_to_end({"/bin/sh", "-c", "python3 -c pass"}).exit == well; }
inline std::vector<std::string> python(const std::string& script) {
  return {"/bin/sh", "-c", "exec python3 -u -c \"$0\"", script};
}

}  // namespace programs
