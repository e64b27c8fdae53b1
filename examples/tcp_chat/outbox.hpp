// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a client has to send, and what it has sent and may have to send again.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../common/text.hpp"
#include "command_line.hpp"

namespace tcp_chat {

/// The lines that the server is not known to have taken, in order: those that were sent, then those that were not yet.
/// The server counts what it takes of a session, so what was sent has numbers, from 1. Beside what was typed there are
/// lines of the client's own: they count, but are neither sent again nor told of.
///
/// Bounded by its user, who adds nothing while there is no room.
class Outbox {
 public:
  static constexpr std::size_t max_lines = 256;
  static constexpr std::size_t max_bytes = std::size_t{256} * 1024;  // and what the last line is longer

  bool has_room() const { return lines_.size() < max_lines && bytes_ < max_bytes; }
  bool has_unsent() const { return sent_ < lines_.size(); }
  /// How many were typed, and are not known to have been taken; and how many of these were sent.
  std::size_t typed() const { return typed_; }
  std::size_t typed_and_sent() const { return typed_ - (lines_.size() - sent_); }
  /// The number of the line that was sent last.
  std::uint64_t last() const { return taken_ + sent_; }

  void add(std::string text) {
    bytes_ += text.size();
    ++typed_;
    lines_.push_back(Line(std::move(text), false));
  }
  const std::string& next() const { return lines_[sent_].text; }
  /// The next one has been dealt with here, and is not sent.
  void drop_next() { erase(sent_); }
  void note_sent() { ++sent_; }
  /// A line of the client's own is sent now. Its number.
  std::uint64_t note_own(std::string text) {
    bytes_ += text.size();
    lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(sent_), Line(std::move(text), true));
    ++sent_;
    return last();
  }

  /// The server has taken the lines up to that number. True: one of them may have led to another room.
  bool take(std::uint64_t number) {
    bool leads_elsewhere = false;
    while (taken_ < number && sent_ != 0) {
      const std::string command = common::small_letters(parse_line(lines_.front().text).command);
      leads_elsewhere = leads_elsewhere || command == "join" || command == "leave";
      erase(0);
      --sent_;
      ++taken_;
    }
    return leads_elsewhere;
  }
  /// Whether that can be the number of the last line that was taken.
  bool may_be_taken(std::uint64_t number) const { return number >= taken_ && number <= last(); }
  /// What was sent is to be sent again, over another connection.
  void send_again() {
    for (std::size_t i = sent_; i-- > 0;) {
      if (lines_[i].is_own) erase(i);
    }
    sent_ = 0;
  }
  /// Gives up what was typed and sent; the session goes on.
  std::vector<std::string> give_up_sent() {
    std::vector<std::string> texts;
    for (; sent_ != 0; --sent_, ++taken_) {
      if (!lines_.front().is_own) texts.push_back(lines_.front().text);
      erase(0);
    }
    return texts;
  }
  /// Gives up what was not sent.
  std::vector<std::string> give_up_unsent() {
    std::vector<std::string> texts;
    while (has_unsent()) {
      texts.push_back(lines_[sent_].text);
      erase(sent_);
    }
    return texts;
  }
  /// So many have been taken of the session, whatever was known before: after give_up_sent().
  void begin_session(std::uint64_t taken) { taken_ = taken; }

 private:
  struct Line {
    Line(std::string line, bool own) : text(std::move(line)), is_own(own) {}
    std::string text;
    bool is_own;
  };

  void erase(std::size_t i) {
    bytes_ -= lines_[i].text.size();
    if (!lines_[i].is_own) --typed_;
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  std::deque<Line> lines_;
  std::size_t sent_ = 0;     // the first of them
  std::size_t typed_ = 0;    // all but the client's own
  std::size_t bytes_ = 0;    // of the texts
  std::uint64_t taken_ = 0;  // of the session, before the first of them
};

/// How a client asks what was taken: the answer comes when all before it has been.
inline std::string ask_for_taken(std::uint64_t number) { return "/ping taken " + std::to_string(number); }
/// The number in the answer's text; 0: it is another text.
inline std::uint64_t answer_of_taken(std::string_view text) {
  constexpr std::string_view begin = "pong taken ";
  std::uint64_t number = 0;
  if (text.starts_with(begin)) {
    std::from_chars(text.data() + begin.size(), text.data() + text.size(), number);
  }
  return number;
}

}  // namespace tcp_chat
