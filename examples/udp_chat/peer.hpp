// SPDX-License-Identifier: BSL-1.0
#pragma once

// `udp_chat peer`: two people, each of whom sends what is typed to the other's address. No names, no numbers, no
// acknowledgements: the text alone, one datagram a line, as a tutorial's programs do.

#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/net/udp_socket.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "display.hpp"
#include "peer_options.hpp"
#include "pieces.hpp"
#include "rate_limit.hpp"

namespace udp_chat {

class Peer {
 public:
  explicit Peer(const PeerOptions& options) : options_(options), display_(!options.no_color) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// The status to exit with.
  parley::Task<int> run() {
    const bool knows = co_await ask_for_addresses(display_, options_);
    if (!knows || !open(options_.listen.address_for(to())) || !announce()) co_return display_.status();
    static_cast<void>(
        co_await parley::race(display_.take_typed([this](std::string_view text) { return say(text); },
                                                  [this](std::string_view command) { return obey(command); }),
                              receive(anybody_), receive(other_)));
    co_return display_.status();
  }

 private:
  // What the tutorial's programs receive at once; what is longer they cut.
  static constexpr std::size_t max_sent = 1024;
  static constexpr std::size_t max_received = 65536;

  const parley::Address& to() const { return *options_.to.address; }

  // Two sockets at one address: one hears everybody; the other one is connected to whom one talks with, since only such
  // a socket is told when nobody listens there. The system gives that person's datagrams to the latter. The port is
  // taken by the first alone, and shared for no longer than it takes to open the second, so that no other program can
  // listen there too.
  bool open(const parley::Address& here) {
    auto anybody = parley::UdpSocket::bind(here);
    if (!anybody) return display_.cannot("listen on " + here.to_string(), anybody.error());
    const parley::Address at = anybody->local_address().value();
    auto other = parley::UdpSocket::open(at.native_family());
    if (!other) return display_.cannot("open a socket", other.error());
    parley::Result<> done = anybody->set(parley::ReuseAddress{true});
    if (done) done = other->set(parley::ReuseAddress{true});
    if (done) done = other->socket().bind(at);
    if (done) done = anybody->set(parley::ReuseAddress{false});
    if (done) done = other->set(parley::ReuseAddress{false});
    if (!done) return display_.cannot("send from " + at.to_string(), done.error());
    done = other->connect(to());
    if (!done) return display_.cannot("send to " + to().to_string(), done.error());
    anybody_ = std::move(*anybody);
    other_ = std::move(*other);
    return true;
  }

  bool announce() {
    display_.screen().set_prompt(options_.name + "> ");
    return display_.print("listening on " + anybody_.local_address().value().to_string()) &&
           display_.notice("what you say goes to " + to().to_string() + "; /help lists the commands");
  }

  // ---- What is typed

  bool obey(std::string_view command) {
    if (command == "stats") return show_stats();
    if (command != "help") return display_.no_such_command(command);
    return display_.notice("/stats  what was sent and received") && display_.notice("/quit   ends the program") &&
           display_.notice("//      says a text that begins with /");
  }

  parley::Task<bool> say(std::string_view typed) {
    const std::string text = valid_utf8(options_.name.empty() ? typed : options_.name + ": " + std::string(typed));
    std::string_view rest = text;
    do {  // an empty line is an empty datagram
      const std::string_view piece = take_piece(rest, max_sent);
      static_cast<void>(co_await parley::sleep_until(rate_.next()));
      rate_.take(parley::Clock::now());
      auto sent = co_await other_.send(piece);
      // What the system has to tell about an earlier datagram comes as an error of this one, which is then not sent.
      for (int again = 0; again < 3 && is_news_of_the_net(sent.error()); ++again) {
        if (!tell_about(sent.error())) co_return false;
        sent = co_await other_.send(piece);
      }
      if (sent.error() == parley::Error::cancelled) co_return false;
      sent_ += sent.has_value();
      const bool told =
          sent.has_value() || display_.error("cannot send to " + to().to_string() + ": " + sent.error().message());
      if (!told) co_return false;
    } while (!rest.empty());
    co_return true;
  }

  // ---- What comes

  parley::Task<> receive(parley::UdpSocket& socket) {
    const auto buffer = std::make_unique<char[]>(max_received);
    for (bool goes_on = true; goes_on;) {
      const auto received = co_await socket.recv_from({buffer.get(), max_received});
      if (received) {
        goes_on = show({buffer.get(), received->bytes}, received->from);
      } else if (is_news_of_the_net(received.error())) {
        goes_on = tell_about(received.error());
      } else {
        if (received.error() == parley::Error::cancelled) co_return;
        goes_on = display_.cannot("receive on " + anybody_.local_address().value().to_string(), received.error());
      }
    }
  }

  bool show(std::string_view text, const parley::Address& from) {
    ++received_;
    if (from.host() != to().host()) {
      ++from_elsewhere_;
      const std::string source = display_.screen().paint('[' + from.to_string() + ']', common::Colour::yellow);
      return display_.print(source + ' ' + parley::make_printable(text));
    }
    was_heard_ = true;
    has_told_ = {};
    if (text.ends_with('\n')) text.remove_suffix(1);  // from nc, say
    return display_.print_of(from.to_string(), parley::make_printable(text, parley::Newlines::keep));
  }

  // Errors that ICMP messages cause (RFC 1122, 4.1.3.3): they say how it went with a datagram, and end nothing.
  static bool is_news_of_the_net(std::error_code error) {
    return error == std::errc::connection_refused || error == std::errc::host_unreachable ||
           error == std::errc::network_unreachable || error == std::errc::protocol_error ||
           error == std::errc::no_protocol_option;
  }

  // Once, until the other is heard or it is about something else.
  bool tell_about(std::error_code news) {
    ++refused_;
    if (std::exchange(has_told_, news) == news) return true;
    if (news != std::errc::connection_refused) {
      return display_.error("what is said to " + to().to_string() + " may be lost: " + news.message());
    }
    return display_.notice("nobody listens there " + std::string(was_heard_ ? "any more" : "yet") +
                           ": what is said to " + to().to_string() + " is lost");
  }

  bool show_stats() {
    return display_.notice("sent " + std::to_string(sent_) + ", refused " + std::to_string(refused_)) &&
           display_.notice("received " + std::to_string(received_) + ", of them from elsewhere " +
                           std::to_string(from_elsewhere_)) &&
           display_.notice("lost, duplicated, out of order: nobody can tell, since bare texts have no numbers");
  }

  PeerOptions options_;
  Display display_;
  parley::UdpSocket anybody_, other_;
  // A receiver that is busy for a moment has room for some hundred datagrams; UDP does not tell when it has none.
  RateLimit rate_{200, 64};
  std::uint64_t sent_ = 0, received_ = 0, from_elsewhere_ = 0, refused_ = 0;
  bool was_heard_ = false;    // the other one
  std::error_code has_told_;  // of a sort, and that it is so yet
};

inline parley::Task<int> talk_to_peer(PeerOptions options) {
  Peer peer(options);
  co_return co_await peer.run();
}

}  // namespace udp_chat
