// SPDX-License-Identifier: BSL-1.0
#pragma once

// A tcp_chat server in a process of its own, and guests of it made of plain system calls.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "program.hpp"
#include "raw_socket.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace programs {

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The command line of a client of a server at that port.
inline std::vector<std::string> client(std::uint16_t port, const std::vector<std::string>& options) {
  std::vector<std::string> words{"client", "127.0.0.1", std::to_string(port)};
  words.insert(words.end(), options.begin(), options.end());
  return command("tcp_chat", words);
}

/// What an environment variable says of how many loops servers are to have: with them all must be as with one.
inline std::optional<std::string> chat_threads() {
  const char* const threads = std::getenv("PARLEY_TEST_CHAT_THREADS");
  return threads == nullptr ? std::nullopt : std::optional<std::string>(threads);
}

/// A connection that speaks in lines.
struct Guest {
  explicit Guest(RawSocket connected) : socket(std::move(connected)) {}

  void say(const std::string& line) { socket.send(line + "\n"); }
  /// The next line, without its newline; "(nothing)" when none comes.
  std::string hear() {
    std::string line = socket.receive_until("\n");
    if (line.empty()) return "(nothing)";
    line.pop_back();
    return line;
  }
  /// Everything up to a line, which is left out; each line with its newline.
  std::string hear_until(const std::string& line) {
    std::string all = socket.receive_until(line + "\n");
    if (all.empty()) return "(not heard: " + line + ")";
    return all.substr(0, all.size() - line.size() - 1);
  }
  /// What has come before the server answers this, which it does in order.
  std::string hear_so_far() {
    static int count = 0;
    const std::string mark = "so far " + std::to_string(++count);
    say("/ping " + mark);
    return hear_until("* pong " + mark);
  }

  RawSocket socket;
};

struct ChatServer : Process {
  static inline const std::string greeting = "* welcome! Your first line is your name; then /help tells more.";

  explicit ChatServer(const std::vector<std::string>& options = {}, std::uint16_t wanted_port = 0)
      : ChatServer(InShell{}, "", options, wanted_port) {}
  /// Through a shell script, where there is one.
  struct InShell {};
  ChatServer(InShell, const std::string& script, const std::vector<std::string>& options, std::uint16_t wanted_port = 0)
      : Process(words(script, options, wanted_port)), port(port_of(*this)) {}

  /// A connection that has not said its name.
  Guest connect(int receive_buffer_bytes = 0) const { return Guest(RawSocket::connect(port, receive_buffer_bytes)); }
  /// One that has, and has heard all there is to hear of the lobby.
  Guest join(const std::string& name, int receive_buffer_bytes = 0) const {
    Guest guest = connect(receive_buffer_bytes);
    guest.say(name);
    REQUIRE(!guest.socket.receive_until("* you are in lobby, with ").empty());
    guest.hear();
    return guest;
  }

  std::uint16_t port;

 private:
  static std::vector<std::string> words(const std::string& script, const std::vector<std::string>& options,
                                        std::uint16_t wanted_port) {
    std::vector<std::string> all{"server", "--port", std::to_string(wanted_port)};
    const bool has_one_loop = std::find(options.begin(), options.end(), "--compat") != options.end();
    if (const auto threads = chat_threads(); threads && !has_one_loop) all.insert(all.end(), {"--threads", *threads});
    all.insert(all.end(), options.begin(), options.end());
    all = command("tcp_chat", all);
    return script.empty() ? all : in_shell(script, all);
  }
};

/// Somebody joins, and the others have heard of it.
inline void comes(const ChatServer& server, const std::string& name, Guest*& guest, std::vector<Guest*> others) {
  guest = new Guest(server.join(name));
  for (Guest* other : others) CHECK(other->hear() == "* " + name + " joined");
}

/// Ann, Ben and Eve in the lobby.
struct Three {
  explicit Three(const std::vector<std::string>& options = {}) : server(options) {
    Guest* one = nullptr;
    comes(server, "Ann", one, {});
    ann.reset(one);
    comes(server, "Ben", one, {ann.get()});
    ben.reset(one);
    comes(server, "Eve", one, {ann.get(), ben.get()});
    eve.reset(one);
  }
  ChatServer server;
  std::unique_ptr<Guest> ann, ben, eve;
};

/// Ann operates the room "den", where Ben is too; Eve is in the lobby.
struct Den : Three {
  Den() {
    ann->say("/join den");
    CHECK(ann->hear() == "* you are in den, with 0 others");
    ben->say("/join #Den");
    CHECK(ben->hear() == "* Ann left (went to den)");
    CHECK(ben->hear() == "* you are in den, with 1 other");
    CHECK(ann->hear() == "* Ben joined");
    CHECK(eve->hear() == "* Ann left (went to den)");
    CHECK(eve->hear() == "* Ben left (went to den)");
  }
};

/// A numbered session of a client that notices everything.
struct Numbered : Guest {
  struct Session {
    std::string token, epoch, sequence, room, name;
  };

  explicit Numbered(Guest guest) : Guest(std::move(guest)) {}
  Numbered(const ChatServer& server, const std::string& name) : Guest(server.connect()) {
    say("/numbered 1 " + name);
    CHECK(hear() == ChatServer::greeting);
    session = hear_session();
    place = hear();
  }

  Session hear_session() {
    const std::string line = hear();
    INFO(line);
    REQUIRE(line.starts_with("session "));
    std::vector<std::string> words{""};
    for (const char c : line) {
      if (c == ' ') {
        words.emplace_back();
      } else {
        words.back() += c;
      }
    }
    REQUIRE(words.size() == 6);
    return {words[1], words[2], words[3], words[4], words[5]};
  }
  /// "KIND NAME TEXT" of the next record, whose number must be higher than those before.
  std::string hear_record() {
    const std::string line = hear();
    INFO(line);
    const std::size_t time = line.find(' ');
    const std::size_t kind = line.find(' ', time + 1);
    REQUIRE(kind != std::string::npos);
    const unsigned long long number = std::stoull(line);
    CHECK(number > last);
    last = number;
    CHECK(line.substr(time + 1, kind - time - 1).size() == 13);  // milliseconds since 1970, until 2286
    return line.substr(kind + 1);
  }
  std::string resume_line() const {
    return "/resume " + session.token + ' ' + session.epoch + ' ' + std::to_string(last);
  }

  Session session;
  std::string place;  // "* you are in ROOM, with ...", which a session that was resumed is told only if it has moved
  unsigned long long last = 0;  // sequence number heard
};

using support::TemporaryFolder;

}  // namespace programs
