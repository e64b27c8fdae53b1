// SPDX-License-Identifier: BSL-1.0
#pragma once

// The cookie that a server sends instead of keeping state: it comes back only from whoever receives at the address that
// it was sent to (as TCP's SYN cookies, RFC 4987, and QUIC's tokens, RFC 9000, 8.1).

#include <parley/net/address.hpp>
#include <parley/net/detail/reliable/numbers.hpp>
#include <parley/net/detail/reliable/siphash.hpp>
#include <parley/platform/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace parley::inline PARLEY_ABI::detail::reliable {

struct Cookie {
  std::uint32_t time = 0;  // in ms
  std::uint64_t seal = 0;
};

class CookieMaker {
 public:
  /// A cookie is taken for this long, once. Of those that were taken, at most `most` are remembered for as long as they
  /// would be valid; while that many are, none is taken.
  CookieMaker(const SipKey& key, Duration lifetime, std::size_t most) noexcept
      : key_(key), lifetime_ms_(ms(lifetime)), most_(most) {}

  Cookie make(const Address& from, std::uint32_t tag, TimePoint now) const noexcept {
    const std::uint64_t time = ms(now.time_since_epoch());
    return {static_cast<std::uint32_t>(time), seal(from, tag, time)};
  }

  enum class Verdict : std::uint8_t { good, bad, no_room };
  /// Whether it was made here for this address and tag, not long ago. The age comes out with a good one.
  Verdict check(const Cookie& cookie, const Address& from, std::uint32_t tag, TimePoint now, Duration& age) noexcept {
    const std::uint64_t now_ms = ms(now.time_since_epoch());
    const std::uint64_t time = complete(cookie.time, now_ms);
    if (time > now_ms || now_ms - time > lifetime_ms_) return Verdict::bad;
    if (seal(from, tag, time) != cookie.seal) return Verdict::bad;
    forget_old(now_ms);
    for (const Used& used : used_) {
      if (used.seal == cookie.seal && used.time == time) return Verdict::bad;
    }
    age = std::chrono::milliseconds(now_ms - time);
    return used_.size() < most_ ? Verdict::good : Verdict::no_room;
  }
  /// It will not be taken again.
  void use(const Cookie& cookie, TimePoint now) {
    used_.push_back({complete(cookie.time, ms(now.time_since_epoch())), cookie.seal});
  }

 private:
  struct Used {
    std::uint64_t time;
    std::uint64_t seal;
  };

  static std::uint64_t ms(Duration time) noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  }

  std::uint64_t seal(const Address& from, std::uint32_t tag, std::uint64_t time) const noexcept {
    SipHash hash(key_);
    hash.add(time);
    hash.add(tag);
    hash.add(ConstBytes(from.native_data(), from.native_size()));
    return hash.finish();
  }

  void forget_old(std::uint64_t now_ms) noexcept {
    std::erase_if(used_, [&](const Used& used) { return now_ms - used.time > lifetime_ms_; });
  }

  SipKey key_;
  std::uint64_t lifetime_ms_;
  std::size_t most_;
  std::vector<Used> used_;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
