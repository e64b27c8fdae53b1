// SPDX-License-Identifier: BSL-1.0
#pragma once

// A line editor for a terminal in raw mode, as a state machine without input and output: bytes of the keyboard go in,
// lines and bytes for the terminal come out.
//
// The line takes up one row, the lowest that was written to; a long one scrolls sideways. What arrives meanwhile is
// shown above it with show(), and disturbs neither.
//
//   Left Right Home End, Ctrl-B F A E           move          Up Down, Ctrl-P N    lines entered before
//   Ctrl-Left Ctrl-Right, Alt-B F               by words      Ctrl-L               clears the screen
//   Backspace Delete, Ctrl-H D                  remove        Ctrl-C               clears the line; on an empty one
//   Ctrl-W, Alt-Backspace, Alt-D                cut a word                         Event::interrupt
//   Ctrl-K Ctrl-U                               cut the rest  Ctrl-D               on an empty line end_of_input
//   Ctrl-Y                                      puts it back  Ctrl-Z               Event::suspend
//
// A line that Ctrl-C has cleared comes back with Ctrl-Y too. Tab completes where it was said how.
//
// A paste, where the terminal marks it (see KeyDecoder), is text: each of its lines is delivered, in order; what
// follows its last line end stays to be edited. A line end in a paste ends the line at the cursor, and what was behind
// the cursor moves to the next. Pasted lines do not go into the history.
//
// The bell rings and the line stays as it is where a key would make it longer than allowed; a longer line in a paste
// is delivered in pieces, with the bell.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "edit_buffer.hpp"
#include "input_row.hpp"
#include "key_decoder.hpp"
#include "keys.hpp"
#include "line_history.hpp"
#include "text.hpp"

namespace common {

class LineEditor {
 public:
  struct Options {
    std::size_t max_line = 4096;  // bytes; at least 16
    std::size_t max_history = 100;
    /// What Tab inserts behind this text, the line up to the cursor; nothing: the bell.
    std::function<std::string(std::string_view)> complete = {};
  };
  enum class Event : std::uint8_t { none, line, interrupt, end_of_input, suspend };

  LineEditor() : LineEditor(Options()) {}
  explicit LineEditor(Options options)
      : line_(options.max_line < 16 ? 16 : options.max_line),
        history_(options.max_history),
        complete_(std::move(options.complete)) {}

  /// Takes bytes from the front until something has happened, or, with Event::none, all of them. After Event::line,
  /// take_line() has it.
  Event feed(std::string_view& bytes) {
    for (;;) {
      if (pasting_over_) return finish_piece();
      const Key key = decoder_.next(bytes);
      if (key == Key::none) return Event::none;
      const Event event = handle(key);
      if (event != Event::none) return event;
    }
  }
  std::string take_line() { return std::exchange(entered_, std::string()); }

  /// For the Escape key; see KeyDecoder.
  bool may_be_whole() const { return decoder_.may_be_whole(); }
  void forget_sequence() { decoder_.forget_sequence(); }

  /// What the terminal is to be sent since the last call.
  std::string take_output() {
    if (is_drawn_ && must_draw_) output_ += row_.draw(line_);
    must_draw_ = false;
    return std::exchange(output_, std::string());
  }
  /// take_output() that also shows a text above the row: lines, the last without its end. It must be fit for a
  /// terminal (parley::make_printable); colours in it are the caller's.
  std::string show(std::string_view text) {
    if (is_drawn_) output_ += InputRow::erased;
    for (const char c : text) output_ += c == '\n' ? std::string_view("\r\n") : std::string_view(&c, 1);
    output_ += "\r\n";
    must_draw_ = true;
    return take_output();
  }
  /// take_output() that removes the row, until redraw().
  std::string hide() {
    must_draw_ = false;
    if (std::exchange(is_drawn_, false)) output_ += InputRow::erased;
    return take_output();
  }
  /// The next take_output() draws the row.
  void redraw() { is_drawn_ = must_draw_ = true; }

  void set_columns(std::size_t columns) {
    row_.set_columns(columns);
    must_draw_ = true;
  }
  /// See InputRow::set_prompt().
  void set_prompt(std::string_view text, std::string_view colour = {}) {
    row_.set_prompt(text, colour);
    must_draw_ = true;
  }

 private:
  Event handle(Key key) {
    must_draw_ = true;
    switch (key) {
      case Key::none: break;
      case Key::text: return insert();
      case Key::enter: return enter();
      case Key::pasted_line_end: return deliver(line_.take_front());
      case Key::tab: complete(); break;
      case Key::left: line_.move_left(); break;
      case Key::right: line_.move_right(); break;
      case Key::home: line_.move_home(); break;
      case Key::end: line_.move_end(); break;
      case Key::word_left: line_.move_word_left(); break;
      case Key::word_right: line_.move_word_right(); break;
      case Key::backspace: line_.erase_left(); break;
      case Key::erase: line_.erase_right(); break;
      case Key::kill_to_end: line_.cut_to_end(); break;
      case Key::kill_to_start: line_.cut_to_start(); break;
      case Key::kill_blank_word: line_.cut_blank_word(); break;
      case Key::kill_word_left: line_.cut_word_left(); break;
      case Key::kill_word_right: line_.cut_word_right(); break;
      case Key::yank: ring_unless(line_.yank()); break;
      case Key::up: recall(history_.previous(line_.text())); break;
      case Key::down: recall(history_.next()); break;
      case Key::redraw: output_ += "\x1b[H\x1b[2J"; break;
      case Key::end_of_input_or_erase:
        if (line_.empty()) return Event::end_of_input;
        line_.erase_right();
        break;
      case Key::interrupt:
        if (line_.empty()) return Event::interrupt;
        line_.cut_all();
        history_.leave();
        break;
      case Key::suspend: return Event::suspend;
    }
    return Event::none;
  }

  Event insert() {
    if (line_.insert(decoder_.text())) return Event::none;
    ring_unless(false);
    pasting_over_ = decoder_.is_pasting();
    return Event::none;
  }

  // A paste has filled the line: what there is goes, and the character that found no room begins the next.
  Event finish_piece() {
    pasting_over_ = false;
    if (line_.cursor() == 0) line_.move_end();
    const Event event = deliver(line_.take_front());
    line_.insert(decoder_.text());
    return event;
  }

  Event enter() {
    std::string text = line_.take();
    history_.add(text);
    return deliver(std::move(text));
  }

  Event deliver(std::string text) {
    if (is_drawn_) output_ += row_.draw_whole(text);
    entered_ = std::move(text);
    return Event::line;
  }

  void complete() {
    if (!complete_) return;
    const std::string more =
        parley::make_printable(complete_(std::string_view(line_.text()).substr(0, line_.cursor())));
    ring_unless(!more.empty() && line_.insert(more));
  }

  void recall(const std::string* text) {
    if (text != nullptr) line_.assign(*text);
  }

  // Once for all keys of a take_output().
  void ring_unless(bool done) {
    if (!done && (output_.empty() || output_.back() != '\a')) output_ += '\a';
  }

  KeyDecoder decoder_;
  EditBuffer line_;
  LineHistory history_;
  InputRow row_;
  std::function<std::string(std::string_view)> complete_;
  std::string entered_;
  std::string output_;
  bool is_drawn_ = true;
  bool must_draw_ = true;
  bool pasting_over_ = false;
};

}  // namespace common
