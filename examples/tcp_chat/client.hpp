// SPDX-License-Identifier: BSL-1.0
#pragma once

// The client: shows what is said, sends what is typed, and when the connection breaks goes on where it was: nothing is
// missed, and nothing that was typed is lost or said twice.

#include <parley/core/channel.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/io/exact.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/send_line.hpp>
#include <parley/net/connect.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../common/chat_screen.hpp"
#include "../common/listening.hpp"
#include "../common/output.hpp"
#include "client_options.hpp"
#include "command_line.hpp"
#include "dead_link.hpp"
#include "message_view.hpp"
#include "outbox.hpp"
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
    typing.spawn(deliver());
    for (;;) {
      const std::error_code ended = co_await talk(std::move(*connected));
      if (over_ || ended == parley::Error::cancelled) break;
      if (asking_) {  // the server does not wait longer for another one; its user may
        if (!co_await a_name()) break;
      } else if (!had_session_) {
        cannot_begin(ended);
        break;
      } else {
        if (!server_stops_) view_.error("lost the connection to " + where() + ": " + ended.message());
      }
      connected = co_await connect_again();
      if (!connected) break;
    }
    if (!connected && connected.error() != parley::Error::cancelled) {
      status_ = cannot_connect(connected.error());
    }
    static_cast<void>(co_await typing.cancel_and_join());
    tell_undelivered();
    co_return status_;
  }

 private:
  static constexpr std::size_t max_line = std::size_t{1} << 20;
  static constexpr int most_attempts = 60;  // with the pauses, half an hour
  static constexpr std::chrono::milliseconds shortest_pause{500};
  static constexpr std::chrono::milliseconds longest_pause{30000};
  static constexpr parley::Duration greeting_patience = std::chrono::seconds(10);
  static constexpr std::chrono::seconds ask_pause{1};  // before the server is asked what it has taken
  static constexpr std::uint64_t most_unasked = 64;    // lines; then it is asked at once

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
  // What answers there is no chat, or will not let anybody in: trying again would not help.
  void cannot_begin(std::error_code why) {
    screen_.hide();
    common::print_error(was_greeted_ ? "cannot join the chat at " + where() + ": " + why.message()
                                     : where() + " does not answer as a chat server; is it one?");
    status_ = 1;
    refused_ = true;
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
      const auto changed = co_await named_.receive();
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
    note_progress();
    const std::string first = introduction();
    const auto asked = co_await parley::send_line(server, first);
    parley::Result<std::string_view> line;
    const auto patience = [&] { return had_session_ || was_greeted_ ? parley::Duration::max() : greeting_patience; };
    while (asked && (line = co_await lines.next().within(patience()))) {
      const bool shown = co_await take(*line);
      if (!shown) status_ = common::give_up_printing(errno);
      if (!shown || refused_) {
        over_ = true;
        break;
      }
    }
    const std::error_code ended = asked ? line.error() : asked.error();
    const bool leaves = !ended || ended == parley::Error::cancelled;  // by itself: nothing can be shown, or Ctrl-C
    if (leaves) co_await say_goodbye(server, lines);
    server_ = nullptr;
    introduced_ = false;
    note_change();
    if constexpr (requires { server.finish(); }) co_await server.finish();
    // What is still being sent on it ends before it does.
    if (sends_ != 0) static_cast<void>(server.shutdown(parley::ShutdownWay::both));
    while (sends_ != 0) static_cast<void>(co_await sent_.receive().stop({}));
    co_return ended;
  }

  // So that the others know at once, and the user what has arrived.
  parley::Task<> say_goodbye(Stream& server, parley::LineReader<Stream>& lines) {
    const auto until = parley::Clock::now() + std::chrono::seconds(1);
    const bool asks = introduced_ && outbox_.typed_and_sent() != 0;
    const std::string last = asks ? ask_for_taken(outbox_.last()) + "\n/quit\n" : "/quit\n";
    const auto told = co_await parley::send_all(server, last).stop({}).within(std::chrono::seconds(1));
    while (told && asks && outbox_.typed_and_sent() != 0) {
      const auto line = co_await lines.next().stop({}).within(until - parley::Clock::now());
      if (!line) break;
      if (const auto record = parse_record_line(*line)) note_answer(*record);
    }
  }

  std::string introduction() const {
    if (token_.empty()) return "/numbered 1 " + name_;
    return "/resume " + token_ + ' ' + std::to_string(epoch_) + ' ' + std::to_string(sequence_) + " count";
  }

  // False when it cannot be shown.
  parley::Task<bool> take(std::string_view line) {
    if (const auto record = parse_record_line(line)) {
      sequence_ = std::max(sequence_, record->sequence);
      if (note_answer(*record) || is_own_again(*record)) co_return true;
      follow_rename(*record);
      server_stops_ = record->kind == "notice" && record->name == "-" && record->text == server_is_stopping;
      if (!go_to_.empty() && record->kind == "error") co_return co_await refused_room(record->text);
      co_return view_.show(*record, room_);
    }
    if (const auto session = parse_session_line(line)) {
      begin(*session);
      co_return true;
    }
    if (introduced_ && line == end_line) {  // the error in front of it has said why
      over_ = true;
      status_ = 1;
      co_return true;
    }
    if (!had_session_ && !line.starts_with("! ") && !line.starts_with("* ")) {
      cannot_begin({});
      co_return true;
    }
    was_greeted_ = true;
    if (!introduced_ && line.starts_with("! ")) co_return co_await refused(line.substr(2));
    if (line.starts_with("! ")) co_return view_.error(line.substr(2));
    const bool is_greeting = !introduced_ && (!token_.empty() || line == welcome_line);  // seen before, or of no use
    co_return is_greeting || view_.notice(line.starts_with("* ") ? line.substr(2) : line);
  }

  // Whether it answers how much was taken, which is nothing to show.
  bool note_answer(const RecordLine& record) {
    const std::uint64_t number = record.kind == "notice" ? answer_of_taken(record.text) : 0;
    if (number != 0 && outbox_.may_be_taken(number)) note_taken(number);
    return number != 0;
  }
  bool note_taken(std::uint64_t number) {
    const bool leads_elsewhere = outbox_.take(number);
    if (asked_ <= number) asked_ = 0;
    static_cast<void>(room_in_outbox_.try_send(0));
    note_change();
    return leads_elsewhere;
  }

  // After a break everything comes that is not known to have come, what one has said oneself included.
  bool is_own_again(const RecordLine& record) const {
    return (record.kind == "text" || record.kind == "notice") && record.name == heard_as_ &&
           record.sequence > begins_after_;
  }

  void begin(const SessionLine& session) {
    const std::string room = parley::make_printable(session.room);
    const bool goes_on = !introduced_ && !token_.empty() && session.token == token_;
    const bool is_another = (introduced_ || (goes_on && asked_for_room_)) && room != room_;  // as it has asked for
    if (goes_on) view_.notice("connected again");
    if (!goes_on || session.epoch != epoch_) heard_as_ = parley::make_printable(session.name);
    if (!introduced_) begin_sending(session, goes_on, room != room_);
    introduced_ = had_session_ = true;
    server_stops_ = false;
    asking_ = false;
    told_to_wait_ = false;
    attempts_ = 0;
    pause_ = shortest_pause;
    token_ = session.token;
    epoch_ = session.epoch;
    sequence_ = begins_after_ = session.sequence;
    room_ = room;
    name_ = parley::make_printable(session.name);
    show_prompt();
    if (is_another || go_to_ == room_) go_to_.clear();
    note_progress();
  }

  // Over a new connection: again what was sent and not taken, from exactly there.
  void begin_sending(const SessionLine& session, bool goes_on, bool is_elsewhere) {
    asked_ = 0;
    if (goes_on && session.taken && outbox_.may_be_taken(*session.taken)) {
      asked_for_room_ = asked_for_room_ && room_asked_by_ <= *session.taken;
      const bool has_led_elsewhere = note_taken(*session.taken);
      outbox_.send_again();
      if (is_elsewhere && !has_led_elsewhere) {  // sent there: what was meant for the other room is not said here
        tell_lines("not delivered: ", outbox_.give_up_unsent());
      }
    } else {
      asked_for_room_ = false;
      give_up_sent();
      if (!goes_on || session.taken) outbox_.begin_session(session.taken.value_or(0));
    }
    static_cast<void>(room_in_outbox_.try_send(0));
  }

  // Nobody knows whether it has arrived.
  std::size_t give_up_sent() {
    const std::vector<std::string> texts = outbox_.give_up_sent();
    tell_lines("may not have arrived: ", texts);
    return texts.size();
  }
  void tell_lines(const std::string& what, const std::vector<std::string>& texts) {
    constexpr std::size_t most = 20;
    for (std::size_t i = 0; i < std::min(texts.size(), most); ++i) view_.error(what + texts[i]);
    if (texts.size() > most) view_.error(what + std::to_string(texts.size() - most) + " lines more");
  }
  // At the end of all.
  void tell_undelivered() {
    if (refused_) return;  // who is told why nothing was said needs no list of it
    const std::size_t sent = give_up_sent();
    const std::vector<std::string> unsent = outbox_.give_up_unsent();
    tell_lines("not delivered: ", unsent);
    const std::size_t count = sent + unsent.size();
    if (count == 0) return;
    screen_.hide();
    const std::string sure = count == 1 ? " was not delivered" : " were not delivered";
    common::print_error(lines_in_words(count) + (sent == 0 ? sure : " may not have been delivered"));
    status_ = 1;
  }
  static std::string lines_in_words(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " line" : " lines");
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
    const std::string before = heard_as_ + " is now ";
    if (record.kind != "notice" || !record.text.starts_with(before)) return;
    const std::string now = parley::make_printable(record.text.substr(before.size()));
    if (now.empty() || now.find(' ') != now.npos) return;
    name_ = heard_as_ = now;
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
      view_.notice("the server does not know you from before; what was said while you were away cannot be shown");
      give_up_sent();
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

  // What is typed goes to the outbox, and waits there for a connection, and for the room that it is meant for.
  parley::Task<> type() {
    for (;;) {
      auto line = co_await screen_.line();
      if (!line) {
        if (line.error() == parley::Error::cancelled) co_return;
        if (line.error() != parley::Error::end_of_stream && line.error() != parley::Error::closed) {
          status_ = common::give_up("cannot read a line", line.error());
        }
        break;
      }
      if (name_.empty()) {
        name_ = *line;
        static_cast<void>(named_.try_send(0));
        co_await send(introduction());
        continue;
      }
      if (common::small_letters(first_word(*line).word) == "/quit") break;
      if (without_spaces_around(*line).empty()) continue;
      while (!outbox_.has_room()) {
        const auto changed = co_await room_in_outbox_.receive();
        if (!changed) co_return;
      }
      outbox_.add(std::move(*line));
      note_change();
    }
    if (leaves_unconnected()) co_return;
    ending_ = true;
    note_progress();
  }

  // At a terminal nobody waits for a connection only to leave.
  bool leaves_unconnected() {
    if (!screen_.edits() || server_ != nullptr || (outbox_.typed() != 0 && !asking_)) return false;
    leave_unconnected();
    return true;
  }
  void leave_unconnected() {
    over_ = true;
    static_cast<void>(leaving_.try_send(0));
    static_cast<void>(named_.try_send(0));
    note_change();
  }

  // Sends what was typed, in order; at the end of it takes leave, once the server has taken all.
  parley::Task<> deliver() {
    while (!over_) {
      if (introduced_ && !go_to_.empty() && !asked_for_room_) {
        co_await ask_for_room();
      } else if (is_settled() && outbox_.has_unsent()) {
        co_await send_next();
      } else if (is_settled() && is_to_ask()) {
        asked_ = outbox_.note_own(ask_for_taken(outbox_.last() + 1));
        co_await send(ask_for_taken(asked_));
      } else if (ending_ && parley::Clock::now() >= end_by()) {
        over_ = true;
      } else {
        tell_to_wait();
        const auto changed = co_await changes_.receive().within(wake_at());
        if (changed.error() == parley::Error::cancelled) co_return;
      }
    }
    if (!ending_) co_return;
    leave_unconnected();
    co_await send("/quit");
    co_await give_time_to_end();
  }

  parley::Task<> ask_for_room() {
    const std::string line = "/join " + go_to_;
    asked_for_room_ = true;
    room_asked_by_ = outbox_.note_own(line);
    co_await send(line);
  }

  parley::Task<> send_next() {
    const std::string line = outbox_.next();
    const bool is_told = common::small_letters(first_word(line).word) == "/stats" && show_quality();
    if (is_told) {
      outbox_.drop_next();
      co_return;
    }
    if (outbox_.typed_and_sent() == 0) ask_at_ = parley::Clock::now() + ask_pause;
    outbox_.note_sent();
    co_await send(line);
  }

  bool is_to_ask() const {
    if (asked_ != 0 || outbox_.typed_and_sent() == 0) return false;
    return ending_ || outbox_.typed_and_sent() >= most_unasked || parley::Clock::now() >= ask_at_;
  }

  // The input has ended: how long a server is waited for that says nothing.
  parley::TimePoint end_by() const {
    if (server_ == nullptr && outbox_.typed() != 0) return parley::TimePoint::max();  // as long as one is looked for
    if (!is_settled()) return progress_at_ + std::chrono::seconds(10);
    if (outbox_.typed() == 0) return progress_at_;
    return std::max(lines_through_, progress_at_) + std::chrono::seconds(5);
  }
  parley::Duration wake_at() const {
    auto at = ending_ ? end_by() : parley::TimePoint::max();
    if (is_settled() && asked_ == 0 && outbox_.typed_and_sent() != 0) at = std::min(at, ask_at_);
    return at == parley::TimePoint::max() ? parley::Duration::max() : at - parley::Clock::now();
  }

  void tell_to_wait() {
    if (!ending_ || server_ != nullptr || attempts_ == 0 || outbox_.typed() == 0) return;
    if (std::exchange(told_to_wait_, true)) return;
    view_.notice("waiting to deliver " + lines_in_words(outbox_.typed()) + "; Ctrl-C ends without that");
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
  void note_progress() {
    progress_at_ = parley::Clock::now();
    note_change();
  }

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
  Stream* server_ = nullptr;         // while connected
  bool asking_ = false;              // for another name, since the server refused one
  bool introduced_ = false;          // the server has said which session this is
  bool was_greeted_ = false;         // by what may be a chat
  bool had_session_ = false;         // so it is one
  bool server_stops_ = false;        // it has said so
  bool over_ = false;                // no new connection after this one
  bool refused_ = false;             // by the server, and nobody can be asked for another name
  bool ending_ = false;              // nothing more is typed
  bool told_to_wait_ = false;        // since there was a session
  bool asked_for_room_ = false;      // for go_to_, in this session
  std::uint64_t room_asked_by_ = 0;  // the number of that line
  std::uint64_t begins_after_ = 0;   // the `sequence` of the last `session` line
  std::string heard_as_;             // the name of one's own in the records that come
  Outbox outbox_;
  std::uint64_t asked_ = 0;          // the number of the line that asks what was taken; 0: none is under way
  parley::TimePoint ask_at_{};       // where something was sent since
  parley::TimePoint progress_at_{};  // when a connection was made, a session began or the input ended
  parley::Channel<int> changes_{1};  // of all that deliver() goes by
  parley::Channel<int> room_in_outbox_{1};
  parley::Channel<int> named_{1};      // the user has given a name, or will not
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
