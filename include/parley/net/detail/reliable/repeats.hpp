// SPDX-License-Identifier: BSL-1.0
#pragma once

// What goes out more than once, where there is room to spare.
//
// Copies of what is sent again: the more often, the more the path loses, so that all together are lost once in a hundred
// times at most. A little later each, since losses come together. With next to nothing on the way nobody will tell of a
// second loss soon, and little is to be saved. And what redundancy asks for: the latest new items, once more.

#include <parley/net/detail/reliable/sent.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace parley::inline PARLEY_ABI::detail::reliable {

class Repeats {
 public:
  static constexpr std::size_t most_copies = 64;

  /// `loss` is the share of packets that are lost. Copies of a probe go out whatever the window says (RFC 9002, 6.2.4).
  void add_copies(const Item& item, TimePoint now, Duration smoothed_rtt, double loss, std::size_t in_flight,
                  bool probe) {
    const int count = loss * loss > 0.01 || in_flight < few_in_flight ? 2 : 1;
    const auto pause =
        std::clamp<Duration>(smoothed_rtt / 16, std::chrono::milliseconds(1), std::chrono::milliseconds(5));
    for (int i = 1; i <= count && copies_.size() < most_copies; ++i) copies_.push_back({now + i * pause, item, probe});
  }

  TimePoint due() const noexcept {
    TimePoint at = TimePoint::max();
    for (const Copy& copy : copies_) at = std::min(at, copy.due);
    return at;
  }

  /// Drops those that needs(item) says are no use any more; without room in the window all but a probe's.
  template <class Needs>
  void prune(bool room, Needs needs) {
    std::erase_if(copies_, [&](const Copy& copy) { return !needs(copy.item) || (!room && !copy.probe); });
  }
  /// Those that are due and that write(item) has written are done.
  template <class Write>
  void write_due(TimePoint now, Write write) {
    std::erase_if(copies_, [&](const Copy& copy) { return copy.due <= now && write(copy.item); });
  }

  /// An item was sent for the first time.
  void sent_new(const Item& item) noexcept { recent_[recent_count_++ % recent_.size()] = item; }
  std::uint64_t new_count() const noexcept { return recent_count_; }
  /// Calls write(item) for the last so many before the one with this count, the newest first.
  template <class Write>
  void write_recent(std::uint64_t before, std::uint64_t count, Write write) {
    const std::uint64_t kept = recent_count_ > recent_.size() ? recent_count_ - recent_.size() : 0;
    for (std::uint64_t i = before; i > kept && before - i < count; --i) write(recent_[(i - 1) % recent_.size()]);
  }

 private:
  static constexpr std::size_t few_in_flight = 3;
  struct Copy {
    TimePoint due;
    Item item;
    bool probe;
  };

  std::vector<Copy> copies_;
  std::array<Item, 16> recent_{};
  std::uint64_t recent_count_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
