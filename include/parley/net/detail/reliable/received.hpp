// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which packets have come, and when to say so.
//
// Every packet counts once. What is too far behind the newest to be told apart from one that came before is dropped; its
// sender will find it missing and send what it held again.

#include <parley/net/detail/reliable/numbers.hpp>
#include <parley/net/detail/reliable/wire.hpp>
#include <parley/platform/clock.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::detail::reliable {

class ReceivedPackets {
 public:
  /// While packets follow each other closely, an acknowledgement is put off until so many have come, or so long.
  static constexpr unsigned packets_per_ack = 8;
  static constexpr Duration longest_delay = std::chrono::milliseconds(2);
  static constexpr std::size_t max_blocks = 15;

  explicit ReceivedPackets(std::uint64_t first) noexcept : largest_(first - 1) { reported_.fill(largest_); }

  std::uint64_t largest() const noexcept { return largest_; }

  bool is_new(std::uint64_t number) const noexcept {
    if (number > largest_) return true;
    return any_ && largest_ - number < history && !has(number);
  }

  /// A new one. `asks`: it holds something that is to be acknowledged.
  void add(std::uint64_t number, TimePoint now, bool asks) noexcept {
    const bool in_order = number == largest_ + 1;
    if (number > largest_) {
      advance_to(number);
      largest_time_ = now;
    }
    word(number) |= bit(number);
    any_ = true;
    if (!asks) return;
    oldest_news_ = waiting_ == 0 ? number : std::min(oldest_news_, number);
    news_ |= std::uint64_t{1} << (number / 64 % words);
    const bool lonely = now - last_time_ > longest_delay;
    last_time_ = now;
    if (waiting_++ == 0) due_ = now + longest_delay;
    if (!in_order || lonely || waiting_ >= packets_per_ack) due_ = now;
  }

  bool has_news() const noexcept { return waiting_ != 0; }
  /// When an acknowledgement is to be sent; TimePoint::max() where there is no need.
  TimePoint due() const noexcept { return waiting_ != 0 ? due_ : TimePoint::max(); }

  /// Writes an ack frame with so many blocks at most, if there is room for one and anything to say.
  void write(Writer& into, TimePoint now, std::size_t most_blocks) noexcept {
    if (!any_ || into.room() < largest_ack) return;
    most_blocks = std::min({most_blocks, max_blocks, (into.room() - largest_ack) / ack_block});
    const std::uint64_t oldest = *std::min_element(reported_.begin(), reported_.end());
    const auto map_bytes = static_cast<std::size_t>(std::min<std::uint64_t>((largest_ - oldest + 6) / 8, 8));
    std::array<std::uint64_t, max_blocks> bases{};
    const std::size_t blocks = collect_blocks(map_bytes, most_blocks, bases);

    into.put(Frame::ack);
    into.put(static_cast<std::uint32_t>(largest_));
    const auto delay = std::chrono::duration_cast<std::chrono::microseconds>(now - largest_time_).count() / 16;
    into.put(static_cast<std::uint16_t>(std::clamp<std::int64_t>(delay, 0, 0xffff)));
    into.put(static_cast<std::uint8_t>(map_bytes | blocks << 4));
    for (std::size_t i = 0; i < map_bytes; ++i) into.put(map_byte(largest_ - 1 - 8 * i));
    for (std::size_t i = 0; i < blocks; ++i) {
      into.put(static_cast<std::uint32_t>(bases[i]));
      into.put(words_[bases[i] / 64 % words]);
    }
    reported_[acks_++ % reported_.size()] = largest_;
    waiting_ = news_ != 0 ? 1 : 0;  // the rest in another one, at once
    due_ = now;
  }

 private:
  static constexpr std::size_t words = 64;
  static constexpr std::uint64_t history = (words - 1) * 64;

  std::uint64_t& word(std::uint64_t number) noexcept { return words_[number / 64 % words]; }
  static std::uint64_t bit(std::uint64_t number) noexcept { return std::uint64_t{1} << (number % 64); }
  bool has(std::uint64_t number) const noexcept { return (words_[number / 64 % words] & bit(number)) != 0; }

  void advance_to(std::uint64_t number) noexcept {
    const std::uint64_t from = largest_ / 64;
    const std::uint64_t to = number / 64;
    const std::uint64_t steps = std::min<std::uint64_t>(to - from, words);
    for (std::uint64_t i = 0; i < steps; ++i) {
      words_[(to - i) % words] = 0;
      news_ &= ~(std::uint64_t{1} << ((to - i) % words));
    }
    largest_ = number;
  }

  // Eight packets, from this one downward.
  std::uint8_t map_byte(std::uint64_t from) const noexcept {
    unsigned byte = 0;
    for (unsigned i = 0; i < 8; ++i) {
      if (largest_ - (from - i) < history && has(from - i)) byte |= 1u << i;
    }
    return static_cast<std::uint8_t>(byte);
  }

  // Words with news that the map does not show whole. What is left over stays for the next acknowledgement.
  std::size_t collect_blocks(std::size_t map_bytes, std::size_t most,
                             std::array<std::uint64_t, max_blocks>& bases) noexcept {
    const std::uint64_t shown_from = largest_ - 8 * map_bytes;
    std::size_t count = 0;
    if (oldest_news_ >= shown_from) news_ = 0;
    for (std::uint64_t back = 0; back < words && news_ != 0; ++back) {
      const std::uint64_t group = largest_ / 64 - back;
      const std::uint64_t mark = std::uint64_t{1} << (group % words);
      if ((news_ & mark) == 0) continue;
      if (group * 64 < shown_from) {
        // Whether the map shows all that has come of it.
        const std::uint64_t hidden = shown_from - group * 64 >= 64 ? ~std::uint64_t{0} : bit(shown_from) - 1;
        if ((words_[group % words] & hidden) != 0) {
          if (count == most) return count;
          bases[count++] = group * 64;
        }
      }
      news_ &= ~mark;
    }
    return count;
  }

  std::array<std::uint64_t, words> words_{};  // a bit for each packet, of the newest 4,032
  std::array<std::uint64_t, 8> reported_{};   // the largest in each of the last acknowledgements: each tells of the
                                              // packets since the eighth before it, so that some of them may be lost
  std::uint64_t news_ = 0;                    // a bit for each word that something came into since it was reported
  std::uint64_t oldest_news_ = 0;
  std::uint64_t largest_;
  TimePoint largest_time_{};
  TimePoint last_time_{};
  TimePoint due_{};
  unsigned acks_ = 0;
  unsigned waiting_ = 0;  // packets not yet acknowledged
  bool any_ = false;
};

/// Calls f(number) for each packet that the frame says has come, in no order. The frame has been checked.
template <class Function>
void for_each_acknowledged(Reader& frame, std::uint64_t largest, std::uint64_t expected, Function f) {
  const auto sizes = frame.get<std::uint8_t>();
  f(largest);
  for (std::uint64_t i = 0; i < (sizes & 15u); ++i) {
    const auto map = frame.get<std::uint8_t>();
    for (unsigned j = 0; j < 8; ++j) {
      if ((map >> j & 1) != 0) f(largest - 1 - 8 * i - j);
    }
  }
  for (unsigned i = 0; i < (sizes >> 4u); ++i) {
    const auto base = frame.get<std::uint32_t>();
    auto map = frame.get<std::uint64_t>();
    const std::uint64_t first = complete(base, expected);
    for (; map != 0; map &= map - 1) f(first + static_cast<unsigned>(std::countr_zero(map)));
  }
}

}  // namespace parley::inline PARLEY_ABI::detail::reliable
