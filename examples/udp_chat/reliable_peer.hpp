// SPDX-License-Identifier: BSL-1.0
#pragma once

// `udp_chat peer --reliable`: the same two people, over a connection of which either end may begin. All that is said
// arrives, once and in order, also when one of the programs was away meanwhile.

#include <parley/core/channel.hpp>
#include <parley/core/race.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/net/reliable_udp.hpp>
#include <parley/net/udp_socket.hpp>
#include <parley/platform/random.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "display.hpp"
#include "path_quality.hpp"
#include "peer_options.hpp"
#include "pieces.hpp"
#include "reliable_texts.hpp"

namespace udp_chat {

class ReliablePeer {
 public:
  explicit ReliablePeer(const PeerOptions& options)
      : options_(options), patience_(options.lost_after_s), display_(!options.no_color) {
    // So that one that was killed, and is there again, is met soon.
    settings_.idle_timeout = patience_;
    settings_.keepalive = patience_ / 5;
    settings_.max_message = max_message;
  }
  ReliablePeer(const ReliablePeer&) = delete;
  ReliablePeer& operator=(const ReliablePeer&) = delete;

  /// The status to exit with.
  parley::Task<int> run() {
    const bool knows = co_await ask_for_addresses(display_, options_);
    if (!knows || !draw_program() || !find_port() || !announce()) co_return display_.status();
    static_cast<void>(co_await parley::race(type(), meet()));
    co_await leave();
    co_return display_.status();
  }

 private:
  static constexpr std::size_t max_text = 4096;
  static constexpr std::size_t max_message = max_text + 8;
  static constexpr auto texts = parley::ReliableChannel::ordered();
  static constexpr auto shown_so_far = parley::ReliableChannel::latest();

  const parley::Address& to() const { return *options_.to.address; }

  bool draw_program() {
    if (const int number = parley::platform::random_bytes(&program_, sizeof program_); number != 0) {
      return display_.cannot("draw a random number", std::error_code(number, std::system_category()));
    }
    program_ |= 1;  // 0 is nobody
    return true;
  }

  // Each connection has a socket of its own there, the first one too.
  bool find_port() {
    const parley::Address here = options_.listen.address_for(to());
    const auto socket = parley::UdpSocket::bind(here);
    if (!socket) return display_.cannot("listen on " + here.to_string(), socket.error());
    at_ = socket->local_address().value();
    return true;
  }

  bool announce() {
    display_.screen().set_prompt(options_.name + "> ");
    return display_.print("listening on " + at_.to_string()) &&
           display_.notice("asking " + to().to_string() + ", which must ask this one too; /help lists the commands");
  }

  // ---- What is typed

  parley::Task<> type() {
    co_await display_.take_typed([this](std::string_view text) { return say(text); },
                                 [this](std::string_view command) { return obey(command); });
    if (display_.status() == 0) co_await deliver_the_rest();
  }

  bool obey(std::string_view command) {
    if (command == "stats") return show_stats();
    if (command != "help") return display_.no_such_command(command);
    return display_.notice("/stats  what was sent and received, and how good the way is") &&
           display_.notice("/quit   ends the program when all is delivered") &&
           display_.notice("//      says a text that begins with /");
  }

  parley::Task<bool> say(std::string_view typed) {
    const std::string text = valid_utf8(options_.name.empty() ? typed : options_.name + ": " + std::string(typed));
    std::string_view rest = text;
    do {
      const std::string_view piece = take_piece(rest, max_text);
      // As long as somebody is there, they will have room again.
      while (kept_.full() && is_talking_) {
        const auto changed = co_await progress_.receive();
        if (!changed) co_return false;
      }
      if (kept_.full()) co_return refuse_to_keep();
      kept_.add(std::string(piece));
      note(to_send_);
    } while (!rest.empty());
    co_return true;
  }
  bool refuse_to_keep() {
    ++not_kept_;
    return display_.error("this is not kept, and will not be delivered: " + std::to_string(kept_.size()) +
                          " messages wait already");
  }

  parley::Task<> deliver_the_rest() {
    if (!kept_.empty() && display_.screen().edits()) {
      display_.notice("waiting until " + count_of(kept_.size()) + " delivered; Ctrl-C ends at once");
    }
    while (!kept_.empty()) {
      const auto changed = co_await progress_.receive().within(patience_);
      if (changed) continue;
      if (changed.error() != parley::Error::timed_out) co_return;
      const std::size_t left = kept_.size();
      display_.cannot(
          "deliver " + std::to_string(left) + (left == 1 ? " message" : " messages") + " to " + to().to_string(),
          changed.error());
      co_return;
    }
  }
  static std::string count_of(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " message is" : " messages are");
  }

  // ---- Connections

  // Each ends, and then there is another one, as soon as the other program is there again.
  parley::Task<> meet() {
    for (;;) {
      auto met = co_await parley::ReliableUdp::meet(at_, to(), settings_);
      if (met) {
        connection_ = std::move(*met);
        const std::error_code why = co_await talk();
        if (why == parley::Error::cancelled || !tell_end(why)) co_return;
        if (why == parley::Error::end_of_stream) {
          static_cast<void>(co_await connection_.close().within(std::chrono::seconds(1)));
        }
        connection_.reset();
      } else if (!goes_on_after(met.error())) {
        co_return;
      }
      // Who ends at once whatever is begun does not keep this one busy.
      const auto slept = co_await parley::sleep(std::chrono::milliseconds(100));
      if (!slept) co_return;
    }
  }
  bool goes_on_after(std::error_code why) {
    if (why == parley::Error::cancelled) return false;
    if (why == parley::Error::peer_lost || why == std::errc::connection_refused) return true;  // nobody answers yet
    if (why != parley::Error::unsupported) return display_.cannot("listen on " + at_.to_string(), why);
    if (std::exchange(has_told_of_version_, true)) return true;
    return display_.error("at " + to().to_string() + " is another version of this program");
  }

  // With why it ended.
  parley::Task<std::error_code> talk() {
    is_greeted_ = false;
    confirmed_ = 0;
    ++connections_;
    note(to_send_);
    parley::Scope sending;
    sending.spawn(send());
    // Not a race: what has come is taken, also when nothing can be sent any more.
    const std::error_code why = co_await receive();
    is_talking_ = false;
    static_cast<void>(co_await sending.cancel_and_join());
    note(progress_);
    co_return why;
  }

  bool tell_end(std::error_code why) {
    std::string text;
    if (why == parley::Error::end_of_stream) {
      text = "the other one has left";
    } else if (why == parley::Error::peer_lost) {
      text = "lost the connection: nothing has come for " + std::to_string(patience_.count()) + " s";
    } else if (why == parley::Error::malformed) {
      text = "ended the connection: what is at " + to().to_string() + " speaks otherwise than this program";
    } else {
      text = "lost the connection: " + why.message();
    }
    if (!is_greeted_ && why != parley::Error::malformed) return true;  // there was none yet, as far as its user knows
    if (!kept_.empty()) text += "; " + count_of(kept_.size()) + " not delivered yet";
    return display_.warning(text + "; what is typed is kept");
  }

  parley::Task<std::error_code> receive() {
    const auto buffer = std::make_unique<char[]>(max_message);
    for (;;) {
      const auto received = co_await connection_.recv({buffer.get(), max_message});
      if (!received) co_return received.error();
      const std::error_code problem = take({buffer.get(), received->bytes}, received->channel);
      if (problem) co_return problem;
    }
  }

  // Error::cancelled: it cannot be shown.
  std::error_code take(std::string_view message, parley::ReliableChannel channel) {
    if (channel == shown_so_far && is_greeted_) return take_shown(message);
    if (channel == shown_so_far) return {};  // overtook the greeting, which says it too
    if (channel != texts) return parley::Error::malformed;
    return is_greeted_ ? take_text(message) : take_greeting(message);
  }
  std::error_code take_shown(std::string_view message) {
    if (message.size() != 8 || !kept_.confirm(read_number(message))) return parley::Error::malformed;
    note(progress_);
    return {};
  }
  std::error_code take_greeting(std::string_view message) {
    const auto greeting = PeerGreeting::read(message);
    if (!greeting || greeting->program == program_) return parley::Error::malformed;
    // Another program than before has shown nothing of what is kept here.
    if (!kept_.begin(greeting->heard == program_ ? greeting->shown : 0)) return parley::Error::malformed;
    shown_.begin(greeting->program);
    confirmed_ = shown_.last();
    is_greeted_ = true;
    is_talking_ = true;
    note(to_send_);
    note(progress_);
    if (!display_.notice("connected with " + to().to_string())) return parley::Error::cancelled;
    return {};
  }
  std::error_code take_text(std::string_view message) {
    if (message.size() < 8) return parley::Error::malformed;
    switch (shown_.take(read_number(message))) {
      case ShownTexts::Taken::made_up: return parley::Error::malformed;
      case ShownTexts::Taken::known: return {};
      case ShownTexts::Taken::fresh: break;
    }
    ++received_;
    note(to_send_);
    if (!display_.print_of(to().to_string(), parley::make_printable(message.substr(8))))
      return parley::Error::cancelled;
    return {};
  }

  // Until it fails: then receiving does too, and knows why.
  parley::Task<> send() {
    const PeerGreeting greeting{program_, shown_.heard(), shown_.last()};
    std::string message = greeting.write();
    auto sent = co_await connection_.send(message);
    while (sent) {
      if (is_greeted_ && confirmed_ != shown_.last()) {
        sent = co_await send_shown();
      } else if (!is_greeted_ || !take_next(message)) {
        const auto changed = co_await to_send_.receive();
        if (!changed) co_return;
      } else {
        sent = co_await connection_.send(message);
      }
    }
    const bool is_over = sent.error() == parley::Error::cancelled || sent.error() == std::errc::broken_pipe ||
                         sent.error() == parley::Error::peer_lost || sent.error() == parley::Error::closed;
    if (!is_over) connection_.reset();
  }
  bool take_next(std::string& message) {
    auto next = kept_.take_next();
    if (next) message = std::move(*next);
    return next.has_value();
  }
  parley::Task<parley::Result<>> send_shown() {
    const std::uint64_t last = shown_.last();
    std::string message;
    append_number(message, last);
    const auto sent = co_await connection_.send(shown_so_far, message);
    if (sent) confirmed_ = last;
    co_return sent;
  }

  static void note(parley::Channel<int>& change) {
    static_cast<void>(change.try_send(0));
  }  // full: it is known already

  // When it ends: the other one hears how much was shown here, and that nothing follows.
  parley::Task<> leave() {
    if (!kept_.empty() && display_.status() == 0) display_.notice(count_of(kept_.size()) + " not delivered");
    if (!connection_) co_return;
    if (is_greeted_ && confirmed_ != shown_.last()) {
      std::string message;
      append_number(message, shown_.last());
      static_cast<void>(
          co_await connection_.send(shown_so_far, message).stop({}).within(std::chrono::milliseconds(200)));
    }
    static_cast<void>(co_await connection_.close().stop({}).within(std::chrono::seconds(1)));
  }

  // ---- What is shown

  bool show_stats() {
    const std::uint64_t delivered = kept_.added() - kept_.size();
    std::string said = "said " + std::to_string(kept_.added()) + ", of them delivered " + std::to_string(delivered) +
                       "; received " + std::to_string(received_);
    if (not_kept_ != 0) said += "; not kept " + std::to_string(not_kept_);
    if (!display_.notice(said)) return false;
    if (!is_talking_)
      return display_.notice("nobody is connected; connections so far: " + std::to_string(connections_));
    return notice_lines("connection " + std::to_string(connections_) + ": " + path_quality(connection_));
  }
  bool notice_lines(std::string_view lines) {
    for (;;) {
      const std::size_t end = lines.find('\n');
      if (!display_.notice(std::string(lines.substr(0, end)))) return false;
      if (end == lines.npos) return true;
      lines.remove_prefix(end + 1);
    }
  }

  PeerOptions options_;
  const std::chrono::seconds patience_;  // with a peer of which nothing comes
  Display display_;
  parley::ReliableOptions settings_;
  parley::Address at_;
  std::uint64_t program_ = 0;
  parley::ReliableUdp connection_;
  KeptTexts kept_;
  ShownTexts shown_;
  parley::Channel<int> to_send_{1};   // there is something more to send
  parley::Channel<int> progress_{1};  // of kept_, or nobody is there any more
  std::uint64_t confirmed_ = 0;       // the last that the other one was told to be shown here
  bool is_greeted_ = false;           // the other one has said who it is, on this connection
  bool is_talking_ = false;           // and it stands yet
  bool has_told_of_version_ = false;
  std::uint64_t received_ = 0, connections_ = 0, not_kept_ = 0;
};

inline parley::Task<int> talk_to_peer_reliably(PeerOptions options) {
  ReliablePeer peer(options);
  co_return co_await peer.run();
}

}  // namespace udp_chat
