// SPDX-License-Identifier: BSL-1.0
#pragma once

// ChatRoom::serve(): a chat for whoever connects, with nc, telnet or a program.
//
//   run([]() -> Task<Result<>> {
//     ChatRoom room;
//     co_return co_await room.serve(TcpListener::bind("127.0.0.1", 8000).value());
//   });
//
// The first line is the reader's name; then each line is said to all others. What comes are the lines of PlainLines.

#include <parley/chat/chat_room.hpp>
#include <parley/core/task_operation.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/quiet_scope.hpp>
#include <parley/io/send_line.hpp>
#include <parley/net/socket.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

class RemoteMember;

struct ServeOptions {
  /// Sent to whoever connects, as a notice. Borrowed.
  std::string_view greeting = "Welcome! Your first line is your name.";
  /// How long that may take; the connection is closed then.
  Duration name_timeout = std::chrono::seconds(30);
  /// A connection from which nothing comes for so long is closed.
  Duration idle_timeout = Duration::max();
  /// How long members may take to get what was said before the server ended.
  Duration close_timeout = std::chrono::seconds(2);
  /// Connections at a time, with or without a name; others are told that there is no room.
  std::size_t max_connections = 10000;
};

namespace detail {

/// Where the room is on another loop, it is asked; on its own it answers at once.
template <class Room>
inline constexpr bool is_home = std::is_same_v<Room, ChatRoom>;

/// Somebody who is in the room or about to be.
template <class Room, class Stream>
struct ChatGuest : QuietSession<ChatGuest<Room, Stream>> {
  ChatGuest(Stream connection, std::size_t max_line)
      : peer(std::move(connection)), lines(peer, {.max_line = max_line}) {}
  LineReader<Stream>& reader() noexcept { return lines; }
  Stream peer;
  LineReader<Stream> lines;
  std::conditional_t<is_home<Room>, Member, RemoteMember> member;
};

/// Lets people in, and has what they say said. A template so that only those who serve pay for compiling its coroutines.
template <class Room, class Stream>
class ChatHost {
 public:
  using Guest = ChatGuest<Room, Stream>;
  using Guests = QuietScope<Guest, ChatHost>;

  explicit ChatHost(const ServeOptions& options) noexcept : options_(options) {}

  bool attend_at_once(Guest& guest, std::string_view line) noexcept {
    if constexpr (is_home<Room>) {
      return line.empty() || guest.member.try_say(line).has_value();
    } else {
      return line.empty();
    }
  }
  Task<std::unique_ptr<Guest>> attend(std::unique_ptr<Guest> guest, Result<std::string_view> line) {
    if (line) {
      const auto said = co_await guest->member.say(*line);
      if (said) co_return std::move(guest);
    }
    co_await announce(guest->member, " left");
    if constexpr (!is_home<Room>) {
      static_cast<void>(co_await guest->member.leave().stop({}).within(options_.close_timeout));
    }
    co_return nullptr;
  }

  static Task<> welcome(Room& room, Guests& guests, Stream peer, ServeOptions options) {
    auto guest = std::make_unique<Guest>(std::move(peer), room.options().max_message);
    auto admitted = co_await as_operation(admit(room, guest->peer, guest->lines, options)).within(options.name_timeout);
    if (!admitted) co_return;
    guest->member = std::move(*admitted);
    co_await announce(guest->member, " joined");
    guests.keep(std::move(guest));
  }

  static Task<> refuse(Stream peer) {
    static_cast<void>(co_await send_line(peer, "! There is no room for more.").within(Duration::zero()));
  }

 private:
  static constexpr int most_attempts = 10;
  using Place = decltype(Guest::member);

  // A name that is refused may be tried again.
  static Task<Result<Place>> admit(Room& room, Stream& peer, LineReader<Stream>& lines, ServeOptions options) {
    std::string answer = "* " + make_printable(options.greeting);
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      const auto told = co_await send_line(peer, answer);
      if (!told) co_return told.error();
      const auto line = co_await lines.next();
      if (!line) co_return line.error();
      const std::string name = trimmed(make_printable(*line));
      Result<Place> member = Error::malformed;
      if constexpr (is_home<Room>) {
        if (!name.empty()) member = room.join(peer, name);
      } else {
        if (!name.empty()) member = co_await room.join(peer, name);
      }
      if (member) co_return member;
      answer = "! " + reason(member.error());
    }
    co_return Error::malformed;
  }

  static std::string reason(std::error_code error) {
    if (error == Error::busy) return "Somebody has this name already. Another one?";
    if (error == Error::malformed) return "A name has at least one character. Another one?";
    if (error == Error::too_long) return "This name is too long. Another one?";
    return error.message();
  }

  static std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    text.erase(0, text.find_first_not_of(' '));
    return text;
  }

  // Said to the end, whoever stops the session meanwhile, but not for ever.
  static Task<> announce(Place& member, const char* what) {
    const std::string text = std::string(member.name()) + what;
    if constexpr (is_home<Room>) {
      static_cast<void>(member.announce(text));
    } else {
      static_cast<void>(co_await member.announce(text).stop({}).within(std::chrono::seconds(1)));
    }
    co_return;
  }

  ServeOptions options_;
};

/// Accepts until that fails, or is stopped, which is the result.
template <class Room, class Listener, class Guests>
Task<std::error_code> welcome_all(Room& room, Listener& listener, Guests& guests, ServeOptions options) {
  using Host = ChatHost<Room, Socket>;
  Result<Socket> peer;
  while ((peer = co_await listener.accept())) {
    if (guests.size() < options.max_connections) {
      guests.spawn(Host::welcome(room, guests, std::move(*peer), options));
    } else {
      co_await Host::refuse(std::move(*peer));
    }
  }
  listener.close();
  co_return peer.error();
}

}  // namespace detail

/// Completes when the listener fails, or with success once it was stopped and all have been told: Result<>.
/// Cancelling: members get what was said before, within close_timeout.
/// Overflow:   over max_connections, connections are told so and closed.
template <class Listener>
Task<Result<>> ChatRoom::serve(Listener listener, ServeOptions options) {
  using Host = detail::ChatHost<ChatRoom, Socket>;
  Host::Guests guests(Host(options), options.idle_timeout);
  const std::error_code error = co_await detail::welcome_all(*this, listener, guests, options);
  static_cast<void>(publish("The server is stopping."));
  static_cast<void>(co_await close().stop({}).within(options.close_timeout));
  static_cast<void>(co_await guests.cancel_and_join());
  co_return error == Error::cancelled ? Result<>() : error;
}

template <class Listener>
Task<Result<>> ChatRoom::serve(Listener listener) {
  return serve(std::move(listener), ServeOptions());
}

}  // namespace parley::inline PARLEY_ABI
