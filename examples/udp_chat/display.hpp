// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the programs of this folder share in dealing with their user: the screen, and the status to exit with.

#include <parley/core/task.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "../common/chat_screen.hpp"
#include "../common/output.hpp"
#include "../common/text.hpp"
#include "../tcp_chat/command_line.hpp"

namespace udp_chat {

/// What returns a bool is false when the program has to end: then status() is why.
class Display {
 public:
  explicit Display(bool colours) : screen_(options(colours)) {}

  common::ChatScreen& screen() noexcept { return screen_; }
  int status() const noexcept { return status_; }

  bool print(std::string_view text) {
    if (screen_.print(text)) return true;
    status_ = common::give_up_printing(errno);
    return false;
  }
  /// What another said. At a terminal each line has in front who it is from, so that none looks like one's own or like the
  /// program's; in a pipe it is as it came.
  bool print_of(const std::string& who, std::string_view text) {
    if (!screen_.edits()) return print(text);
    for (;;) {
      const std::size_t end = text.find('\n');
      if (!print(screen_.paint('<' + who + '>', common::Colour::cyan) + ' ' + std::string(text.substr(0, end))))
        return false;
      if (end == text.npos) return true;
      text.remove_prefix(end + 1);
    }
  }
  /// What the program itself has to say.
  bool notice(std::string_view text) { return print(screen_.paint("* " + std::string(text), common::Colour::dim)); }
  bool warning(std::string_view text) { return print(screen_.paint("* " + std::string(text), common::Colour::yellow)); }
  bool error(std::string_view text) { return print(screen_.paint("! " + std::string(text), common::Colour::red)); }

  /// False: "cannot listen on 127.0.0.1:80: Permission denied" was told, or, after Ctrl-C, nothing.
  bool cannot(std::string_view attempt, std::error_code why) {
    const bool shows_nothing = why == parley::Error::cancelled && screen_.edits();  // of the Ctrl-C
    if (shows_nothing) return false;
    const int status = common::give_up("cannot " + std::string(attempt), why);
    if (status_ == 0) status_ = status;  // the first failure is why the rest was stopped
    return false;
  }
  bool refuse_usage(std::string_view command, std::string_view problem) {
    const std::string program = "udp_chat " + std::string(command);
    common::print_error(program + ": " + std::string(problem) + " (" + program + " --help tells more)");
    status_ = 2;
    return false;
  }

  /// Whether there is somebody to answer.
  bool can_ask() const { return screen_.edits() || common::input_is_terminal(); }
  /// Asks until `read` takes the answer: it returns what is wrong with it, or nothing.
  template <class Read>
  parley::Task<bool> ask(std::string question, Read read) {
    for (;;) {
      screen_.set_prompt(question);
      if (!screen_.edits() && !print(question)) co_return false;
      const auto typed = co_await screen_.line();
      if (!typed) co_return ended_typing(typed.error());
      const std::string problem = read(tcp_chat::without_spaces_around(*typed));
      if (problem.empty()) co_return true;
      if (!error(problem)) co_return false;
    }
  }

  /// Has texts said and commands obeyed, until there are no more, /quit, or one of them returns false.
  template <class Say, class Obey>
  parley::Task<> take_typed(Say say, Obey obey) {
    for (;;) {
      const auto line = co_await screen_.line();
      if (!line) {
        ended_typing(line.error());
        co_return;
      }
      const tcp_chat::Line typed = tcp_chat::parse_line(*line);
      const std::string command = common::small_letters(typed.command);
      if (command == "quit") co_return;
      bool goes_on = false;
      if (command.empty()) {
        goes_on = co_await say(typed.text);
      } else {
        goes_on = obey(command);
      }
      if (!goes_on) co_return;
    }
  }
  bool no_such_command(std::string_view command) {
    return error("there is no command /" + parley::make_printable(command) + "; /help tells which there are");
  }

 private:
  static common::ChatScreen::Options options(bool colours) {
    common::ChatScreen::Options screen;
    screen.colours = colours;
    return screen;
  }

  bool ended_typing(std::error_code why) {
    if (why == parley::Error::end_of_stream || why == parley::Error::closed) return false;
    return cannot("read a line", why);
  }

  int status_ = 0;
  common::ChatScreen screen_;
};

}  // namespace udp_chat
