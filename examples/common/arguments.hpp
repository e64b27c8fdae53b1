// SPDX-License-Identifier: BSL-1.0
#pragma once

// The command line of the example programs: options with a value, an optional command word, --help.
//
//   std::uint16_t port = 8000;
//   Arguments arguments("echo_server", "Sends back what it receives.");
//   arguments.option("--port", "PORT", port, "where to listen; 0 takes a free one");
//   if (const auto status = arguments.parse(argc, argv)) return *status;

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "output.hpp"
#include "standard_streams.hpp"
#include "text.hpp"

namespace common {

// How a value is read from its text, for each type that an option can have: false leaves the value as it was.
inline constexpr std::string_view kind_of(const std::string&) { return "a text"; }
inline std::string show_value(const std::string& value) { return value; }
inline bool read_value(std::string_view text, std::string& value) {
  value = text;
  return true;
}

inline constexpr std::string_view kind_of(const std::uint16_t&) { return "a number from 0 to 65535"; }
inline std::string show_value(std::uint16_t value) { return std::to_string(value); }
inline bool read_value(std::string_view text, std::uint16_t& value) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  value = number;
  return true;
}

class Arguments {
 public:
  Arguments(std::string program, std::string summary) : program_(std::move(program)), summary_(std::move(summary)) {}

  /// One of the words that may come first; once there is one, a word is required, and command() tells which it was.
  void add_command(std::string word, std::string meaning) {
    commands_.push_back({std::move(word), std::move(meaning)});
  }
  const std::string& command() const { return command_; }

  /// An option with a value, given as `--name VALUE` or `--name=VALUE`; what `value` holds now is the default.
  template <class T>
  void option(std::string name, const std::string& value_name, T& value, std::string meaning) {
    const std::string shown = show_value(value);
    if (!shown.empty()) meaning += " (" + shown + ")";
    options_.push_back({std::move(name), value_name, std::move(meaning), kind_of(value),
                        [&value](std::string_view text) { return read_value(text, value); }});
  }

  /// Nothing when the program can go on, else the status to exit with: --help was asked for, or the usage was wrong and
  /// one line on standard error has said how. Opens standard streams that are closed (standard_streams.hpp).
  std::optional<int> parse(int argc, const char* const* argv) {
    open_standard_streams();
    const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    for (const std::string_view word : words) {
      if (word == "--help" || word == "-h") return print_line(help()) ? 0 : give_up_printing(errno);
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string problem = words[i].starts_with('-') ? take_option(words, i) : take_command(words[i]);
      if (!problem.empty()) return wrong_usage(problem);
    }
    if (!commands_.empty() && command_.empty()) return wrong_usage("say " + command_words(" or "));
    return std::nullopt;
  }

  std::string help() const {
    std::string text = "usage: " + program_ + (commands_.empty() ? "" : " " + command_words("|")) + " [OPTION]...\n" +
                       summary_ + "\n\n";
    for (const Command& command : commands_) append_row(text, command.word, command.meaning);
    if (!commands_.empty()) text += '\n';
    for (const Option& option : options_) append_row(text, option.name + " " + option.value_name, option.meaning);
    append_row(text, "--help", "this text");
    text.pop_back();  // whoever prints it ends the last line
    return text;
  }

 private:
  struct Command {
    std::string word, meaning;
  };
  struct Option {
    std::string name, value_name, meaning;
    std::string_view kind;
    std::function<bool(std::string_view)> read;
  };

  // Both return what is wrong, or nothing.
  std::string take_option(const std::vector<std::string_view>& words, std::size_t& i) {
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    for (const Option& option : options_) {
      if (option.name != name) continue;
      if (equals == std::string_view::npos && i + 1 == words.size()) return option.name + " needs a value";
      const auto value = equals == std::string_view::npos ? words[++i] : words[i].substr(equals + 1);
      if (option.read(value)) return {};
      return option.name + " needs " + std::string(option.kind) + ", not " + quoted(value);
    }
    return "there is no option " + quoted(name);
  }

  std::string take_command(std::string_view word) {
    if (!command_.empty() || commands_.empty()) return "do not know what " + quoted(word) + " is for";
    for (const Command& command : commands_)
      if (command.word == word) command_ = word;
    return command_.empty() ? "say " + command_words(" or ") + ", not " + quoted(word) : std::string();
  }

  int wrong_usage(const std::string& problem) const {
    print_error(program_ + ": " + problem + " (" + program_ + " --help tells more)");
    return 2;
  }

  std::string command_words(std::string_view between) const {
    std::string text;
    for (const Command& command : commands_) text += (text.empty() ? "" : std::string(between)) + command.word;
    return text;
  }

  static std::string quoted(std::string_view text) { return '"' + clean_text(text) + '"'; }

  static void append_row(std::string& text, const std::string& left, const std::string& right) {
    constexpr std::size_t column = 18;
    text += "  " + left + std::string(left.size() < column ? column - left.size() : 1, ' ') + right + "\n";
  }

  std::string program_, summary_, command_;
  std::vector<Command> commands_;
  std::vector<Option> options_;
};

}  // namespace common
