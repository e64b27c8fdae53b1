// SPDX-License-Identifier: BSL-1.0
#pragma once

// What is on the way: each packet with what it holds, until it is acknowledged or counts as lost.
//
// A packet is lost when one that left `threshold` later was acknowledged, or any later one and it is older than 1.125
// round trips (RFC 9002, 6.1). Where that turns out to be wrong, both grow (RFC 8985, 6.2, has the idea), so that a path
// which reorders is not taken for one that loses.

#include <parley/core/detail/ring.hpp>
#include <parley/net/detail/reliable/rtt.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::detail::reliable {

/// A part of what was sent that may have to be sent again.
struct Item {
  enum class What : std::uint8_t { fragment, ping, credit, end };
  std::uint64_t message = 0;
  std::uint32_t fragment = 0;
  What what = What::fragment;
};

class SentPackets {
 public:
  /// At most so many are remembered; then nothing is sent until the oldest is settled.
  static constexpr std::size_t most = 16384;

  explicit SentPackets(std::uint64_t first) : packets_(first) {}

  std::uint64_t next() const noexcept { return packets_.next(); }
  std::size_t bytes_in_flight() const noexcept { return bytes_in_flight_; }
  std::size_t in_flight() const noexcept { return in_flight_; }
  bool full() const noexcept { return packets_.size() >= most; }
  std::uint64_t largest_acknowledged() const noexcept { return largest_acknowledged_; }
  unsigned threshold() const noexcept { return threshold_; }

  /// Items of the next packet.
  void add_item(const Item& item) { items_.push_back(item); }
  void add_packet(std::size_t bytes, TimePoint now) {
    const std::uint64_t from = packets_.empty() ? items_.first() : packets_.back().items_end;
    packets_.push_back({now, from, items_.next(), static_cast<std::uint32_t>(bytes), State::in_flight});
    bytes_in_flight_ += bytes;
    ++in_flight_;
  }

  struct Settled {
    bool known = false;  // it was in flight, or counted as lost
    bool was_lost = false;
    std::size_t bytes = 0;
    TimePoint time{};
  };
  template <class Function>
  Settled acknowledge(std::uint64_t number, Function for_each_item) {
    if (number < packets_.first() || number >= packets_.next()) return {};
    Sent& packet = packets_[number];
    if (packet.state == State::acknowledged) return {};
    const bool was_lost = packet.state == State::lost;
    if (was_lost) {
      const std::uint64_t distance = largest_acknowledged_ > number ? largest_acknowledged_ - number : 0;
      if (distance >= threshold_) {
        threshold_ = static_cast<unsigned>(std::min<std::uint64_t>(distance + 1, most_reordering));
      } else if (slack_ < most_slack) {
        ++slack_;
      }
    } else {
      leave_flight(packet);
    }
    packet.state = State::acknowledged;
    if (!any_acknowledged_ || number > largest_acknowledged_) largest_acknowledged_ = number;
    any_acknowledged_ = true;
    for (std::uint64_t i = packet.items; i != packet.items_end; ++i) for_each_item(items_[i], was_lost);
    return {true, was_lost, packet.bytes, packet.time};
  }

  /// Finds what is lost by now, calls on_packet(number, bytes) and on_item(item) for it, and returns when to look again.
  template <class OnPacket, class OnItem>
  TimePoint find_lost(TimePoint now, const RttEstimator& rtt, OnPacket on_packet, OnItem on_item) {
    TimePoint again = TimePoint::max();
    if (any_acknowledged_) {
      const Duration delay = rtt.loss_delay(slack_);
      for (std::uint64_t number = std::max(packets_.first(), search_from_); number < largest_acknowledged_; ++number) {
        Sent& packet = packets_[number];
        if (packet.state != State::in_flight) {
          if (number == search_from_ || number == packets_.first()) search_from_ = number + 1;
          continue;
        }
        if (largest_acknowledged_ - number < threshold_ && now - packet.time < delay) {
          again = std::min(again, packet.time + delay);
          continue;
        }
        packet.state = State::lost;
        leave_flight(packet);
        on_packet(number, packet.bytes);
        for (std::uint64_t i = packet.items; i != packet.items_end; ++i) on_item(items_[i]);
      }
    }
    forget(now, rtt);
    return again;
  }

  /// The oldest items in flight that the condition, which is asked of each up to there, holds for; each once.
  struct Oldest {
    std::array<Item, 8> items{};
    std::size_t count = 0;
  };
  template <class Condition>
  Oldest oldest(Condition condition) const {
    Oldest found;
    for (std::uint64_t number = packets_.first(); number != packets_.next(); ++number) {
      const Sent& packet = packets_[number];
      if (packet.state != State::in_flight) continue;
      for (std::uint64_t i = packet.items; i != packet.items_end && found.count != found.items.size(); ++i) {
        const Item& item = items_[i];
        const auto same = [&](const Item& other) {
          return other.message == item.message && other.fragment == item.fragment;
        };
        const auto end = found.items.begin() + static_cast<std::ptrdiff_t>(found.count);
        if (condition(item) && std::none_of(found.items.begin(), end, same)) found.items[found.count++] = item;
      }
      if (found.count == found.items.size()) break;
    }
    return found;
  }

 private:
  static constexpr unsigned first_threshold = 3;
  static constexpr std::uint64_t most_reordering = 2048;
  static constexpr int most_slack = 4;
  enum class State : std::uint8_t { in_flight, acknowledged, lost };
  struct Sent {
    TimePoint time{};
    std::uint64_t items = 0;
    std::uint64_t items_end = 0;
    std::uint32_t bytes = 0;
    State state = State::acknowledged;
  };

  void leave_flight(const Sent& packet) noexcept {
    bytes_in_flight_ -= packet.bytes;
    --in_flight_;
  }

  // Lost ones are remembered for a while, to notice that they were not.
  void forget(TimePoint now, const RttEstimator& rtt) noexcept {
    const Duration keep = 3 * rtt.loss_delay(most_slack);
    while (!packets_.empty()) {
      const Sent& packet = packets_.front();
      if (packet.state == State::in_flight) return;
      if (packet.state == State::lost && now - packet.time < keep && packets_.size() < most) return;
      while (items_.first() != packet.items_end) items_.pop_front();
      packets_.pop_front();
    }
  }

  Ring<Sent> packets_;
  Ring<Item> items_;
  std::size_t bytes_in_flight_ = 0;
  std::size_t in_flight_ = 0;
  std::uint64_t largest_acknowledged_ = 0;
  std::uint64_t search_from_ = 0;  // all before it are settled
  unsigned threshold_ = first_threshold;
  int slack_ = 1;  // eighths of a round trip that a packet may be late
  bool any_acknowledged_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
