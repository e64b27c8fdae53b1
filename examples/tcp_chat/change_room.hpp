// SPDX-License-Identifier: BSL-1.0
#pragma once

// Going from one room to another over the same connection.

#include <parley/core/task.hpp>

#include <chrono>
#include <string>

#include "server.hpp"

namespace tcp_chat {

/// "session TOKEN EPOCH SEQUENCE ROOM NAME": what clients with numbered lines are told before the lines of a room.
inline std::string session_line(const Person& person, const Room& room, std::uint64_t sequence, std::string_view name) {
  return "session " + person.extra->token + ' ' + std::to_string(room.chat.newest().epoch) + ' ' +
         std::to_string(sequence) + ' ' + room.name + ' ' + std::string(name);
}

/// Tells what there is to know about the room one has come to.
inline void introduce(Person& person) {
  const Room& room = *person.room;
  static_cast<void>(person.member.tell("you are in " + room.name + ", with " + std::to_string(room.present - 1) +
                                       (room.present == 2 ? " other" : " others")));
  if (!room.topic.empty()) static_cast<void>(person.member.tell("topic: " + room.topic));
}

/// False: the connection is of no use any more. The person is in the new room, or in the lobby where that has no place.
inline parley::Task<bool> change_room(Server& server, Person& person, std::string to) {
  const std::string name(person.name());
  const Server::KeptName kept(server, name);
  person.is_moving = true;  // where it goes wrong, for good: nobody takes such a place over
  server.tell_left(person, "went to " + to);
  // What was said before comes before; a client that does not take it is not worth waiting for.
  if (!co_await person.member.leave().within(std::chrono::seconds(5))) co_return false;
  server.people().remove(person);
  server.forget_place(person);
  Room* room = server.open_room(to);
  if (room == nullptr) room = &server.lobby();
  ++room->present;  // so that it is not closed meanwhile
  bool told = true;
  if (person.numbered()) {
    const std::string line = session_line(person, *room, room->chat.newest().sequence, name);
    told = static_cast<bool>(co_await parley::send_line(person.peer, line).within(std::chrono::seconds(5)));
  }
  --room->present;
  const bool entered = told && server.enter(person, *room, name);
  if (!entered) {
    server.close_if_empty(*room);
    co_return false;
  }
  person.is_moving = false;
  server.people().add(person);
  introduce(person);
  server.tell_joined(person);
  co_return true;
}

}  // namespace tcp_chat
