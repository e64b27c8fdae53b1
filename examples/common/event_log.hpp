// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a server prints about its work: a line for each event, as text or as JSON.

#include <parley/chat/printable.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "json.hpp"
#include "output.hpp"
#include "text.hpp"

namespace common {

/// Threads: any; what several say is printed line by line.
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
    Gathering(*this).event(event, fields);
  }

  /// Prints what it is told with as few calls as a pipe allows: for many events at once. It ends before anything is
  /// waited for. Threads: one.
  class Gathering {
   public:
    explicit Gathering(EventLog& log) : log_(log) {}
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;
    ~Gathering() { print(); }

    /// See EventLog::event().
    void event(std::string_view event, std::initializer_list<Field> fields = {}) {
      if (log_.quiet_) return;
      const std::string line = log_.line_of(event, fields);
      if (lines_.size() + line.size() > at_once) print();
      lines_ += line;
      ++count_;
    }

   private:
    void print() {
      if (count_ != 0) log_.print(lines_, count_);
      lines_.clear();
      count_ = 0;
    }

    EventLog& log_;
    std::string lines_;
    std::uint64_t count_ = 0;
  };

 private:
  // A pipe that has room takes as much as PIPE_BUF, 4,096 bytes on Linux, so no line is longer; and it may have to be told
  // first how many were dropped.
  static constexpr std::size_t at_once = 4096 - 128;
  static bool would_print_at_once() {
    ::pollfd output{STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&output, 1, 0) != 0;
  }

  // Locked from the look at the room to its use.
  void print(const std::string& lines, std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    if (!would_print_at_once()) {
      dropped_ += count;
      return;
    }
    const auto dropped = std::exchange(dropped_, 0);
    quiet_ = dropped == 0 ? !print_lines(lines)
                          : !print_lines(line_of("log-dropped", {{"events", std::to_string(dropped)}}) + lines);
  }

  // Of each value at most so many bytes, fewer where the line would be too long: when they are escaped they are twice as many.
  std::string line_of(std::string_view event, std::initializer_list<Field> fields, std::size_t most = 1800) const {
    std::string line = json_ ? "{\"time\":" + std::to_string(now_ms()) + ",\"event\":" : time_text() + " ";
    line += json_ ? json_string(event) : std::string(event);
    for (const Field& field : fields) append(line, field, most);
    line += json_ ? "}\n" : "\n";
    return line.size() <= at_once || most < 100 ? line : line_of(event, fields, most / 2);
  }

  void append(std::string& line, const Field& field, std::size_t most) const {
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
  // Of this second: made once on each thread.
  static const std::string& time_text() {
    thread_local std::time_t time = 0;
    thread_local std::string made;
    const std::time_t now = std::time(nullptr);
    if (now == time && !made.empty()) return made;
    std::tm parts{};
    ::localtime_r(&now, &parts);
    char text[32];
    made.assign(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts));
    time = now;
    return made;
  }

  const bool json_;
  std::atomic<bool> quiet_;
  std::mutex mutex_;
  std::uint64_t dropped_ = 0;  // and not told yet
};

}  // namespace common
