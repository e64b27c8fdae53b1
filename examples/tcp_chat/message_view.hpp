// SPDX-License-Identifier: BSL-1.0
#pragma once

// How a client shows what comes: for people, with colours on a terminal, or as JSON for programs.

#include <ctime>
#include <string>
#include <string_view>

#include "../common/chat_screen.hpp"
#include "../common/json.hpp"
#include "server_line.hpp"

namespace tcp_chat {

class MessageView {
 public:
  MessageView(common::ChatScreen& screen, bool json) : screen_(screen), json_(json) {}

  /// False when it cannot be written; errno tells why.
  bool show(const RecordLine& record, std::string_view room) {
    const std::string time = json_ || begins_with_time(record) ? std::string() : with_time(record.time_ms);
    return screen_.print(json_ ? as_json(record, room) : time + as_text(record));
  }
  /// What the server says outside of a room, and what the client itself has to say.
  bool notice(std::string_view text) { return plain("notice", "* ", text, common::Colour::dim); }
  bool error(std::string_view text) { return plain("error", "! ", text, common::Colour::red); }

 private:
  bool plain(std::string_view kind, std::string_view mark, std::string_view text, common::Colour colour) {
    const std::string clean = parley::make_printable(text);
    if (!json_) return screen_.print(screen_.paint(std::string(mark) + clean, colour));
    return screen_.print("{\"kind\":" + common::json_string(kind) + ",\"text\":" + common::json_string(clean) + '}');
  }

  static std::string as_json(const RecordLine& record, std::string_view room) {
    std::string json = "{\"sequence\":" + std::to_string(record.sequence) +
                       ",\"time\":" + std::to_string(record.time_ms) + ",\"kind\":" + common::json_string(record.kind) +
                       ",\"room\":" + common::json_string(room);
    if (record.name != "-") json += ",\"name\":" + common::json_string(record.name);
    if (record.kind == "missed") {
      std::uint64_t missed = 0;
      parse_number(record.text, missed);
      return json + ",\"missed\":" + std::to_string(missed) + '}';
    }
    return json + ",\"text\":" + common::json_string(record.text) + '}';
  }

  std::string as_text(const RecordLine& record) const {
    const std::string text = parley::make_printable(record.text);
    const std::string name = parley::make_printable(record.name);
    if (record.kind == "text") return screen_.paint('<' + name + '>', colour_of(name)) + ' ' + text;
    if (record.kind == "direct") return screen_.paint('[' + name + ']', common::Colour::bold) + ' ' + text;
    if (record.kind == "error") return screen_.paint("! " + text, common::Colour::red);
    if (record.kind == "missed") {
      return screen_.paint("* you missed " + text + (text == "1" ? " message" : " messages"), common::Colour::yellow);
    }
    return screen_.paint("* " + text, common::Colour::dim);
  }

  // "22:52 <Ann> hello", of an answer to /history: two times would be one too many.
  static bool begins_with_time(const RecordLine& record) {
    constexpr std::string_view pattern = "00:00 <";
    if (record.kind != "notice" || record.text.size() < pattern.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      const bool is_digit = record.text[i] >= '0' && record.text[i] <= '9';
      if (pattern[i] == '0' ? !is_digit : record.text[i] != pattern[i]) return false;
    }
    return true;
  }

  // Only people look at the time; a script that wants it asks for JSON.
  std::string with_time(std::int64_t time_ms) const {
    if (!screen_.edits()) return {};
    const auto seconds = static_cast<std::time_t>(time_ms / 1000);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    char text[16];
    return screen_.paint(std::string(text, std::strftime(text, sizeof text, "%H:%M ", &parts)), common::Colour::dim);
  }

  static common::Colour colour_of(std::string_view name) {
    constexpr common::Colour colours[] = {common::Colour::cyan, common::Colour::green, common::Colour::magenta,
                                          common::Colour::blue, common::Colour::yellow};
    unsigned sum = 0;
    for (const char c : name) sum = sum * 31 + static_cast<unsigned char>(c);
    return colours[sum % std::size(colours)];
  }

  common::ChatScreen& screen_;
  bool json_;
};

}  // namespace tcp_chat
