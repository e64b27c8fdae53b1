// SPDX-License-Identifier: BSL-1.0
#pragma once

// Going from one room to another over the same connection.

#include <parley/core/task.hpp>
#include <parley/io/exact.hpp>

#include <chrono>
#include <string>

#include "server.hpp"
#include "server_line.hpp"

namespace tcp_chat {

/// "session TOKEN EPOCH SEQUENCE ROOM NAME", and how many lines were taken, where the client wants to know: what clients
/// with numbered lines are told before all else of a room.
inline std::string session_line(const Person& person, const Room& room, std::uint64_t sequence, std::string_view name) {
  return "session " + person.extra->token + ' ' + std::to_string(room.chat.newest().epoch) + ' ' +
         std::to_string(sequence) + ' ' + room.name + ' ' + std::string(name) +
         (person.extra->wants_count ? ' ' + std::to_string(person.extra->taken) : std::string());
}

/// Tells what there is to know about the room one is about to come to: before its lines, the history included, and not
/// among them, where it would stay. False: they cannot be reached.
inline parley::Task<bool> introduce(Person& person, Room& room, std::string_view name, std::uint64_t sequence) {
  std::string text;
  if (person.numbered()) text = session_line(person, room, sequence, name) + '\n';
  const std::size_t others = room.present - (person.room == &room ? 1 : 0);
  text += "* you are in " + room.name + ", with " + std::to_string(others) + (others == 1 ? " other\n" : " others\n");
  if (!room.topic.empty()) text += "* topic: " + parley::make_printable(room.topic) + '\n';
  ++room.present;  // so that it is not closed meanwhile
  const auto told = co_await parley::send_all(person.peer, text).within(std::chrono::seconds(5));
  --room.present;
  co_return static_cast<bool>(told);
}

/// False: the connection is of no use any more. The person is in the new room, or in the lobby where that has no place;
/// who cannot be reached is nowhere, unless they can come back: then they are told where they are when they do.
/// `why` is what the others are told.
inline parley::Task<bool> change_room(Server& server, Person& person, std::string to, std::string why) {
  const std::string name(person.name());
  if (person.extra != nullptr) person.extra->moved_for.clear();
  const Server::KeptName kept(server, name);
  server.tell_left(person, why);
  // What was said before comes before; a client that does not take it is not worth waiting for.
  if (!co_await person.member.leave().within(std::chrono::seconds(5))) co_return false;
  server.people().remove(person);
  server.forget_place(person);
  Room* room = server.open_room(to);
  const bool has_place = room != nullptr;
  if (!has_place) room = &server.lobby();
  const bool told = co_await introduce(person, *room, name, room->chat.newest().sequence);
  const bool comes = told || (person.numbered() && !person.sent_away());
  if (!comes || !server.enter(person, *room, name)) {
    server.close_if_empty(*room);
    co_return false;
  }
  server.people().add(person);
  if (told) server.tell_present_begins(person);
  server.tell_joined(person);
  if (!has_place) static_cast<void>(person.member.tell(too_many_rooms, parley::MessageKind::error));
  co_return told;
}

/// For who is to leave their room: tells them why, and they are in the lobby. False: as change_room().
inline parley::Task<bool> go_to_lobby(Server& server, Person& person) {
  const std::string why = person.extra->expelled;
  static_cast<void>(person.member.tell(why, parley::MessageKind::error));
  const bool is_there = co_await change_room(server, person, server.lobby().name, why);
  person.extra->moved_for = why;
  co_return is_there;
}

}  // namespace tcp_chat
