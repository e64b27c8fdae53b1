// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a server prints about its work: a line for each event, as text or as JSON.

#include <parley/chat/printable.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "json.hpp"
#include "output.hpp"
#include "text.hpp"

namespace common {

class EventLog {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  EventLog(bool json, bool quiet) : json_(json), quiet_(quiet) {}

  /// "2026-05-01 12:00:00 join room=lobby name=alice", or {"time":...,"event":"join","room":"lobby","name":"alice"}.
  /// What strangers wrote cannot forge a line. A log that cannot be written ends the program's logging, not its
  /// service; nor is that held up while nobody takes what is printed (a pager, Ctrl-S): such events are dropped and counted.
  void event(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (quiet_) return;
    if (is_full_ || (gathered_.empty() && !would_print_at_once())) return drop();
    if (const auto dropped = std::exchange(dropped_, 0); dropped != 0) {
      add(line_of("log-dropped", {{"events", std::to_string(dropped)}}));
    }
    add(line_of(event, fields));
    if (gathering_ == 0) print_gathered();
  }

  /// What comes while it lives is printed with as few calls as a pipe allows: for many events at once. It ends before
  /// anything is waited for.
  class Gathering {
   public:
    explicit Gathering(EventLog& log) : log_(log) { ++log_.gathering_; }
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;
    ~Gathering() {
      if (--log_.gathering_ != 0) return;
      log_.print_gathered();
      log_.is_full_ = false;
    }

   private:
    EventLog& log_;
  };

 private:
  // A pipe then has room for so many bytes (PIPE_BUF on Linux), which is more than a line has.
  static constexpr std::size_t at_once = 4096;
  static bool would_print_at_once() {
    ::pollfd output{STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&output, 1, 0) != 0;
  }

  void drop() {
    ++dropped_;
    is_full_ = gathering_ != 0;
  }
  void add(const std::string& line) {
    if (!gathered_.empty() && gathered_.size() + line.size() > at_once) {
      print_gathered();
      if (!would_print_at_once()) return drop();
    }
    gathered_ += line;
  }
  void print_gathered() {
    if (gathered_.empty()) return;
    quiet_ = !print_lines(gathered_);
    gathered_.clear();
  }

  std::string line_of(std::string_view event, std::initializer_list<Field> fields) {
    std::string line = json_ ? "{\"time\":" + std::to_string(now_ms()) + ",\"event\":" : time_text() + " ";
    line += json_ ? json_string(event) : std::string(event);
    for (const Field& field : fields) append(line, field);
    return line += json_ ? "}\n" : "\n";
  }

  void append(std::string& line, const Field& field) const {
    constexpr std::size_t most = 1800;  // bytes, which are twice as many when all are escaped
    if (field.value.size() <= most && is_plain(field.value)) {
      line.append(json_ ? ",\"" : " ").append(field.name).append(json_ ? "\":\"" : "=").append(field.value);
      if (json_) line += '"';
      return;
    }
    std::string value = parley::make_printable(field.value);
    if (value.size() > most) {
      value.resize(complete_utf8(std::string_view(value).substr(0, most)));
      value += "...";
    }
    if (json_) {
      line += ',' + json_string(field.name) + ':' + json_string(value);
    } else {
      line += ' ' + std::string(field.name) + '=' + text_value(std::move(value));
    }
  }

  // Neither quoted nor escaped: as most values are.
  static bool is_plain(std::string_view value) {
    const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; };
    return !value.empty() && std::all_of(value.begin(), value.end(), plain);
  }

  // Quoted where it could be taken for more than one field. The text is printable.
  static std::string text_value(std::string text) {
    if (!text.empty() && text.find_first_of(" =\"") == text.npos) return text;
    for (std::size_t i = 0; (i = text.find_first_of("\"\\", i)) != text.npos; i += 2) text.insert(i, 1, '\\');
    return '"' + text + '"';
  }

  static std::int64_t now_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  }
  // Of this second: made once.
  const std::string& time_text() {
    const std::time_t now = std::time(nullptr);
    if (now == time_ && !time_text_.empty()) return time_text_;
    std::tm parts{};
    ::localtime_r(&now, &parts);
    char text[32];
    time_text_.assign(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts));
    time_ = now;
    return time_text_;
  }

  bool json_;
  bool quiet_;
  std::uint64_t dropped_ = 0;  // and not told yet
  std::string gathered_;
  unsigned gathering_ = 0;
  bool is_full_ = false;  // nobody takes what is printed: asked once in a gathering
  std::time_t time_ = 0;
  std::string time_text_;
};

}  // namespace common
