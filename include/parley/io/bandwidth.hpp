// SPDX-License-Identifier: BSL-1.0
#pragma once

// Bandwidth: how many bytes a second go through all that share it.
//
//   Bandwidth slow(1'000'000);
//   co_await send_file(peer, film, {}, {.limit = &slow});            // and any number of others, by the same
//
// What moves bytes otherwise says so itself:
//
//   co_await sleep_until(slow.due());
//   auto sent = co_await peer.send_all(text.substr(0, slow.at_most(text.size())));
//   slow.took(sent.bytes(), loop.now());
//
// Each who shares it moves a piece, pays for it, and goes on when all that was taken until then is paid for: so they
// take turns. What nobody uses is not saved up.
//
// Threads: one at a time; it must outlive whoever uses it.

#include <parley/core/rate_limit.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

class Bandwidth {
 public:
  /// 0: any. More than 2^33 counts as that.
  constexpr explicit Bandwidth(std::uint64_t bytes_per_second) noexcept
      : rule_(bytes_per_second, 1),
        piece_(std::max<std::uint64_t>(bytes_per_second / pieces_a_second, 1)),
        any_(bytes_per_second == 0) {}
  Bandwidth(const Bandwidth&) = delete;
  Bandwidth& operator=(const Bandwidth&) = delete;

  /// How many of so many bytes are to be moved at once: what a tenth of a second brings, so that what is slow goes on
  /// evenly, and whoever waits for it sees that it goes on.
  constexpr std::size_t at_most(std::size_t wanted) const noexcept {
    return any_ ? wanted : static_cast<std::size_t>(std::min<std::uint64_t>(wanted, piece_));
  }
  /// When the next piece may be moved; TimePoint::min() where there is no limit.
  constexpr TimePoint due() const noexcept { return rule_.due(use_); }
  /// So many have been moved.
  constexpr void took(std::size_t bytes, TimePoint now) noexcept { rule_.take(use_, now, bytes); }

 private:
  static constexpr std::uint64_t pieces_a_second = 10;

  RateLimit rule_;
  RateLimit::Use use_;
  std::uint64_t piece_;
  bool any_;
};

}  // namespace parley::inline PARLEY_ABI
