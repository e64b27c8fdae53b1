// SPDX-License-Identifier: BSL-1.0
#pragma once

// The command line of the example programs: options with and without a value, values without an option, an optional
// command word, --help and --version; --help-all where there are options that few people need.
//
//   std::uint16_t port = 8000;
//   Arguments arguments("echo_server", "Sends back what it receives.");
//   arguments.option("--port", "PORT", port, "where to listen; 0 takes a free one");
//   if (const auto status = arguments.parse(argc, argv)) return *status;

#include <parley/version.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "output.hpp"
#include "standard_streams.hpp"
#include "text.hpp"

namespace common {

// How a value is read from its text, for each type that an option can have: false leaves the value as it was.
inline std::string kind_of(const std::string&) { return "a text"; }
inline std::string show_value(const std::string& value) { return value; }
inline bool read_value(std::string_view text, std::string& value) {
  value = text;
  return true;
}

template <class T>
concept Number =
    std::is_same_v<T, std::uint16_t> || std::is_same_v<T, std::uint32_t> || std::is_same_v<T, std::uint64_t>;

/// Which numbers an option takes, of those that its type can hold.
struct Range {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
};

template <Number T>
std::string kind_of(const T&, Range range = {}) {
  const std::uint64_t most = std::min<std::uint64_t>(range.most, std::numeric_limits<T>::max());
  return "a number from " + std::to_string(range.least) + " to " + std::to_string(most);
}
template <Number T>
std::string show_value(T value) {
  return std::to_string(value);
}
template <Number T>
bool read_value(std::string_view text, T& value) {
  T number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  value = number;
  return true;
}

/// Bytes, for which 64K, 10M and 2G may be written: of 1,024 each, as `dd` and `curl --limit-rate` count.
template <Number T>
bool read_bytes(std::string_view text, T& value) {
  constexpr std::string_view units = "KMG";
  const std::size_t unit = text.empty() ? units.npos : units.find(text.back());
  if (unit == units.npos) return read_value(text, value);
  const unsigned shift = 10 * (static_cast<unsigned>(unit) + 1);
  std::uint64_t number = 0;
  if (!read_value(text.substr(0, text.size() - 1), number) ||
      number > std::uint64_t{std::numeric_limits<T>::max()} >> shift)
    return false;
  value = static_cast<T>(number << shift);
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
    requires(!Number<T>)
  void option(std::string name, const std::string& value_name, T& value, std::string meaning) {
    add_with_default(std::move(name), value_name, value, std::move(meaning), kind_of(value),
                     [&value](std::string_view text) { return read_value(text, value); });
  }
  /// The same for numbers, where not all of them may do; the default may be one that does not.
  template <Number T>
  void option(std::string name, const std::string& value_name, T& value, std::string meaning, Range range = {}) {
    const bool is_bytes = value_name.starts_with("BYTES");
    add_with_default(std::move(name), value_name, value, std::move(meaning),
                     kind_of(value, range) + (is_bytes ? ", or as 64K, 10M, 2G" : ""),
                     [&value, range, is_bytes](std::string_view text) {
                       return read_number(is_bytes ? read_bytes<T> : read_value<T>, text, value, range);
                     });
  }
  /// One of a few words.
  void choice(std::string name, std::string& value, std::vector<std::string> words, std::string meaning) {
    std::string names;
    for (const std::string& word : words) names += (names.empty() ? "" : "|") + word;
    if (!value.empty()) meaning += " (" + value + ")";
    add({std::move(name), names, std::move(meaning), "one of " + names, [&value, words](std::string_view text) {
           const bool known = std::find(words.begin(), words.end(), text) != words.end();
           if (known) value = text;
           return known;
         }});
  }
  /// An option without a value.
  void flag(std::string name, bool& value, std::string meaning) {
    add({std::move(name), "", std::move(meaning), "", [&value](std::string_view) { return value = true; }});
  }
  /// A value without an option; one after the other, in the order of these calls. The first `optional` may be left out
  /// together with all that follow.
  template <class T>
  void positional(std::string name, T& value, std::string meaning, bool optional = false) {
    positionals_.push_back({std::move(name), std::move(meaning), kind_of(value), optional,
                            [&value](std::string_view text) { return read_value(text, value); }});
  }
  /// A port to connect to, the same way.
  void port(std::string name, std::uint16_t& value, std::string meaning, bool optional = false) {
    static constexpr Range ports{1, 65535};
    positionals_.push_back(
        {std::move(name), std::move(meaning), kind_of(value, ports), optional,
         [&value](std::string_view text) { return read_number(read_value<std::uint16_t>, text, value, ports); }});
  }
  /// All values that are left, after the positional ones; at least one, unless they are optional.
  void rest(std::string name, std::vector<std::string>& values, std::string meaning, bool optional = false) {
    rest_ = &values;
    positional(std::move(name), rest_value_, std::move(meaning), optional);
    positionals_.back().read = [&values](std::string_view text) {
      values.emplace_back(text);
      return true;
    };
  }
  /// What is added from here on is shown by --help-all only.
  void more() { more_ = true; }

  /// Nothing when the program can go on, else the status to exit with: --help was asked for, or the usage was wrong and
  /// one line on standard error has said how. Opens standard streams that are closed (standard_streams.hpp).
  std::optional<int> parse(int argc, const char* const* argv) {
    open_standard_streams();
    const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    for (const std::string_view word : words) {
      if (word == "--help" || word == "-h") return print_line(help()) ? 0 : give_up_printing(errno);
      if (word == "--version") return print_line(version()) ? 0 : give_up_printing(errno);
      if (more_ && word == "--help-all") return print_line(help(true)) ? 0 : give_up_printing(errno);
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      // "-" is a word: standard input, for programs that take files.
      const bool is_option = words[i].starts_with('-') && words[i] != "-";
      const std::string problem = is_option ? take_option(words, i) : take_word(words[i]);
      if (!problem.empty()) return wrong_usage(problem);
    }
    if (!commands_.empty() && command_.empty()) return wrong_usage("say " + command_words(" or "));
    if (taken_ < positionals_.size() && !positionals_[taken_].optional) {
      return wrong_usage("say " + positionals_[taken_].name + ": " + positionals_[taken_].meaning);
    }
    return std::nullopt;
  }

  /// Whether the option was given.
  bool has(std::string_view option) const { return std::find(given_.begin(), given_.end(), option) != given_.end(); }
  /// Of all options but these, one that was given; empty: none was.
  std::string given_but(const std::vector<std::string_view>& options) const {
    for (const std::string& name : given_) {
      if (std::find(options.begin(), options.end(), name) == options.end()) return name;
    }
    return {};
  }

  /// Says in one line what is wrong, and returns the status to exit with: 2.
  int wrong_usage(const std::string& problem) const {
    print_error(program_ + ": " + problem + " (" + program_ + " --help tells more)");
    return 2;
  }

  std::string help(bool all = false) const {
    std::string usage = "usage: " + program_ + (commands_.empty() ? "" : " " + command_words("|")) + " [OPTION]...";
    for (const Positional& one : positionals_) usage += one.optional ? " [" + one.name + "]" : " " + one.name;
    if (rest_ != nullptr) usage += "...";
    std::string text = usage + "\n" + summary_ + "\n\n";
    Rows rows;
    for (const Positional& one : positionals_) rows.add(one.name, one.meaning);
    if (!positionals_.empty()) rows.add_gap();
    for (const Command& command : commands_) rows.add(command.word, command.meaning);
    if (!commands_.empty()) rows.add_gap();
    for (const Option& option : options_) {
      if (option.rare && !all) continue;
      rows.add(option.name + (option.value_name.empty() ? "" : " ") + option.value_name, option.meaning);
    }
    rows.add("--version", "which this is");
    rows.add("--help", "this text");
    if (more_) rows.add("--help-all", "the same with all options");
    text += rows.text();
    text.pop_back();  // whoever prints it ends the last line
    return text;
  }

 private:
  struct Command {
    std::string word, meaning;
  };
  struct Option {
    std::string name, value_name, meaning, kind;
    std::function<bool(std::string_view)> read;
    bool rare = false;  // shown by --help-all only
  };
  struct Positional {
    std::string name, meaning, kind;
    bool optional;
    std::function<bool(std::string_view)> read;
  };

  template <Number T>
  static bool read_number(bool (*read)(std::string_view, T&), std::string_view text, T& value, Range range) {
    T number = 0;
    if (!read(text, number) || number < range.least || number > range.most) return false;
    value = number;
    return true;
  }
  template <class T, class Read>
  void add_with_default(std::string name, const std::string& value_name, const T& value, std::string meaning,
                        std::string kind, Read read) {
    const std::string shown = show_value(value);
    if (!shown.empty()) meaning += " (" + shown + ")";
    add({std::move(name), value_name, std::move(meaning), std::move(kind), std::move(read)});
  }
  void add(Option option) {
    option.rare = more_;
    options_.push_back(std::move(option));
  }

  std::string version() const {
    return program_ + " (parley) " + std::to_string(PARLEY_VERSION_MAJOR) + '.' + std::to_string(PARLEY_VERSION_MINOR) +
           '.' + std::to_string(PARLEY_VERSION_PATCH);
  }

  // Both return what is wrong, or nothing.
  std::string take_option(const std::vector<std::string_view>& words, std::size_t& i) {
    const std::size_t equals = words[i].find('=');
    const std::string_view name = words[i].substr(0, equals);
    for (const Option& option : options_) {
      if (option.name != name) continue;
      given_.push_back(option.name);
      if (option.value_name.empty()) {
        if (equals != std::string_view::npos) return option.name + " takes no value";
        option.read({});
        return {};
      }
      if (equals == std::string_view::npos && i + 1 == words.size()) return option.name + " needs a value";
      const auto value = equals == std::string_view::npos ? words[++i] : words[i].substr(equals + 1);
      if (option.read(value)) return {};
      return option.name + " needs " + option.kind + ", not " + quoted(value);
    }
    return "there is no option " + quoted(name);
  }

  std::string take_word(std::string_view word) {
    if (command_.empty() && !commands_.empty()) return take_command(word);
    if (taken_ == positionals_.size() && rest_ == nullptr) return "do not know what " + quoted(word) + " is for";
    const Positional& one = taken_ < positionals_.size() ? positionals_[taken_++] : positionals_.back();
    return one.read(word) ? std::string() : one.name + " is " + one.kind + ", not " + quoted(word);
  }

  std::string take_command(std::string_view word) {
    for (const Command& command : commands_)
      if (command.word == word) command_ = word;
    return command_.empty() ? "say " + command_words(" or ") + ", not " + quoted(word) : std::string();
  }

  std::string command_words(std::string_view between) const {
    std::string text;
    for (const Command& command : commands_) text += (text.empty() ? "" : std::string(between)) + command.word;
    return text;
  }

  static std::string quoted(std::string_view text) { return '"' + parley::make_printable(text) + '"'; }

  // Two columns, the first as wide as it must be.
  class Rows {
   public:
    void add(std::string left, std::string right) {
      width_ = std::max(width_, left.size() + 2);
      rows_.emplace_back(std::move(left), std::move(right));
    }
    void add_gap() { rows_.emplace_back(); }
    std::string text() const {
      std::string text;
      for (const auto& [left, right] : rows_) {
        if (!left.empty()) text += "  " + left + std::string(width_ - left.size(), ' ') + right;
        text += '\n';
      }
      return text;
    }

   private:
    std::vector<std::pair<std::string, std::string>> rows_;
    std::size_t width_ = 18;
  };

  std::string program_, summary_, command_;
  std::vector<Command> commands_;
  std::vector<Option> options_;
  std::vector<std::string> given_;
  std::vector<Positional> positionals_;
  std::size_t taken_ = 0;                     // of them
  std::vector<std::string>* rest_ = nullptr;  // of whom the last positional is
  std::string rest_value_;
  bool more_ = false;
};

}  // namespace common
