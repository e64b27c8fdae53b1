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
    std::uint64_t entered = 0;  // the newest message when they came to their room; counted for those who can come back
    std::uint64_t connection = 0;     // the number of theirs, where they can come back
    parley::RateLimit::Use commands;  // of the server's rate; counted apart from what they say
  };

  Person(Connection connection, std::size_t max_line)
      : peer(std::move(connection)), lines(peer, {.max_line = max_line}) {}
  Person(const Person&) = delete;
  Person& operator=(const Person&) = delete;

  parley::LineReader<Connection>& reader() { return lines; }

  std::string_view name() const { return member.name(); }
  bool numbered() const { return extra != nullptr && !extra->token.empty(); }
  bool sent_away() const { return extra != nullptr && !extra->why.empty(); }
  bool is_expelled() const { return extra != nullptr && !extra->expelled.empty(); }
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
  bool is_moving = false;  // from one room to another
};

}  // namespace tcp_chat
