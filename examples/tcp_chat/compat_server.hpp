// SPDX-License-Identifier: BSL-1.0
#pragma once

// Servers for the programs of tutorials, which send texts without any framing: one send is one message.

#include <parley/chat/chat_room.hpp>
#include <parley/core/scope.hpp>
#include <parley/io/chunk_reader.hpp>
#include <parley/net/tcp_listener.hpp>

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "../common/listening.hpp"
#include "../common/output.hpp"
#include "directory.hpp"
#include "server_options.hpp"

namespace tcp_chat {

inline std::uint16_t compat_port(std::string_view compat) {
  if (compat == "welcome") return 8000;
  return compat == "hii" ? 11826 : 12345;
}

/// Appends the text, printable, each of its lines behind what `prefix` says for it: with a newline inside, a text would
/// else contain what looks like somebody else's. `prefix` gets the line. A newline at the end stays one.
template <class Prefix>
void append_lines(std::string_view text, std::string& out, Prefix prefix) {
  for (;;) {
    const auto newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    if (!line.empty()) out += prefix(line);
    parley::append_printable(line, out);
    if (newline == text.npos) return;
    out += '\n';
    text.remove_prefix(newline + 1);
    if (text.empty()) return;
  }
}

/// "<NAME> TEXT", without a newline.
class BracketedChunks final : public parley::WireFormat {
 public:
  void encode(const parley::Message& message, std::string& out) const override {
    if (message.kind != parley::MessageKind::text) return;
    const std::string prefix = '<' + std::string(message.name) + "> ";
    append_lines(message.text, out, [&](std::string_view) -> const std::string& { return prefix; });
  }
};
inline constexpr BracketedChunks bracketed_chunks;

/// Texts and notices as they are.
class BareChunks final : public parley::WireFormat {
 public:
  void encode(const parley::Message& message, std::string& out) const override {
    if (message.kind == parley::MessageKind::missed) return;
    parley::append_printable(message.text, out, parley::Newlines::keep);
  }
};
inline constexpr BareChunks bare_chunks;

class CompatServer {
 public:
  explicit CompatServer(const ServerOptions& options) : options_(options), room_(room_options(options)) {}

  /// The status to exit with.
  parley::Task<int> run(std::string program) {
    auto listener = parley::TcpListener::bind(options_.host, options_.port);
    if (!listener) {
      co_return common::give_up("cannot listen on " + common::endpoint(options_.host, options_.port), listener.error());
    }
    const parley::Address at = listener->local_address().value();
    const std::string reach = common::reachable_host(at) + " " + std::to_string(at.port());
    if (!options_.quiet) {
      const std::string name = options_.compat == "hii" ? " --name YOU " : " ";  // the others have none
      common::announce(at, {program + " client --compat " + options_.compat + name + reach, "nc " + reach});
    }
    parley::Scope sessions;
    parley::Result<parley::Socket> peer;
    parley::Address from;
    while ((peer = co_await listener->accept(from))) {
      if (options_.max_clients != 0 && sessions.size() >= options_.max_clients) {
        peer->close();
        continue;
      }
      sessions.spawn(serve(std::move(*peer), from.host()));
    }
    static_cast<void>(co_await room_.close().stop({}).within(std::chrono::seconds(2)));
    static_cast<void>(co_await sessions.cancel_and_join());
    co_return common::give_up("cannot accept connections on " + at.to_string(), peer.error());
  }

 private:
  using Chunks = parley::ChunkReader<parley::Socket>;

  static parley::RoomOptions room_options(const ServerOptions& options) {
    parley::RoomOptions room;
    room.unique_names = options.compat == "hii";
    room.echo = options.compat == "hii";
    room.rate = options.rate;
    room.max_lag = options.max_lag;
    room.max_message = std::size_t{64} << 10;  // a chunk of many lines, each behind a name
    return room;
  }

  parley::Task<> serve(parley::Socket peer, std::string from) {
    print(from + " connected");
    if (options_.compat == "hello") {
      co_await hello(peer);
    } else if (options_.compat == "echo-chat") {
      co_await echo(peer);
    } else if (options_.compat == "welcome") {
      co_await welcome(peer, from);
    } else {
      co_await hii(peer);
    }
    print(from + " disconnected");
  }

  static parley::Task<> hello(parley::Socket& peer) {
    static_cast<void>(co_await peer.send_all("Thank you for connecting").within(patience));
  }

  parley::Task<> echo(parley::Socket& peer) {
    Chunks chunks{peer, {.max_chunk = 1024, .whole_utf8 = true}};
    while (auto text = co_await chunks.next()) {
      print(*text);
      const std::string answer = "Server received your message: " + std::string(*text);
      if (!co_await peer.send_all(answer).within(patience)) break;
    }
  }

  parley::Task<> welcome(parley::Socket& peer, std::string from) {
    if (!co_await peer.send_all("Welcome to this chatroom!").within(patience)) co_return;
    parley::JoinOptions options;
    options.format = &bracketed_chunks;
    auto member = room_.join(peer, from, options);
    if (!member) co_return;
    Chunks chunks{peer, {.max_chunk = 2048, .whole_utf8 = true}};
    while (auto text = co_await chunks.next()) {
      print('<' + from + "> " + std::string(*text));
      if (!co_await member->say(*text)) break;
    }
  }

  parley::Task<> hii(parley::Socket& peer) {
    // Alone in its segment: nothing else is sent before the name has come.
    if (!co_await peer.send_all("Hii").within(patience)) co_return;
    Chunks chunks{peer, {.max_chunk = 1024, .whole_utf8 = true}};
    const auto first = co_await chunks.next().within(std::chrono::seconds(options_.name_timeout_s));
    if (!first) co_return;
    const std::string name(first->substr(0, first->find_first_of("\r\n")));
    // Behind a newline, which no original sends, something may have come at once.
    const auto newline = first->find('\n');
    const std::string more(newline == first->npos ? std::string_view() : first->substr(newline + 1));
    if (!check_name(name) || !names_.insert(name_key(name)).second) co_return;
    parley::JoinOptions options;
    options.format = &bare_chunks;
    auto member = room_.join(peer, name, options);
    if (member) {
      tell_all(*member, " joined!");
      bool goes_on = more.empty() || co_await say(*member, more);
      while (goes_on) {
        const auto text = co_await chunks.next();
        goes_on = text && co_await say(*member, *text);
      }
      tell_all(*member, " left!");
    }
    names_.erase(name_key(name));
  }

  parley::Task<bool> say(parley::Member& member, std::string_view text) {
    const std::string signed_text = with_name(std::string(member.name()), text);
    print(signed_text);
    const auto said = co_await member.say(signed_text);
    co_return static_cast<bool>(said);
  }

  void tell_all(parley::Member& member, std::string_view what) {
    const std::string text = std::string(member.name()) + std::string(what);
    print(text);
    static_cast<void>(member.announce(text));
  }

  // Clients put their name in front themselves; with another's they would speak as them.
  static std::string with_name(const std::string& name, std::string_view text) {
    const std::string prefix = name + ": ";
    const std::string none;
    std::string all;
    append_lines(text, all, [&](std::string_view line) -> const std::string& {
      const bool is_signed =
          line.starts_with(name) && line.size() > name.size() && !is_name_character(line[name.size()]);
      return is_signed ? none : prefix;
    });
    return all;
  }
  static bool is_name_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c == '.';
  }

  // One line, whatever is in it.
  void print(std::string_view text) const {
    if (!options_.quiet) common::print_line(parley::make_printable(text));
  }

  static constexpr std::chrono::seconds patience{10};

  const ServerOptions options_;
  parley::ChatRoom room_;
  std::set<std::string> names_;
};

inline parley::Task<int> serve_compat(ServerOptions options, std::string program) {
  CompatServer server(options);
  co_return co_await server.run(std::move(program));
}

}  // namespace tcp_chat
