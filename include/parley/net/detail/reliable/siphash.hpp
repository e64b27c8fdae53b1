// SPDX-License-Identifier: BSL-1.0
#pragma once

// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a seal that only who has the key can
// make.

#include <parley/core/bytes.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::detail::reliable {

struct SipKey {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

class SipHash {
 public:
  explicit SipHash(const SipKey& key) noexcept
      : v0_(key.first ^ 0x736f6d6570736575u),
        v1_(key.second ^ 0x646f72616e646f6du),
        v2_(key.first ^ 0x6c7967656e657261u),
        v3_(key.second ^ 0x7465646279746573u) {}

  void add(ConstBytes bytes) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i) add_byte(std::to_integer<std::uint8_t>(bytes.data()[i]));
  }
  void add(std::uint64_t value) noexcept {
    for (int i = 0; i < 8; ++i) add_byte(static_cast<std::uint8_t>(value >> (8 * i)));
  }

  std::uint64_t finish() noexcept {
    take(word_ | static_cast<std::uint64_t>(size_ & 0xff) << 56);
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void add_byte(std::uint8_t byte) noexcept {
    word_ |= static_cast<std::uint64_t>(byte) << (8 * (size_ % 8));
    if (++size_ % 8 != 0) return;
    take(word_);
    word_ = 0;
  }
  void take(std::uint64_t word) noexcept {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  void round() noexcept {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t v0_, v1_, v2_, v3_;
  std::uint64_t word_ = 0;
  std::size_t size_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
