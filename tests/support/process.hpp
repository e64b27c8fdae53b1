// SPDX-License-Identifier: BSL-1.0
#pragma once

// A program run as a process, for tests and for the demonstration: fed through a pipe or a pseudo-terminal, its output
// awaited with a deadline. Nothing here sleeps: each wait ends with what it waits for, or with its deadline.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace support {

/// How a process ended: with an exit status, or by a signal.
struct Exit {
  int status = -1;
  int signal = 0;
  bool operator==(const Exit&) const = default;
};

class Process {
 public:
  enum class Input { pipe, terminal };
  static constexpr std::chrono::seconds patience{10};

  /// Starts argv[0] (a path) with pipes; with Input::terminal, standard input, output and error are a pseudo-terminal
  /// of 80 x 24 that controls the program, and output() holds what it would show. Throws std::system_error.
  explicit Process(const std::vector<std::string>& argv, Input input = Input::pipe);
  /// Kills the process if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Writes all of it. False when the program has closed its input, or takes no more within the time.
  bool write(std::string_view bytes, std::chrono::milliseconds within = patience);
  /// Closes the pipe; on a terminal sends the end-of-file character, which counts at the start of a line.
  void close_input();

  /// Waits until `text` stands in the output after what the last successful call found, and returns the line that
  /// it ends on (as far as it has come, without its newline). Nothing when it does not come in time or the output
  /// ends before.
  std::optional<std::string> wait_for(std::string_view text, std::chrono::milliseconds within = patience);
  /// The same for one whole line that begins with `prefix`.
  std::optional<std::string> wait_for_line(std::string_view prefix, std::chrono::milliseconds within = patience);
  /// The same for standard error.
  std::optional<std::string> wait_for_error(std::string_view text, std::chrono::milliseconds within = patience);

  /// Takes up what is there without waiting: true when `text` stands anywhere in the output so far.
  bool has_output(std::string_view text);

  void send_signal(int number);
  /// Waits for the end, reading output meanwhile. Nothing when it still runs after the time.
  std::optional<Exit> wait(std::chrono::milliseconds within = patience);

  /// All that was read so far, the first 16 MiB of each; what follows is read and dropped.
  const std::string& output() const { return output_.text; }
  const std::string& errors() const { return errors_.text; }
  int id() const { return pid_; }

 private:
  struct Stream {
    int descriptor = -1;
    std::string text;
    std::size_t found_up_to = 0;
  };
  using Deadline = std::chrono::steady_clock::time_point;

  std::optional<std::string> find_text(Stream& stream, std::string_view text, Deadline deadline);
  bool pump(Deadline deadline, bool wait_for_input_room);
  static void drain(Stream& stream);
  bool reap();

  int pid_ = -1;
  int exit_descriptor_ = -1;
  int input_ = -1;
  bool terminal_ = false;
  Stream output_;
  Stream errors_;
  std::optional<Exit> exit_;
};

}  // namespace support
