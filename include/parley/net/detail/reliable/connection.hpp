// SPDX-License-Identifier: BSL-1.0
#pragma once

// One end of a connection, without I/O and with the caller's clock:
//
//   receive(datagram, now)   for each datagram that came for it
//   write(room, now)         the next datagram that is to go out, until it says 0; after every call above or below
//   due()                    when write() wants to be called again though nothing has happened
//
// It allocates what it keeps, within the limits of its options. Memory that has run out leaves as an exception; the
// datagram then counts as lost.

#include <parley/core/result.hpp>
#include <parley/net/detail/reliable/congestion.hpp>
#include <parley/net/detail/reliable/ending.hpp>
#include <parley/net/detail/reliable/frames.hpp>
#include <parley/net/detail/reliable/incoming.hpp>
#include <parley/net/detail/reliable/loss_share.hpp>
#include <parley/net/detail/reliable/options.hpp>
#include <parley/net/detail/reliable/outgoing.hpp>
#include <parley/net/detail/reliable/probes.hpp>
#include <parley/net/detail/reliable/received.hpp>
#include <parley/net/detail/reliable/repeats.hpp>
#include <parley/net/detail/reliable/rtt.hpp>
#include <parley/net/detail/reliable/sent.hpp>
#include <parley/net/detail/reliable/wire.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI::detail::reliable {

class Connection {
 public:
  Connection(const ReliableOptions& options, const Terms& own, const Terms& peer, TimePoint now)
      : options_(options),
        own_(own),
        peer_(peer),
        received_(number_base + peer.first),
        sent_(number_base + own.first),
        outgoing_(own.first),
        incoming_(peer.first, options),
        probing_(now, options.keepalive) {
    outgoing_.set_credit(own.first + peer.window);
  }

  const Terms& own_terms() const noexcept { return own_; }
  const Terms& peer_terms() const noexcept { return peer_; }

  /// Says something at once, so that the peer knows that its answer has come. Three times, since that may be lost, and
  /// to know the round trip better before it matters.
  void greet(TimePoint now) noexcept { probing_.greet(now); }
  /// Something has come from the peer.
  bool confirmed() const noexcept { return counters_.datagrams_received != 0; }
  /// A measurement from making the connection.
  void sample_rtt(Duration rtt) noexcept { rtt_.sample(rtt, Duration::zero()); }

  /// The longest message that both ends take.
  std::size_t max_message() const noexcept { return std::min<std::size_t>(options_.max_message, peer_.largest); }
  bool has_room(std::size_t size) const noexcept {
    return outgoing_.held() == 0 || outgoing_.held() + charge_of(size) <= options_.send_buffer;
  }
  /// Error::too_long, queue_full where there is no room, closed where nothing can be sent any more.
  Result<> send(std::uint8_t channel, ConstBytes bytes) {
    if (ends() || peer_gone() || lost_) return Error::closed;
    if (bytes.size() > max_message()) return Error::too_long;
    if (!has_room(bytes.size())) return Error::queue_full;
    outgoing_.push(channel, std::vector<std::byte>(bytes.data(), bytes.data() + bytes.size()));
    ++counters_.messages_sent;
    return {};
  }
  bool has_message() const noexcept { return incoming_.has_message(); }
  bool has_message(std::uint8_t channel) const noexcept { return incoming_.has_message(channel); }
  ReceivedMessage pop() { return incoming_.pop(); }
  ReceivedMessage pop(std::uint8_t channel) { return incoming_.pop(channel); }

  /// Nothing more will be sent: tells the peer as soon as the rest has been acknowledged.
  void end_sending() noexcept { ending_.want(end_of_messages, false); }
  /// The same, and then nothing is taken any more either.
  void end() noexcept { ending_.want(end_of_messages | gone, false); }
  /// At once, whatever the peer has not got.
  void abort() noexcept {
    ending_.want(gone, true);
    probing_.ask_now();
  }

  bool ends() const noexcept { return ending_.wanted(); }

  /// Nothing has come for the idle timeout, or what came cannot be gone on with.
  bool lost() const noexcept { return lost_; }
  /// The peer sends no more messages than have come.
  bool peer_ended() const noexcept { return ending_.peer_ended(); }
  /// The peer takes nothing any more.
  bool peer_gone() const noexcept { return ending_.peer_gone(); }
  /// All that was given to be sent has been acknowledged.
  bool drained() const noexcept { return outgoing_.empty(); }
  /// The peer knows that this end takes nothing any more, or cannot be told.
  bool over() const noexcept {
    if (lost_) return true;
    if (peer_gone()) return ending_.wants_to_go() && !received_.has_news();
    const bool in_vain = probing_.unanswered() >= Probes::farewell_after;
    return ending_.was_heard_gone() || (ending_.has_said_gone() && in_vain);
  }

  const ReliableCounters& counters() noexcept {
    counters_.messages_received = incoming_.received();
    return counters_;
  }
  ReliableStatus status() const noexcept {
    return {rtt_.smoothed(),         rtt_.variation(), congestion_.window(),
            sent_.bytes_in_flight(), outgoing_.held(), loss_.told()};
  }
  /// Bytes kept for the peer's messages, as they are charged.
  std::size_t incoming_held() const noexcept { return incoming_.held(); }

  void receive(ConstBytes datagram, TimePoint now) {
    Reader head(datagram);
    const auto kind = head.get<Packet>();
    const bool report = kind == Packet::report;
    if ((!report && kind != Packet::packet) || head.get<std::uint32_t>() != own_.tag || over()) return;
    const std::uint64_t number = report ? 0 : complete(head.get<std::uint32_t>(), received_.largest() + 1);
    if (!head.ok() || !well_formed(head, report)) {
      ++counters_.malformed;
      return;
    }
    if (!report && !received_.is_new(number)) {
      ++counters_.duplicates;
      return;
    }
    ++counters_.datagrams_received;
    counters_.bytes_received += datagram.size();
    bool asks = false;
    bool refused = false;
    while (!head.done()) refused = !apply(head, now, asks) || refused;
    if (refused) {
      ++counters_.refused;
    } else if (!report) {
      received_.add(number, now, asks);
    }
    probing_.hear(now);
  }

  std::size_t write(MutableBytes room, TimePoint now) {
    if (over()) return 0;
    if (now - probing_.heard() >= options_.idle_timeout || incoming_.is_stuck(now, options_.idle_timeout)) {
      lost_ = true;
      return 0;
    }
    run_timers(now);
    Writer into(room.first(max_datagram));
    into.put(Packet::packet);
    into.put(peer_.tag);
    into.put(static_cast<std::uint32_t>(sent_.next()));
    const bool may = may_send(now);
    if (may || probing_.due() || repeats_.due() <= now) {
      if (received_.has_news()) received_.write(into, now, 1);
      if (probing_.due()) write_probe(into);
      repeats_.write_due(now, [&](const Item& item) { return write_again(into, item); });
      if (may) write_control(into);
      if (may && goes_on()) write_messages(into, now);
      depart(into.size(), now);
      return into.size();
    }
    return received_.due() <= now ? write_report(room, now) : 0;
  }

  TimePoint due() const noexcept {
    if (over()) return TimePoint::max();
    TimePoint at = std::min({received_.due(), probing_.heard() + options_.idle_timeout, loss_time_,
                             incoming_.next_check(), repeats_.due(), probing_.next(rtt_, sent_.in_flight() != 0)});
    if (wants_to_send() && window_allows()) at = std::min(at, std::max(now_, congestion_.next_departure()));
    return at;
  }

 private:
  // ---- Frames that come in

  // False: it must count as not received.
  bool apply(Reader& frames, TimePoint now, bool& asks) {
    const auto type = frames.get<std::uint8_t>();
    if (is_message(type)) {
      MessageFrame message;
      message.read(type, frames);
      asks = true;
      // Nobody is there to take it, or the peer said that there would be none: it only has to stop coming.
      if (ending_.has_said_gone()) return true;
      return incoming_.take(message, now);
    }
    switch (static_cast<Frame>(type)) {
      case Frame::padding: return true;
      case Frame::ack: apply_ack(frames, now); return true;
      case Frame::credit: outgoing_.set_credit(frames.get<std::uint32_t>()); break;
      case Frame::end: ending_.peer_says(frames.get<std::uint8_t>()); break;
      default: break;
    }
    asks = true;
    return true;
  }

  void apply_ack(Reader& frames, TimePoint now) {
    const std::uint64_t largest = complete(frames.get<std::uint32_t>(), sent_.next());
    const Duration delay = std::chrono::microseconds(16) * frames.get<std::uint16_t>();
    const std::size_t before = sent_.bytes_in_flight();
    std::size_t bytes = 0;
    bool sampled = false;
    bool any = false;
    for_each_acknowledged(frames, largest, sent_.next(), [&](std::uint64_t number) {
      const auto settled =
          sent_.acknowledge(number, [&](const Item& item, bool was_lost) { acknowledge(item, was_lost); });
      if (!settled.known) return;
      any = true;
      if (settled.was_lost) {
        ++counters_.not_lost;
        loss_.found();
        congestion_.not_lost(number);
        return;
      }
      loss_.note(false);
      bytes += settled.bytes;
      if (number != largest) return;
      rtt_.sample(now - settled.time, delay);
      sampled = true;
    });
    if (!any) return;
    probing_.answered();
    const bool limited = before + max_datagram > congestion_.window() / 2;
    congestion_.acknowledged(bytes, largest, sent_.next(), rtt_.latest(), sampled, limited);
    find_lost(now);
  }

  void acknowledge(const Item& item, bool was_lost) noexcept {
    if (item.what == Item::What::fragment) outgoing_.acknowledged(item, was_lost);
    if (item.what == Item::What::end) ending_.acknowledged(static_cast<std::uint8_t>(item.message));
  }

  void find_lost(TimePoint now) {
    loss_time_ = sent_.find_lost(
        now, rtt_,
        [&](std::uint64_t number, std::size_t) {
          ++counters_.lost;
          loss_.note(true);
          congestion_.lost(number, sent_.next());
        },
        [&](const Item& item) {
          if (item.what == Item::What::fragment) outgoing_.lost(item);
          if (item.what == Item::What::credit) tell_credit_ = true;
          if (item.what == Item::What::end) ending_.lost(static_cast<std::uint8_t>(item.message));
        });
  }

  // ---- Time

  void run_timers(TimePoint now) {
    now_ = now;
    if (loss_time_ <= now) find_lost(now);
    if (probing_.check(now, rtt_, sent_.in_flight() != 0)) congestion_.collapse();
    outgoing_.forget_found();
    repeats_.prune(window_allows(), [&](const Item& item) { return outgoing_.needs(item); });
  }

  // ---- What goes out

  bool wants_end() const noexcept { return ending_.due(outgoing_.empty()); }
  bool wants_credit() const noexcept { return tell_credit_ || incoming_.limit_is_news(); }
  bool wants_to_send() const noexcept {
    return wants_end() || wants_credit() || (goes_on() && (outgoing_.has_lost() || outgoing_.has_new()));
  }
  bool goes_on() const noexcept { return !ending_.abrupt() && !peer_gone(); }
  bool window_allows() const noexcept {
    return !sent_.full() && sent_.bytes_in_flight() + max_datagram <= congestion_.window();
  }
  bool may_send(TimePoint now) const noexcept {
    return wants_to_send() && window_allows() && congestion_.next_departure() <= now;
  }
  // The window is not what holds it back.
  bool is_thin() const noexcept {
    return !outgoing_.has_new() && !outgoing_.has_lost() && sent_.bytes_in_flight() < congestion_.window() / 2;
  }

  void write_control(Writer& into) {
    if (wants_credit() && into.room() >= 5) {
      into.put(Frame::credit);
      into.put(incoming_.limit());
      incoming_.limit_told();
      tell_credit_ = false;
      add_item({0, 0, Item::What::credit});
    }
    if (wants_end() && into.room() >= 2) {
      into.put(Frame::end);
      into.put(ending_.flags());
      ending_.sent();
      add_item({ending_.flags(), 0, Item::What::end});
    }
  }

  void write_messages(Writer& into, TimePoint now) {
    Item item;
    std::array<Item, 8> again{};
    std::size_t again_count = 0;
    while (outgoing_.write_lost(into, item)) {
      ++counters_.resent;
      add_item(item);
      if (again_count != again.size()) again[again_count++] = item;
    }
    const std::uint64_t before = repeats_.new_count();
    while (outgoing_.write_new(into, item)) {
      add_item(item);
      repeats_.sent_new(item);
    }
    if (!is_thin()) return;
    for (std::size_t i = 0; i < again_count; ++i) add_copies(again[i], now, false);
    if (repeats_.new_count() == before) return;
    repeats_.write_recent(before, options_.redundancy, [&](const Item& older) {
      if (outgoing_.write_again(into, older)) add_item(older);
    });
  }
  void add_copies(const Item& item, TimePoint now, bool probe) {
    repeats_.add_copies(item, now, rtt_.smoothed(), loss_.proven(), sent_.in_flight(), probe);
  }
  bool write_again(Writer& into, const Item& item) {
    if (!outgoing_.write_again(into, item)) return false;
    ++counters_.resent;
    add_item(item);
    return true;
  }

  // The oldest of what is not acknowledged, as much as fits; a ping where there is nothing.
  void write_probe(Writer& into) {
    if (probing_.resends()) write_oldest(into);
    if (item_count_ == departed_items_) {
      into.put(Frame::ping);
      add_item({0, 0, Item::What::ping});
    }
    probing_.sent();
  }
  void write_oldest(Writer& into) {
    const auto oldest = sent_.oldest([&](const Item& item) {
      if (item.what == Item::What::credit) tell_credit_ = true;
      if (item.what == Item::What::end) ending_.lost(static_cast<std::uint8_t>(item.message));
      return item.what == Item::What::fragment && outgoing_.needs(item);
    });
    write_control(into);
    for (std::size_t i = 0; i < oldest.count && goes_on(); ++i) {
      if (write_again(into, oldest.items[i])) add_copies(oldest.items[i], now_, true);
    }
  }

  void add_item(const Item& item) {
    sent_.add_item(item);
    ++item_count_;
  }

  void depart(std::size_t size, TimePoint now) {
    sent_.add_packet(size, now);
    departed_items_ = item_count_;
    congestion_.departed(size, now, rtt_.smoothed());
    probing_.ask(now);
    count(size);
  }

  std::size_t write_report(MutableBytes room, TimePoint now) {
    Writer into(room.first(max_datagram));
    into.put(Packet::report);
    into.put(peer_.tag);
    received_.write(into, now, ReceivedPackets::max_blocks);
    count(into.size());
    return into.size();
  }
  void count(std::size_t size) noexcept {
    ++counters_.datagrams_sent;
    counters_.bytes_sent += size;
  }

  ReliableOptions options_;
  Terms own_;
  Terms peer_;
  RttEstimator rtt_;
  Congestion congestion_;
  ReceivedPackets received_;
  SentPackets sent_;
  Outgoing outgoing_;
  Incoming incoming_;
  ReliableCounters counters_;
  Probes probing_;
  Repeats repeats_;
  std::uint64_t item_count_ = 0;
  std::uint64_t departed_items_ = 0;
  TimePoint now_{};  // as of the last write()
  TimePoint loss_time_ = TimePoint::max();
  LossShare loss_;
  bool tell_credit_ = false;
  bool lost_ = false;
  Ending ending_;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
