// SPDX-License-Identifier: BSL-1.0
#pragma once

// ChatScreen: what a chat client's user types, line by line, and what is shown to him.
//
//   ChatScreen screen({.prompt = "alice> "});
//   while (auto line = co_await screen.line()) ...       // elsewhere: screen.print("* bob joined");
//
// Where standard input and output are terminals, and TERM says that they understand escape sequences, the line is
// edited (line_editor.hpp) and what is printed appears above it. Elsewhere, in a pipe or on a dumb terminal, lines come
// as they are and text is written as it is.

#include <parley/core/channel.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/signals.hpp>
#include <parley/core/task.hpp>
#include <parley/io/keyboard.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "line_editor.hpp"
#include "output.hpp"
#include "raw_terminal.hpp"
#include "terminal.hpp"

namespace common {

/// Made, used and destroyed on a loop's thread, inside of a task; nothing else may then read standard input or write to
/// standard output. One at a time in a process.
///
/// Nothing is lost and nothing grows without bound: entered lines that nobody has asked for yet wait, up to
/// max_waiting; then no more keys are read, and a paste waits in the terminal. print() blocks the thread, and with it
/// the loop, while the terminal or the pipe takes no output (Ctrl-S, a slow connection): the connection then tells the
/// server to wait. For a client that is right; a server must not print like this.
class ChatScreen {
 public:
  struct Options {
    std::string prompt = "> ";
    Colour prompt_colour = Colour::bold;
    bool colours = true;            // where they are welcome; false: nowhere
    std::size_t max_waiting = 256;  // lines
    LineEditor::Options editor = {};
  };

  ChatScreen() : ChatScreen(Options()) {}
  explicit ChatScreen(Options options)
      : keyboard_({.max_line = options.editor.max_line}),
        editor_(std::move(options.editor)),
        lines_(options.max_waiting),
        has_colours_(options.colours && colours_are_welcome()) {
    if (!terminal_is_capable() || !terminal_.open()) return;
    set_prompt(options.prompt, options.prompt_colour);
    edits_ = true;
    if (terminal_.is_raw()) show_again();
    tasks_.spawn(read_keys());
    tasks_.spawn(follow_signals());
  }
  ChatScreen(const ChatScreen&) = delete;
  ChatScreen& operator=(const ChatScreen&) = delete;
  /// Removes the line that was being typed, and restores the terminal.
  ~ChatScreen() { hide(); }

  /// Completes when a line was entered: Result<std::string>.
  /// Errors: Error::end_of_stream at the end of the input (Ctrl-D on an empty line), then always; those of Keyboard.
  /// Ctrl-C on an empty line is a SIGINT, as it is elsewhere: under parley::run() a request to stop.
  parley::Task<parley::Result<std::string>> line() {
    if (!edits_) {
      const auto typed = co_await keyboard_.line();
      if (!typed) co_return typed.error();
      co_return std::string(*typed);
    }
    auto entered = co_await lines_.receive();
    if (!entered && entered.error() == parley::Error::end_of_stream) co_return end_;
    co_return std::move(entered);
  }

  /// Shows a text, of one or more lines, the last without its end. It must be fit for a terminal (parley::make_printable). False
  /// when it cannot be written; errno tells why.
  bool print(std::string_view text) {
    if (!edits_) return print_line(text);
    if (!terminal_.is_raw() && !write_to_terminal(editor_.hide())) return false;
    editor_.set_columns(terminal_columns());
    return write_to_terminal(editor_.show(text));
  }

  void set_prompt(std::string_view text, Colour colour = Colour::bold) {
    editor_.set_prompt(text, has_colours_ ? sgr_of(colour) : std::string_view());
    update();
  }

  /// Removes the line that is being typed, until it changes or something is printed: before a last word goes past here.
  void hide() {
    if (edits_) static_cast<void>(write_to_terminal(editor_.hide()));
  }

  /// Whether lines are edited; then there is a prompt.
  bool edits() const { return edits_; }
  /// The text in that colour where colours are welcome, else as it is.
  std::string paint(std::string_view text, Colour colour) const {
    return has_colours_ ? coloured(text, colour) : std::string(text);
  }

 private:
  // What the Escape key sends begins every other sequence too; the bytes of one come at once.
  static constexpr std::chrono::milliseconds sequence_patience{100};
  // While somebody drags the window's edge the sizes come in rows.
  static constexpr std::chrono::milliseconds resizing_patience{50};
  // Not every shell tells a job in the background that it was brought to the foreground.
  static constexpr std::chrono::milliseconds background_patience{250};

  parley::Task<> read_keys() {
    char buffer[1024];
    for (;;) {
      const auto patience = editor_.may_be_whole() ? parley::Duration(sequence_patience) : parley::Duration::max();
      const auto count = co_await keyboard_.recv(buffer).within(patience);
      if (count.error() == parley::Error::timed_out) {
        editor_.forget_sequence();
        continue;
      }
      if (!count || *count == 0) co_return finish(count.error());
      std::string_view bytes(buffer, *count);
      for (auto event = editor_.feed(bytes); event != LineEditor::Event::none; event = editor_.feed(bytes)) {
        if (event == LineEditor::Event::end_of_input) co_return finish({});
        if (event != LineEditor::Event::line) {
          obey(event);
          continue;
        }
        std::string entered = editor_.take_line();
        if (lines_.try_send(std::move(entered))) continue;
        update();
        terminal_.set_interrupt_key(true);  // no key is read now: Ctrl-C must work all the same
        const auto sent = co_await lines_.send(std::move(entered));
        terminal_.set_interrupt_key(false);
        if (!sent) co_return finish(sent.error());
      }
      update();
    }
  }

  void obey(LineEditor::Event event) {
    if (event == LineEditor::Event::interrupt) {
      update();
      terminal_.interrupt();
    } else {
      write_to_terminal(editor_.hide());
      terminal_.suspend();
      show_again();
    }
  }

  // No more keys: the terminal is as it was, and what is still printed follows below.
  void finish(std::error_code error) {
    end_ = error ? error : make_error_code(parley::Error::end_of_stream);
    write_to_terminal(editor_.hide());
    terminal_.close();
    lines_.close();
  }

  parley::Task<> follow_signals() {
    for (;;) {
      const auto patience = terminal_.is_put_off() ? parley::Duration(background_patience) : parley::Duration::max();
      const auto signal = co_await signals_.next().within(patience);
      if (!signal && signal.error() != parley::Error::timed_out) co_return;
      for (int more = 0; signal && more < 20; ++more) {
        const auto next = co_await signals_.next().within(resizing_patience);
        if (!next) break;
      }
      show_again();
    }
  }

  void show_again() {
    if (!terminal_.resume()) return;
    editor_.set_columns(terminal_columns());
    editor_.redraw();
    update();
  }

  // When the terminal is gone, reading from it tells.
  void update() {
    if (edits_) static_cast<void>(write_to_terminal(editor_.take_output()));
  }

  parley::Signals signals_{parley::Signal::window_resized, parley::Signal::resumed};
  parley::Keyboard keyboard_;
  LineEditor editor_;
  parley::Channel<std::string> lines_;
  std::error_code end_;
  bool edits_ = false;
  bool has_colours_;
  RawTerminal terminal_;
  parley::Scope tasks_;  // last: ends first
};

}  // namespace common
