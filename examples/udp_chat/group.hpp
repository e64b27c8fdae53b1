// SPDX-License-Identifier: BSL-1.0
#pragma once

// `udp_chat group`: everyone on the network segment, without a server. What is said goes to a multicast group, from
// where each program gets it, or does not: see group_talk.hpp for what is made of that.

#include <parley/core/channel.hpp>
#include <parley/core/race.hpp>
#include <parley/core/sleep.hpp>
#include <parley/core/task.hpp>
#include <parley/net/datagram_details.hpp>
#include <parley/net/udp_socket.hpp>
#include <parley/platform/random.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "display.hpp"
#include "endpoints.hpp"
#include "group_talk.hpp"
#include "pieces.hpp"

namespace udp_chat {

struct GroupOptions {
  GroupAddress group;
  InterfaceAddress over;
  std::string name;
  bool no_color = false;
};

class Group {
 public:
  explicit Group(const GroupOptions& options) : options_(options), display_(!options.no_color) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// The status to exit with.
  parley::Task<int> run() {
    const bool named = co_await ask_for_name();
    if (!named) co_return display_.status();
    std::uint64_t random = 0;
    if (const int number = parley::platform::random_bytes(&random, sizeof random); number != 0) {
      co_return common::give_up("cannot draw a random number", std::error_code(number, std::system_category()));
    }
    if (!open()) co_return display_.status();
    const std::uint64_t number = speaker_number(std::chrono::system_clock::now(), random);
    GroupTalk talk(options_.name, number, parley::Clock::now());
    talk_ = &talk;
    // The first datagram shows whether there is a way to the group at all.
    const std::string hello = *talk.presence(parley::Clock::now());
    const auto sent = co_await socket_.send_to(hello, to());
    if (!sent) {
      display_.cannot("send to " + to().to_string(), sent.error());
      co_return display_.status();
    }
    ++signs_of_life_;
    if (!announce()) co_return display_.status();
    static_cast<void>(
        co_await parley::race(display_.take_typed([this](std::string_view text) { return say(text); },
                                                  [this](std::string_view command) { return obey(command); }),
                              receive(), follow_clock(), send()));
    co_await say_what_is_left();
    co_return display_.status();
  }

 private:
  static constexpr std::size_t most_waiting = 64;  // datagrams that are to be sent

  const parley::Address& to() const { return options_.group.address; }

  parley::Task<bool> ask_for_name() {
    std::string& name = options_.name;
    if (!name.empty()) co_return true;
    if (!display_.can_ask()) co_return display_.refuse_usage("group", "say --name NAME");
    co_return co_await display_.ask("your name: ", [&name](std::string_view text) {
      const auto check = tcp_chat::check_name(text);
      if (check) name = text;
      return std::string(check.reason);
    });
  }

  bool open() {
    if (!find_interface()) return false;
    const bool is_ipv6 = to().family() == parley::Address::Family::ipv6;
    const auto here = is_ipv6 ? parley::Address::any_v6(to().port()) : parley::Address::any_v4(to().port());
    auto socket = parley::UdpSocket::bind_shared(here);
    if (!socket) return display_.cannot("listen on " + here.to_string(), socket.error());
    parley::Result<> done = socket->join_group(to(), over_);
    if (!done) return display_.cannot("join the group " + to().to_string(), done.error());
    if (over_ != parley::Interface()) done = socket->set(parley::MulticastInterface{over_});
    if (done) done = socket->set(parley::ReportDestination{});
    if (done) done = socket->set(parley::MulticastLoop{true});  // for others on this machine
    if (done) done = socket->set(parley::MulticastTtl{1});
    if (!done) return display_.cannot("send to the group " + to().to_string(), done.error());
    socket_ = std::move(*socket);
    return true;
  }

  // The scope of an IPv6 group names one as well.
  bool find_interface() {
    const parley::Interface of_group(to().scope_id());
    over_ = of_group;
    if (!options_.over.address) return true;
    const auto found = parley::Interface::with_address(*options_.over.address);
    if (!found) return display_.cannot("use the interface " + options_.over.address->host(), found.error());
    over_ = *found;
    if (of_group == parley::Interface() || over_ == of_group) return true;
    return display_.refuse_usage("group", "--group names another interface than --interface");
  }

  bool announce() {
    show_prompt();
    return display_.notice("you are " + options_.name + " in the group " + to().to_string()) &&
           display_.notice("everyone on this network segment can read along; /help lists the commands");
  }

  void show_prompt() { display_.screen().set_prompt(talk_->shown_name() + "> "); }

  // ---- What is typed

  parley::Task<bool> say(std::string_view typed) {
    const std::string text = valid_utf8(typed);
    std::string_view rest = text;
    while (!rest.empty()) {
      static_cast<void>(co_await parley::sleep_until(saying_.next()));
      saying_.take(parley::Clock::now());
      const std::string_view piece = take_piece(rest, max_group_text);
      std::string datagram = talk_->say(piece, parley::Clock::now());
      const auto queued = co_await outgoing_.send(std::move(datagram));
      if (!queued) co_return false;
      note_due();
    }
    co_return true;
  }

  bool obey(std::string_view command) {
    if (command == "who") return show_people();
    if (command == "stats") return show_stats();
    if (command == "help") {
      return display_.notice("/who    who is here") && display_.notice("/stats  what was sent, received and lost") &&
             display_.notice("/quit   leaves the group") && display_.notice("//      says a text that begins with /");
    }
    return display_.no_such_command(command);
  }

  // ---- What comes and goes

  parley::Task<> receive() {
    char buffer[max_group_datagram + 1];  // a longer one is none of ours
    for (;;) {
      parley::DatagramDetails details;
      const auto received = co_await socket_.recv_from(buffer, details);
      if (received.error() == parley::Error::cancelled) co_return;
      if (!received) {
        display_.cannot("receive from the group " + to().to_string(), received.error());
        co_return;
      }
      if (!is_of_this_segment(details)) continue;
      talk_->take({buffer, received->bytes}, received->from, parley::Clock::now());
      if (!show_events()) co_return;
      note_due();
    }
  }

  // Linux also gives a socket what comes to its IPv6 group by an interface where only others have joined it: of a
  // segment that this machine is on twice, each would be heard twice, and by IPv6 seem to be two people.
  bool is_of_this_segment(const parley::DatagramDetails& details) const {
    return over_ == parley::Interface() || details.over == over_;
  }

  parley::Task<> follow_clock() {
    for (;;) {
      const auto now = parley::Clock::now();
      talk_->pass(now);
      if (!show_events()) co_return;
      if (auto presence = talk_->presence(now)) {
        const auto queued = co_await outgoing_.send(std::move(*presence));
        if (!queued) co_return;
        ++signs_of_life_;
      }
      const auto changed = co_await changes_.receive().within(talk_->due() - parley::Clock::now());
      if (changed.error() == parley::Error::cancelled) co_return;
    }
  }

  void note_due() { static_cast<void>(changes_.try_send(0)); }  // where it is full, it is known already

  parley::Task<> send() {
    for (;;) {
      auto datagram = co_await outgoing_.receive();
      if (!datagram) co_return;
      unsent_ = std::move(*datagram);
      const auto sent = co_await socket_.send_to(unsent_, to());
      if (sent.error() == parley::Error::cancelled) co_return;
      unsent_.clear();
      if (!tell_about(sent.error())) co_return;
    }
  }

  // When it ends: what was said and has not been sent yet, and that one goes. Nobody waits for it long.
  parley::Task<> say_what_is_left() {
    static_cast<void>(outgoing_.try_send(talk_->leave()));
    for (;;) {
      if (unsent_.empty()) {
        auto next = outgoing_.try_receive();
        if (!next) co_return;
        unsent_ = std::move(*next);
      }
      const auto sent = co_await socket_.send_to(unsent_, to()).within(std::chrono::seconds(1)).stop({});
      if (!sent) co_return;
      unsent_.clear();
    }
  }

  // Once, until it goes well again.
  bool tell_about(std::error_code failure) {
    if (std::exchange(has_told_, failure) == failure || !failure) return true;
    return display_.error("cannot send to " + to().to_string() + ": " + failure.message());
  }

  // ---- What is shown. False: it cannot be.

  bool show_events() {
    while (auto event = talk_->next_event())
      if (!show(*event)) return false;
    return true;
  }

  bool show(const GroupEvent& event) {
    using Kind = GroupEvent::Kind;
    switch (event.kind) {
      case Kind::said:
        return display_.print(display_.screen().paint('<' + event.name + '>', common::Colour::cyan) + ' ' + event.text);
      case Kind::joined: return display_.notice(event.name + " is here");
      case Kind::left: return display_.notice(event.name + " left");
      case Kind::fell_silent: return display_.notice(event.name + " is not heard any more");
      case Kind::renamed: return display_.notice(event.text + " is shown as " + event.name + " from now on");
      case Kind::renamed_you: show_prompt(); return display_.warning(text_of_own_name(event));
      case Kind::renumbered:
        return display_.notice("those who are called " + event.name + " are numbered anew; /who tells who is here");
      case Kind::too_many_people: return display_.error("more people are here than this program can keep apart");
      case Kind::other_version: return display_.error("somebody here has another version of this program");
      case Kind::lost:
        return display_.warning(std::to_string(event.count) + (event.count == 1 ? " message of " : " messages of ") +
                                event.name + (event.count == 1 ? " was lost" : " were lost"));
    }
    return true;
  }

  std::string text_of_own_name(const GroupEvent& event) const {
    if (event.text.empty()) return "you are shown as " + event.name + " again";
    return "somebody here is called " + event.text + (event.text == options_.name ? ", too" : "") +
           ": you are shown as " + event.name;
  }

  bool show_people() {
    std::string line = "here: " + talk_->shown_name() + " (you)";
    const auto now = parley::Clock::now();
    for (const auto& member : talk_->members()) {
      const auto silence = std::chrono::duration_cast<std::chrono::seconds>(now - member.heard_at);
      line += ", " + member.name;
      if (silence > GroupTalk::presence_interval * 3 / 2)
        line += " (silent for " + std::to_string(silence.count()) + " s)";
    }
    return display_.notice(line);
  }

  bool show_stats() {
    const auto& dropped = talk_->dropped();
    if (!display_.notice("sent " + std::to_string(talk_->said()) + ", and " + std::to_string(signs_of_life_) +
                         " signs of life") ||
        !display_.notice(text_of(talk_->counters())) ||
        !display_.notice("dropped " + std::to_string(dropped.foreign + dropped.malformed + dropped.made_up) +
                         " malformed, " + std::to_string(dropped.other_version) + " of other versions, " +
                         std::to_string(dropped.no_room) + " of too many people")) {
      return false;
    }
    std::size_t shown = 0;
    for (const auto& member : talk_->members())
      if (shown++ < 20 && !display_.notice("  " + member.name + ": " + text_of(member.counters))) return false;
    return true;
  }

  static std::string text_of(const GroupCounters& counters) {
    std::string text = "received " + std::to_string(counters.received) + ", lost " + std::to_string(counters.lost);
    if (counters.too_late != 0) text += " (" + std::to_string(counters.too_late) + " came too late)";
    text += ", duplicated " + std::to_string(counters.duplicates) + ", out of order " +
            std::to_string(counters.out_of_order);
    if (counters.too_fast != 0) text += ", too fast " + std::to_string(counters.too_fast);
    return text;
  }

  GroupOptions options_;
  Display display_;
  parley::UdpSocket socket_;
  parley::Interface over_;  // of the group; none in particular where nothing names one
  GroupTalk* talk_ = nullptr;
  RateLimit saying_{20, 40};
  parley::Channel<std::string> outgoing_{most_waiting};
  parley::Channel<int> changes_{1};  // of when something is due
  std::string unsent_;               // that is being sent
  std::uint64_t signs_of_life_ = 0;
  std::error_code has_told_;
};

inline parley::Task<int> talk_in_group(GroupOptions options) {
  Group group(options);
  co_return co_await group.run();
}

}  // namespace udp_chat
