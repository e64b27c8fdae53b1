// SPDX-License-Identifier: BSL-1.0
#pragma once

// A room with what is known of it beside what is said.

#include <parley/chat/chat_room.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "person.hpp"

namespace tcp_chat {

struct Room {
  Room(std::string room_name, const parley::RoomOptions& options) : name(std::move(room_name)), chat(options) {}

  bool is_operator(const Person& person) const { return person.is_operator || operators.contains(person.member.id()); }

  /// In a big room comings and goings are not told one by one: they would be most of what is said.
  bool is_big() const { return chat.size() > 50; }

  const std::string name;
  parley::ChatRoom chat;
  std::string topic;
  std::set<parley::MemberId> operators;
  std::set<std::string> muted;   // keys of names
  std::set<std::string> banned;  // keys of names
  std::size_t joined = 0;        // and not told yet
  std::size_t left = 0;
  std::size_t present = 0;  // people, those included who are away and may come back
};

}  // namespace tcp_chat
