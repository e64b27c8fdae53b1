// SPDX-License-Identifier: BSL-1.0
#pragma once

// The client: shows what is said, sends what is typed, and when the connection breaks goes on where it was.

#include <parley/core/channel.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/send_line.hpp>
#include <parley/net/connect.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "../common/chat_screen.hpp"
#include "../common/listening.hpp"
#include "../common/output.hpp"
#include "client_options.hpp"
#include "command_line.hpp"
#include "dead_link.hpp"
#include "message_view.hpp"
#include "server_line.hpp"

namespace tcp_chat {

/// A stream may have more to it than a ByteStream: a finish(), which waits for a moment until the peer has what was sent
/// (a socket's system goes on when the program has ended), and a quality(), which says in lines how good the way is.
template <parley::ByteStream Stream>
class Client {
 public:
  /// Makes the connection.
  using Connect = parley::Task<parley::Result<Stream>> (*)(const ClientOptions&);

  Client(const ClientOptions& options, Connect connect, std::string_view program)
      : options_(options),
        connect_(connect),
        program_(program),
        name_(options.name),
        screen_(screen_options(options)),
        view_(screen_, options.json) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The status to exit with.
  parley::Task<int> run() {
    if (name_.empty() && !co_await ask_for_name()) co_return status_;
    go_to_ = options_.room;
    if (screen_.edits()) {  // somebody would wonder at the silence
      screen_.set_prompt(name_ + "> ");
      view_.notice("connecting to " + where());
    }
    auto connected = co_await connect_(options_);
    if (!connected) co_return cannot_connect(connected.error());
    parley::Scope typing;
    typing.spawn(type());
    for (;;) {
      const std::error_code ended = co_await talk(std::move(*connected));
      if (over_ || ended == parley::Error::cancelled) break;
      if (asking_) {  // the server does not wait longer for another one; its user may
        if (!co_await a_name()) break;
      } else {
        view_.error("lost the connection to " + where() + ": " + ended.message());
      }
      connected = co_await connect_again();
      if (!connected) break;
    }
    if (!connected && connected.error() != parley::Error::cancelled) {
      status_ = cannot_connect(connected.error());
    }
    static_cast<void>(co_await typing.cancel_and_join());
    co_return status_;
  }

 private:
  static constexpr std::size_t max_line = std::size_t{1} << 20;
  static constexpr int most_attempts = 60;  // with the pauses, half an hour
  static constexpr std::chrono::milliseconds shortest_pause{500};
  static constexpr std::chrono::milliseconds longest_pause{30000};

  static common::ChatScreen::Options screen_options(const ClientOptions& options) {
    common::ChatScreen::Options screen;
    screen.prompt = options.name + "> ";
    screen.colours = !options.no_color && !options.json;
    return screen;
  }

  int cannot_connect(std::error_code why) {
    screen_.hide();
    return common::give_up("cannot connect to " + where(), why);
  }
  std::string where() const { return common::endpoint(options_.host, options_.port); }

  // False: there is none.
  parley::Task<bool> ask_for_name() {
    if (!screen_.edits()) {
      common::print_error(program_ + ": say --name NAME (" + program_ + " --help tells more)");
      status_ = 2;
      co_return false;
    }
    screen_.set_prompt("your name: ");
    while (name_.empty()) {
      const auto typed = co_await screen_.line();
      if (!typed) co_return false;
      name_ = *typed;
    }
    co_return true;
  }

  // False: there will be none.
  parley::Task<bool> a_name() {
    while (name_.empty() && !over_) {
      const auto changed = co_await changes_.receive();
      if (!changed) co_return false;
    }
    co_return !over_;
  }

  parley::Task<parley::Result<Stream>> connect_again() {
    parley::Result<Stream> connected = parley::Error::end_of_stream;  // by a server that only accepts
    while (attempts_ < most_attempts) {
      const bool first = attempts_++ == 0;
      const auto leaves =
          co_await leaving_.receive().within(std::exchange(pause_, std::min(pause_ * 2, longest_pause)));
      if (over_ || leaves.error() != parley::Error::timed_out) co_return parley::Error::cancelled;
      connected = co_await connect_(options_);
      if (over_) co_return parley::Error::cancelled;
      if (connected || connected.error() == parley::Error::cancelled) co_return connected;
      if (first) view_.notice("trying again, with longer and longer pauses; Ctrl-C ends");
    }
    co_return connected;
  }

  // Until the connection ends; with why.
  parley::Task<std::error_code> talk(Stream server) {
    // A line that was cut with the connection is none: it comes again, whole.
    parley::LineReader lines{server, {.max_line = max_line, .require_final_newline = true}};
    server_ = &server;
    introduced_ = false;
    const std::string first = introduction();
    const auto asked = co_await parley::send_line(server, first);
    parley::Result<std::string_view> line;
    while (asked && (line = co_await lines.next())) {
      const bool shown = co_await take(*line);
      if (!shown) status_ = common::give_up_printing(errno);
      if (!shown || refused_) {
        over_ = true;
        break;
      }
    }
    const std::error_code ended = asked ? line.error() : asked.error();
    const bool leaves = !ended || ended == parley::Error::cancelled;  // by itself: nothing can be shown, or Ctrl-C
    if (leaves) {                                                     // so that the others know at once
      static_cast<void>(co_await parley::send_line(server, "/quit").stop({}).within(std::chrono::seconds(1)));
    }
    server_ = nullptr;
    introduced_ = false;
    note_change();
    if constexpr (requires { server.finish(); }) co_await server.finish();
    // What is still being sent on it ends before it does.
    if (sends_ != 0) static_cast<void>(server.shutdown(parley::ShutdownWay::both));
    while (sends_ != 0) static_cast<void>(co_await sent_.receive().stop({}));
    co_return ended;
  }

  std::string introduction() const {
    if (token_.empty()) return "/numbered 1 " + name_;
    return "/resume " + token_ + ' ' + std::to_string(epoch_) + ' ' + std::to_string(sequence_);
  }

  // False when it cannot be shown.
  parley::Task<bool> take(std::string_view line) {
    if (const auto record = parse_record_line(line)) {
      sequence_ = std::max(sequence_, record->sequence);
      follow_rename(*record);
      if (!go_to_.empty() && record->kind == "error") co_return co_await refused_room(record->text);
      co_return view_.show(*record, room_);
    }
    if (const auto session = parse_session_line(line)) {
      co_await begin(*session);
      co_return true;
    }
    if (introduced_ && line == end_line) {  // the error in front of it has said why
      over_ = true;
      status_ = 1;
      co_return true;
    }
    if (!introduced_ && line.starts_with("! ")) co_return co_await refused(line.substr(2));
    if (line.starts_with("! ")) co_return view_.error(line.substr(2));
    const bool is_greeting = !introduced_ && (!token_.empty() || line == welcome_line);  // seen before, or of no use
    co_return is_greeting || view_.notice(line.starts_with("* ") ? line.substr(2) : line);
  }

  parley::Task<> begin(const SessionLine& session) {
    if (!token_.empty() && !introduced_ && session.token == token_) view_.notice("connected again");
    const bool is_another = introduced_ && session.room != room_;  // room, as it has asked for
    const bool may_ask = !std::exchange(introduced_, true);
    asking_ = false;
    attempts_ = 0;
    pause_ = shortest_pause;
    token_ = session.token;
    epoch_ = session.epoch;
    sequence_ = session.sequence;
    room_ = parley::make_printable(session.room);
    name_ = parley::make_printable(session.name);
    show_prompt();
    if (is_another || go_to_ == room_) go_to_.clear();
    const std::string room = go_to_;
    if (may_ask && !room.empty()) co_await send("/join " + room);
    note_change();
  }

  // False when it cannot be shown. What waits to be sent was meant for that room: where nobody can decide what to do
  // with it now, it is not sent.
  parley::Task<bool> refused_room(std::string_view why) {
    const std::string text = "cannot go to the room " + std::exchange(go_to_, {}) + ": " + std::string(why);
    const bool is_there = why == already_there;
    refused_ = !is_there && !screen_.edits() && !options_.room.empty();
    over_ = over_ || refused_;
    note_change();
    if (is_there) co_return true;
    if (!refused_) co_return view_.error(text + "; you are in " + room_);
    const bool shown = !options_.json || view_.error(text);
    common::print_error(parley::make_printable(text));
    status_ = 1;
    co_await send("/quit");
    co_return shown;
  }

  void show_prompt() { screen_.set_prompt(name_ + '@' + room_ + "> "); }

  // Notices are the server's alone, and none of the others is just that.
  void follow_rename(const RecordLine& record) {
    const std::string before = name_ + " is now ";
    if (record.kind != "notice" || !record.text.starts_with(before)) return;
    const std::string now = parley::make_printable(record.text.substr(before.size()));
    if (now.empty() || now.find(' ') != now.npos) return;
    name_ = now;
    show_prompt();
  }

  // The name, or the wish to go on where one was.
  parley::Task<bool> refused(std::string_view why) {
    const bool is_final = why == server_is_full || why == goes_on_elsewhere;
    if (!token_.empty() && why == server_is_full) co_return view_.error(why);  // there may be a place later
    if (!token_.empty() && !is_final) {
      token_.clear();
      epoch_ = sequence_ = 0;
      if (go_to_.empty()) go_to_ = room_;
      view_.notice("the server knows nothing of before; what was said meanwhile is not here");
      co_await send(introduction());
      co_return true;
    }
    const bool shown = !screen_.edits() && !options_.json ? true : view_.error(why);
    if (!screen_.edits() || is_final) {
      screen_.hide();
      common::print_error("cannot join the chat at " + where() + ": " + parley::make_printable(why));
      status_ = 1;
      refused_ = true;
    } else {
      name_.clear();
      asking_ = true;
      screen_.set_prompt("another name: ");
    }
    co_return shown;
  }

  parley::Task<> type() {
    for (;;) {
      auto line = co_await screen_.line();
      if (!line) {
        if (line.error() == parley::Error::end_of_stream || line.error() == parley::Error::closed) break;
        if (line.error() != parley::Error::cancelled) status_ = common::give_up("cannot read a line", line.error());
        break;
      }
      if (name_.empty()) {
        name_ = *line;
        note_change();
        co_await send(introduction());
        continue;
      }
      const bool quits = first_word(*line).word == "/quit";
      if (quits && leaves_unconnected()) co_return;
      // What is typed while there is no connection waits for one, and for the room that it is meant for.
      while (!is_settled() && !over_) {
        if (!co_await changes_.receive()) co_return;
      }
      if (over_) co_return;
      if (line->empty()) continue;
      const bool is_told = first_word(*line).word == "/stats" && show_quality();
      if (is_told) continue;
      over_ = quits;
      co_await send(*line);
      if (quits) co_return co_await give_time_to_end();
    }
    if (!leaves_unconnected()) co_await end_of_input();
  }

  // At a terminal nobody waits for a connection only to leave.
  bool leaves_unconnected() {
    if (!screen_.edits() || server_ != nullptr) return false;
    over_ = true;
    static_cast<void>(leaving_.try_send(0));
    note_change();
    return true;
  }

  // False: there is nothing to tell.
  bool show_quality() {
    std::string quality;
    if constexpr (requires { server_->quality(); }) {
      if (server_ != nullptr) quality = server_->quality();
    }
    for (std::size_t begin = 0; begin < quality.size();) {
      const std::size_t end = std::min(quality.find('\n', begin), quality.size());
      view_.notice(quality.substr(begin, end - begin));
      begin = end + 1;
    }
    return !quality.empty();
  }

  // Everything typed is still sent, and what is said meanwhile still shown.
  parley::Task<> end_of_input() {
    while (!is_settled() && !over_) {  // not connected yet, or just not
      const auto changed = co_await changes_.receive().within(std::chrono::seconds(10));
      if (!changed) break;
    }
    over_ = true;
    co_await send("/quit");
    co_await give_time_to_end();
  }

  // As long as a server takes that lets each line through a second after the other (--rate 1), and some more.
  parley::Task<> give_time_to_end() {
    const auto until = std::max(lines_through_, parley::Clock::now()) + std::chrono::seconds(5);
    while (server_ != nullptr) {
      const auto changed = co_await changes_.receive().within(until - parley::Clock::now());
      if (!changed) break;
    }
    if (server_ != nullptr) static_cast<void>(server_->shutdown(parley::ShutdownWay::both));
  }

  bool is_settled() const { return introduced_ && go_to_.empty(); }
  void note_change() { static_cast<void>(changes_.try_send(0)); }  // where it is full, it is known already

  parley::Task<> send(std::string line) {
    if (server_ == nullptr) co_return;
    lines_through_ = std::max(lines_through_, parley::Clock::now()) + std::chrono::seconds(1);
    ++sends_;
    static_cast<void>(co_await parley::send_line(*server_, line));  // where it fails, receiving does too
    --sends_;
    static_cast<void>(sent_.try_send(0));
  }

  const ClientOptions options_;
  const Connect connect_;
  const std::string program_;
  std::string name_;
  std::string room_;
  std::string go_to_;  // this room; until the server says that one is there, or why not
  std::string token_;  // empty: there is no session yet
  std::uint64_t epoch_ = 0;
  std::uint64_t sequence_ = 0;
  Stream* server_ = nullptr;           // while connected
  bool asking_ = false;                // for another name, since the server refused one
  bool introduced_ = false;            // the server has said which session this is
  bool over_ = false;                  // no new connection after this one
  bool refused_ = false;               // by the server, and nobody can be asked for another name
  parley::Channel<int> changes_{1};    // of server_, introduced_ and go_to_
  parley::Channel<int> leaving_{1};    // whoever waits for a new connection
  parley::Channel<int> sent_{1};       // one less of sends_
  int sends_ = 0;                      // under way
  parley::TimePoint lines_through_{};  // when the server should have taken all
  int attempts_ = 0;                   // to connect since there was a session
  std::chrono::milliseconds pause_ = shortest_pause;
  int status_ = 0;
  common::ChatScreen screen_;
  MessageView view_;
};

inline parley::Task<parley::Result<parley::Socket>> connect_by_tcp(const ClientOptions& options) {
  auto connected = co_await parley::Socket::connect(options.host, options.port).within(std::chrono::seconds(10));
  if (!connected) co_return connected.error();
  notice_dead_link(*connected, options.link_timeout_s);
  static_cast<void>(connected->set(parley::NoDelay{true}));
  co_return std::move(*connected);
}

inline parley::Task<int> take_part(ClientOptions options) {
  Client<parley::Socket> client(options, connect_by_tcp, "tcp_chat client");
  co_return co_await client.run();
}

}  // namespace tcp_chat
