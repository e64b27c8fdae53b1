// SPDX-License-Identifier: BSL-1.0
#pragma once

// Somebody in the chat, and where.

#include <parley/chat/chat_room.hpp>
#include <parley/core/rate_limit.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/quiet_scope.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "connection.hpp"

namespace tcp_chat {

struct Room;

/// Small, since there may be thousands who say nothing: they have no coroutine.
struct Person : parley::QuietSession<Person> {
  /// What few have.
  struct Extra {
    std::string token;          // lets them come back over another connection; empty: they cannot
    std::string why;            // they are about to be sent away, for this
    std::string expelled;       // they are about to be sent to the lobby, for this
    std::string moved_for;      // they were sent to the lobby for this; they may not have heard of it
    std::uint64_t entered = 0;  // the newest message when they came to their room; counted for those who can come back
    std::uint64_t connection = 0;     // the number of theirs, where they can come back
    std::uint64_t taken = 0;          // lines of theirs since the session began, over whatever connection
    bool wants_count = false;         // of these, in a `session` line
    bool is_wanted = false;           // by another connection, which waits until no line of this one is attended to
    parley::RateLimit::Use commands;  // of the server's rate; counted apart from what they say
  };

  Person(Connection connection, std::size_t max_line)
      : peer(std::move(connection)), lines(peer, {.max_line = max_line, .require_final_newline = true}) {}
  Person(const Person&) = delete;
  Person& operator=(const Person&) = delete;

  parley::LineReader<Connection>& reader() { return lines; }

  std::string_view name() const { return member.name(); }
  bool numbered() const { return extra != nullptr && !extra->token.empty(); }
  bool sent_away() const { return extra != nullptr && !extra->why.empty(); }
  bool is_expelled() const { return extra != nullptr && !extra->expelled.empty(); }
  bool is_wanted() const { return extra != nullptr && extra->is_wanted; }
  /// One more line has had its effect, or will have it: it need not come again over another connection.
  void note_taken() noexcept {
    if (extra != nullptr) ++extra->taken;
  }
  Extra& more() {
    if (extra == nullptr) extra = std::make_unique<Extra>();
    return *extra;
  }

  Connection peer;
  parley::LineReader<Connection> lines;
  parley::Member member;  // none: they went on over another connection
  Room* room = nullptr;
  std::unique_ptr<Extra> extra;
  std::uint8_t wrong_passwords = 0;
  bool is_operator = false;  // of the server
  bool said_goodbye = false;
  bool is_attended = false;  // a line of theirs has some of its effect, maybe not all yet
};

}  // namespace tcp_chat
