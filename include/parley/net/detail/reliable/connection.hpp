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
#include <parley/net/detail/reliable/incoming.hpp>
#include <parley/net/detail/reliable/options.hpp>
#include <parley/net/detail/reliable/outgoing.hpp>
#include <parley/net/detail/reliable/received.hpp>
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

/// What an end says of itself when the connection is made.
struct Terms {
  std::uint32_t tag = 0;
  std::uint32_t first = 0;
  std::uint32_t window = 0;
  std::uint32_t largest = 0;
};

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
        heard_(now),
        asked_(now) {
    outgoing_.set_credit(own.first + peer.window);
  }

  const Terms& own_terms() const noexcept { return own_; }
  const Terms& peer_terms() const noexcept { return peer_; }

  /// Says something at once, so that the peer knows that its answer has come. Three times, since that may be lost, and
  /// to know the round trip better before it matters.
  void greet(TimePoint now) noexcept {
    greetings_ = 3;
    greeting_due_ = now;
  }
  /// Something has come from the peer.
  bool confirmed() const noexcept { return counters_.datagrams_received != 0; }
  /// A measurement from making the connection.
  void sample_rtt(Duration rtt) noexcept { rtt_.sample(rtt, Duration::zero()); }

  // For the program.

  /// The longest message that both ends take.
  std::size_t max_message() const noexcept { return std::min<std::size_t>(options_.max_message, peer_.largest); }
  bool has_room(std::size_t size) const noexcept {
    return outgoing_.held() == 0 || outgoing_.held() + charge_of(size) <= options_.send_buffer;
  }
  /// Error::too_long, queue_full where there is no room, closed where nothing can be sent any more.
  Result<> send(std::uint8_t channel, ConstBytes bytes) {
    if (ending_ != 0 || peer_gone() || lost_) return Error::closed;
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
  void end_sending() noexcept { ending_ |= end_of_messages; }
  /// The same, and then nothing is taken any more either.
  void end() noexcept { ending_ |= end_of_messages | gone; }
  /// At once, whatever the peer has not got.
  void abort() noexcept {
    ending_ |= gone;
    abrupt_ = true;
  }

  bool ends() const noexcept { return ending_ != 0; }

  /// Nothing has come for the idle timeout, or what came cannot be gone on with.
  bool lost() const noexcept { return lost_; }
  /// The peer sends no more messages than have come.
  bool peer_ended() const noexcept { return (peer_end_ & end_of_messages) != 0; }
  /// The peer takes nothing any more.
  bool peer_gone() const noexcept { return (peer_end_ & gone) != 0; }
  /// All that was given to be sent has been acknowledged.
  bool drained() const noexcept { return outgoing_.empty(); }
  /// The peer knows that this end takes nothing any more, or cannot be told.
  bool over() const noexcept {
    if (lost_) return true;
    if (peer_gone()) return (ending_ & gone) != 0 && !received_.has_news();
    return (end_acknowledged_ & gone) != 0 || ((end_sent_ & gone) != 0 && probes_ >= farewell_probes);
  }

  const ReliableCounters& counters() noexcept {
    counters_.messages_received = incoming_.received();
    return counters_;
  }
  ReliableStatus status() const noexcept {
    return {rtt_.smoothed(), rtt_.variation(), congestion_.window(), sent_.bytes_in_flight(), outgoing_.held(), loss_};
  }
  /// Bytes kept for the peer's messages, as they are charged.
  std::size_t incoming_held() const noexcept { return incoming_.held(); }

  // For the network.

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
    heard_ = now;
  }

  std::size_t write(MutableBytes room, TimePoint now) {
    if (over()) return 0;
    if (now - heard_ >= options_.idle_timeout || is_stuck(now)) {
      lost_ = true;
      return 0;
    }
    run_timers(now);
    Writer into(room.first(max_datagram));
    into.put(Packet::packet);
    into.put(peer_.tag);
    into.put(static_cast<std::uint32_t>(sent_.next()));
    const bool may = may_send(now);
    const bool probe = probe_due_;
    if (may || probe || copies_due() <= now) {
      if (received_.has_news()) received_.write(into, now, 1);
      write_frames(into, now, may, probe);
      depart(into.size(), now);
      return into.size();
    }
    return received_.due() <= now ? write_report(room, now) : 0;
  }

  TimePoint due() const noexcept {
    if (over()) return TimePoint::max();
    TimePoint at = std::min({received_.due(), heard_ + options_.idle_timeout, loss_time_, probe_time(), stuck_check_});
    at = std::min(at, copies_due());
    if (greetings_ != 0) at = std::min(at, greeting_due_);
    if (sent_.in_flight() == 0) at = std::min(at, std::max(heard_, asked_) + options_.keepalive);
    if (wants_to_send() && window_allows()) at = std::min(at, std::max(now_, congestion_.next_departure()));
    return at;
  }

 private:
  static constexpr unsigned farewell_probes = 6;
  static constexpr unsigned collapse_probes = 3;
  static constexpr Duration longest_probe_pause = std::chrono::seconds(2);

  // ---- Frames that come in

  static bool well_formed(Reader frames, bool report) noexcept {
    if (report && frames.done()) return false;
    while (!frames.done()) {
      const auto type = frames.get<std::uint8_t>();
      if (report && static_cast<Frame>(type) != Frame::ack) return false;
      if ((type & static_cast<unsigned>(Frame::message)) != 0) {
        if (!MessageFrame().read(type, frames)) return false;
        continue;
      }
      switch (static_cast<Frame>(type)) {
        case Frame::padding:
        case Frame::ping: break;
        case Frame::credit: frames.get<std::uint32_t>(); break;
        case Frame::end: frames.get<std::uint8_t>(); break;
        case Frame::ack: {
          frames.get<std::uint32_t>();
          frames.get<std::uint16_t>();
          const auto sizes = frames.get<std::uint8_t>();
          if ((sizes & 15u) > 8) return false;
          frames.get_bytes((sizes & 15u) + (sizes >> 4u) * ack_block);
          break;
        }
        default: return false;
      }
      if (!frames.ok()) return false;
      if (report && !frames.done()) return false;
    }
    return true;
  }

  // False: it must count as not received.
  bool apply(Reader& frames, TimePoint now, bool& asks) {
    const auto type = frames.get<std::uint8_t>();
    if ((type & static_cast<unsigned>(Frame::message)) != 0) {
      MessageFrame message;
      message.read(type, frames);
      asks = true;
      // Nobody is there to take it, or the peer said that there would be none: it only has to stop coming.
      if ((ending_ & gone) != 0 && (end_sent_ & gone) != 0) return true;
      return incoming_.take(message, now);
    }
    switch (static_cast<Frame>(type)) {
      case Frame::padding: return true;
      case Frame::ack: apply_ack(frames, now); return true;
      case Frame::credit: outgoing_.set_credit(frames.get<std::uint32_t>()); break;
      case Frame::end: peer_end_ |= frames.get<std::uint8_t>(); break;
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
    for_each_acknowledged(frames, largest, sent_.next(), [&](std::uint64_t number) {
      const auto settled =
          sent_.acknowledge(number, [&](const Item& item, bool was_lost) { acknowledge(item, was_lost); });
      if (!settled.known) return;
      note_loss(false);
      if (settled.was_lost) {
        ++counters_.not_lost;
        congestion_.not_lost(number);
        return;
      }
      bytes += settled.bytes;
      if (number != largest) return;
      rtt_.sample(now - settled.time, delay);
      sampled = true;
    });
    if (bytes == 0) return;
    probes_ = 0;
    const bool limited = before + max_datagram > congestion_.window() / 2;
    congestion_.acknowledged(bytes, largest, sent_.next(), rtt_.latest(), sampled, limited);
    find_lost(now);
  }

  void acknowledge(const Item& item, bool was_lost) noexcept {
    if (item.what == Item::What::fragment) outgoing_.acknowledged(item, was_lost);
    if (item.what == Item::What::end) end_acknowledged_ |= static_cast<std::uint8_t>(item.message);
  }

  void find_lost(TimePoint now) {
    loss_time_ = sent_.find_lost(
        now, rtt_,
        [&](std::uint64_t number, std::size_t) {
          ++counters_.lost;
          note_loss(true);
          congestion_.lost(number, sent_.next());
        },
        [&](const Item& item) {
          if (item.what == Item::What::fragment) outgoing_.lost(item);
          if (item.what == Item::What::credit) tell_credit_ = true;
          if (item.what == Item::What::end && (end_acknowledged_ & item.message) != item.message) end_sent_ = 0;
        });
  }

  void note_loss(bool lost) noexcept { loss_ += ((lost ? 1.0 : 0.0) - loss_) / 64; }

  // ---- Time

  TimePoint probe_time() const noexcept {
    if (sent_.in_flight() == 0) return TimePoint::max();
    const Duration first = rtt_.probe_timeout() + ReceivedPackets::longest_delay;
    return asked_ + std::min(first * probe_scale() / 16, std::max(first, longest_probe_pause));
  }
  // Pauses grow by half each time; in sixteenths.
  Duration::rep probe_scale() const noexcept {
    Duration::rep scale = 16;
    for (unsigned i = 0; i < std::min(probes_, 20u); ++i) scale += scale / 2;
    return scale;
  }

  void run_timers(TimePoint now) {
    now_ = now;
    if (loss_time_ <= now) find_lost(now);
    if (probe_time() <= now) {
      probe_due_ = resend_ = true;
      if (++probes_ == collapse_probes) congestion_.collapse();
    }
    if (sent_.in_flight() == 0 && std::max(heard_, asked_) + options_.keepalive <= now) probe_due_ = true;
    if (greetings_ != 0 && greeting_due_ <= now) {
      probe_due_ = true;
      --greetings_;
      greeting_due_ = now + std::chrono::milliseconds(10);
    }
    outgoing_.forget_found();
    std::erase_if(
        copies_, [&](const Copy& copy) { return !outgoing_.needs(copy.item) || (!copy.of_probe && !window_allows()); });
  }

  bool is_stuck(TimePoint now) noexcept {
    if (now < stuck_check_) return false;
    stuck_check_ = incoming_.held() != 0 ? now + options_.idle_timeout / 4 : TimePoint::max();
    return incoming_.is_stuck(now, options_.idle_timeout);
  }

  // ---- What goes out

  bool wants_end() const noexcept {
    const auto missing = static_cast<std::uint8_t>(ending_ & ~end_sent_);
    return missing != 0 && (abrupt_ || outgoing_.empty());
  }
  bool wants_credit() const noexcept { return tell_credit_ || incoming_.limit_is_news(); }
  bool wants_to_send() const noexcept {
    return wants_end() || wants_credit() || (!abrupt_ && !peer_gone() && (outgoing_.has_lost() || outgoing_.has_new()));
  }
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

  // Always something.
  void write_frames(Writer& into, TimePoint now, bool may, bool probe) {
    if (probe) write_probe(into);
    if (copies_due() <= now) write_copies(into, now);
    if (may) write_control(into);
    if (may && !abrupt_ && !peer_gone()) write_messages(into, now);
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
      into.put(ending_);
      end_sent_ = ending_;
      add_item({ending_, 0, Item::What::end});
    }
  }

  void write_messages(Writer& into, TimePoint now) {
    Item item;
    const std::uint64_t from = item_count_;
    while (outgoing_.write_lost(into, item)) {
      ++counters_.resent;
      add_item(item);
      again_[again_count_++ % again_.size()] = item;
    }
    const std::uint64_t resent = std::min<std::uint64_t>(item_count_ - from, again_.size());
    const std::uint64_t new_from = item_count_;
    std::array<Item, 4> fresh{};
    while (outgoing_.write_new(into, item)) {
      add_item(item);
      fresh[(item_count_ - new_from - 1) % fresh.size()] = item;
    }
    const std::uint64_t fresh_count = std::min<std::uint64_t>(item_count_ - new_from, fresh.size());
    if (resent != 0 && is_thin()) {
      for (std::uint64_t i = again_count_ - resent; i != again_count_; ++i)
        add_copies(again_[i % again_.size()], now, false);
    }
    repeat_recent(into, fresh_count != 0);
    for (std::uint64_t i = 0; i < fresh_count; ++i) recent_[recent_count_++ % recent_.size()] = fresh[i];
  }

  // What redundancy asks for.
  void repeat_recent(Writer& into, bool with_new) {
    if (!with_new || !is_thin()) return;
    for (std::uint64_t back = 1; back <= std::min<std::uint64_t>(options_.redundancy, recent_count_); ++back) {
      const Item& item = recent_[(recent_count_ - back) % recent_.size()];
      if (outgoing_.write_again(into, item)) add_item(item);
    }
  }

  // What is sent again goes out more than once where there is room to spare: the more often, the more the path loses,
  // so that all copies together are lost once in a hundred times at most. A little later each, since losses come together.
  // With next to nothing on the way there is nobody to tell of a second loss soon, and little to be saved.
  void add_copies(const Item& item, TimePoint now, bool of_probe) {
    const int copies = loss_ * loss_ > 0.01 || sent_.in_flight() < few_in_flight ? 2 : 1;
    const auto pause =
        std::clamp<Duration>(rtt_.smoothed() / 16, std::chrono::milliseconds(1), std::chrono::milliseconds(5));
    for (int i = 1; i <= copies && copies_.size() < most_copies; ++i) {
      copies_.push_back({now + i * pause, item, of_probe});
    }
  }
  TimePoint copies_due() const noexcept {
    TimePoint at = TimePoint::max();
    for (const Copy& copy : copies_) at = std::min(at, copy.due);
    return at;
  }
  void write_copies(Writer& into, TimePoint now) {
    std::erase_if(copies_, [&](const Copy& copy) {
      if (copy.due > now || !outgoing_.write_again(into, copy.item)) return false;
      ++counters_.resent;
      add_item(copy.item);
      return true;
    });
  }

  // The oldest of what is not acknowledged, as much as fits; a ping where there is nothing.
  void write_probe(Writer& into) {
    if (resend_) write_oldest(into);
    if (item_count_ == departed_items_) {
      into.put(Frame::ping);
      add_item({0, 0, Item::What::ping});
    }
    probe_due_ = resend_ = false;
  }
  void write_oldest(Writer& into) {
    std::array<Item, 8> oldest{};
    std::size_t count = 0;
    sent_.for_each_in_flight([&](const Item& item) {
      if (item.what == Item::What::credit) tell_credit_ = true;
      if (item.what == Item::What::end) end_sent_ = 0;
      if (item.what != Item::What::fragment || !outgoing_.needs(item)) return true;
      const auto same = [&](const Item& other) {
        return other.message == item.message && other.fragment == item.fragment;
      };
      if (std::none_of(oldest.begin(), oldest.begin() + static_cast<std::ptrdiff_t>(count), same))
        oldest[count++] = item;
      return count != oldest.size();
    });
    write_control(into);
    for (std::size_t i = 0; i < count && !abrupt_ && !peer_gone(); ++i) {
      if (!outgoing_.write_again(into, oldest[i])) continue;
      ++counters_.resent;
      add_item(oldest[i]);
      add_copies(oldest[i], now_, true);
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
    asked_ = now;
    count(size);
    if (stuck_check_ == TimePoint::max() && incoming_.held() != 0) stuck_check_ = now + options_.idle_timeout / 4;
  }

  std::size_t write_report(MutableBytes room, TimePoint now) {
    Writer into(room.first(max_datagram));
    into.put(Packet::report);
    into.put(peer_.tag);
    received_.write(into, now, ReceivedPackets::max_blocks);
    if (stuck_check_ == TimePoint::max() && incoming_.held() != 0) stuck_check_ = now + options_.idle_timeout / 4;
    count(into.size());
    return into.size();
  }
  void count(std::size_t size) noexcept {
    ++counters_.datagrams_sent;
    counters_.bytes_sent += size;
  }

  struct Copy {
    TimePoint due;
    Item item;
    bool of_probe;  // goes out whatever the window says (RFC 9002, 6.2.4)
  };
  static constexpr std::size_t most_copies = 64;
  static constexpr std::size_t few_in_flight = 3;

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
  std::vector<Copy> copies_;
  std::array<Item, 8> again_{};
  std::array<Item, 4> recent_{};
  std::uint64_t again_count_ = 0;
  std::uint64_t recent_count_ = 0;
  std::uint64_t item_count_ = 0;
  std::uint64_t departed_items_ = 0;
  TimePoint heard_;  // anything that counts
  TimePoint asked_;  // sent something that is to be acknowledged
  TimePoint now_{};  // as of the last write()
  TimePoint loss_time_ = TimePoint::max();
  TimePoint stuck_check_ = TimePoint::max();
  double loss_ = 0;
  unsigned probes_ = 0;  // in a row, without an acknowledgement
  unsigned greetings_ = 0;
  TimePoint greeting_due_{};
  bool probe_due_ = false;
  bool resend_ = false;  // with it, what is not acknowledged
  bool tell_credit_ = false;
  bool lost_ = false;
  bool abrupt_ = false;
  std::uint8_t ending_ = 0;    // flags of the end frame that is wanted
  std::uint8_t end_sent_ = 0;  // on the way or acknowledged
  std::uint8_t end_acknowledged_ = 0;
  std::uint8_t peer_end_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
