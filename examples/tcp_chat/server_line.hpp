// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a line of the server means to a client that has asked for numbered lines.

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "command_line.hpp"

namespace tcp_chat {

/// Said to whoever connects. A client that has a name to give need not show it.
inline constexpr std::string_view welcome_line = "* welcome! Your first line is your name; then /help tells more.";

/// Said, after "! ", to who finds no place; no name would help.
inline constexpr std::string_view server_is_full = "the server is full";

/// Said, after "! ", to who wants to go on with a session over an older connection than its own.
inline constexpr std::string_view goes_on_elsewhere = "this session goes on over a newer connection";

/// Said, after "! ", to who wants to open one more.
inline constexpr std::string_view too_many_rooms = "there are too many rooms";

/// Said, after "! ", to who wants to go to the room where they are.
inline constexpr std::string_view already_there = "you are in this room";

/// Said, as a notice, to who has come to a room, behind its history.
inline constexpr std::string_view present_begins = "what follows is new";

/// Said to all, as a notice.
inline constexpr std::string_view server_is_stopping = "the server is stopping";

/// The last line to who was sent away: they are not to come back by themselves.
inline constexpr std::string_view end_line = "end";

/// Which session this is, and where: from here on the room's lines follow.
struct SessionLine {
  std::string_view token;
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;  // of the newest message that is not new to the client
  std::string_view room;
  std::string_view name;
  std::optional<std::uint64_t> taken;  // how many of its lines the server has taken since the session began
};

/// A message with its number.
struct RecordLine {
  std::uint64_t sequence = 0;
  std::int64_t time_ms = 0;
  std::string_view kind;  // text, direct, notice, error, missed
  std::string_view name;  // "-": nobody
  std::string_view text;
};

template <class T>
bool parse_number(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// The words of the line up to a space each; the last gets all that is left, as it is.
template <std::size_t N>
std::optional<std::array<std::string_view, N>> split(std::string_view line) {
  std::array<std::string_view, N> words;
  for (std::size_t i = 0; i + 1 < N; ++i) {
    const auto end = line.find(' ');
    if (end == line.npos) return std::nullopt;
    words[i] = line.substr(0, end);
    line.remove_prefix(end + 1);
  }
  words[N - 1] = line;
  return words;
}

inline std::optional<SessionLine> parse_session_line(std::string_view line) {
  const auto words = split<6>(line);
  SessionLine session;
  if (!words || (*words)[0] != "session" || !parse_number((*words)[2], session.epoch) ||
      !parse_number((*words)[3], session.sequence)) {
    return std::nullopt;
  }
  session.token = (*words)[1];
  session.room = (*words)[4];
  const FirstWord name = first_word((*words)[5]);
  session.name = name.word;
  if (std::uint64_t taken = 0; parse_number(name.rest, taken)) session.taken = taken;
  return session;
}

inline std::optional<RecordLine> parse_record_line(std::string_view line) {
  const auto words = split<5>(line);
  RecordLine record;
  if (!words || !parse_number((*words)[0], record.sequence) || !parse_number((*words)[1], record.time_ms)) {
    return std::nullopt;
  }
  record.kind = (*words)[2];
  record.name = (*words)[3];
  record.text = (*words)[4];
  return record;
}

}  // namespace tcp_chat
