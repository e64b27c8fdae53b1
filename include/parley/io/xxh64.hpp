// SPDX-License-Identifier: BSL-1.0
#pragma once

// Xxh64: the hash XXH64 with seed 0, of bytes as they come ("xxHash fast digest algorithm", version 0.2.0, section XXH64).
// It finds damage, not malice: whoever wants to can make two files of one hash.
//
//   Xxh64 hash;
//   hash.update(bytes);
//   xxh64_text(hash.digest());                        // as `xxhsum -H64` prints it

#include <parley/core/bytes.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace parley::inline PARLEY_ABI {

/// Copies go on independently. Takes no memory beyond itself.
class Xxh64 {
 public:
  /// Bytes that save() gives.
  static constexpr std::size_t saved_size = 72;

  void update(ConstBytes bytes) noexcept {
    const std::byte* data = bytes.data();
    std::size_t size = bytes.size();
    const std::size_t held = total_ % stripe;
    total_ += size;
    if (held != 0) {
      const std::size_t taken = size < stripe - held ? size : stripe - held;
      std::memcpy(held_.data() + held, data, taken);
      if (held + taken < stripe) return;
      consume(held_.data(), 1);
      data += taken;
      size -= taken;
    }
    consume(data, size / stripe);
    if (size % stripe != 0) std::memcpy(held_.data(), data + size / stripe * stripe, size % stripe);
  }
  /// The same: an Xxh64 may stand where a function of bytes is asked for.
  void operator()(ConstBytes bytes) noexcept { update(bytes); }

  /// Of all bytes until now; more may follow.
  std::uint64_t digest() const noexcept {
    std::uint64_t hash = total_ < stripe ? lanes_[2] + prime5 : merged();
    hash += total_;
    const std::byte* rest = held_.data();
    std::size_t size = total_ % stripe;
    for (; size >= 8; size -= 8, rest += 8) hash = std::rotl(hash ^ round(0, load64(rest)), 27) * prime1 + prime4;
    if (size >= 4) {
      hash = std::rotl(hash ^ load32(rest) * prime1, 23) * prime2 + prime3;
      size -= 4;
      rest += 4;
    }
    for (; size != 0; --size, ++rest)
      hash = std::rotl(hash ^ std::to_integer<std::uint64_t>(*rest) * prime5, 11) * prime1;
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
  }
  /// Bytes until now.
  std::uint64_t size() const noexcept { return total_; }

  /// The state, to go on from in another process or on another machine: size, the four lanes (all little-endian), then
  /// the bytes of a stripe of 32 that has begun, filled up with zeros.
  std::array<std::byte, saved_size> save() const noexcept {
    std::array<std::byte, saved_size> saved{};
    store64(total_, saved.data());
    for (std::size_t i = 0; i < lanes_.size(); ++i) store64(lanes_[i], saved.data() + 8 + 8 * i);
    std::memcpy(saved.data() + 40, held_.data(), total_ % stripe);
    return saved;
  }
  /// Any bytes make a state: whether they are the right ones only the digest can show.
  static Xxh64 restore(const std::array<std::byte, saved_size>& saved) noexcept {
    Xxh64 hash;
    hash.total_ = load64(saved.data());
    for (std::size_t i = 0; i < hash.lanes_.size(); ++i) hash.lanes_[i] = load64(saved.data() + 8 + 8 * i);
    std::memcpy(hash.held_.data(), saved.data() + 40, stripe);
    return hash;
  }

 private:
  static constexpr std::size_t stripe = 32;
  static constexpr std::uint64_t prime1 = 0x9E3779B185EBCA87;
  static constexpr std::uint64_t prime2 = 0xC2B2AE3D27D4EB4F;
  static constexpr std::uint64_t prime3 = 0x165667B19E3779F9;
  static constexpr std::uint64_t prime4 = 0x85EBCA77C2B2AE63;
  static constexpr std::uint64_t prime5 = 0x27D4EB2F165667C5;

  // Compilers make one load of each of these where the machine's order is little-endian.
  static std::uint64_t load32(const std::byte* from) noexcept {
    std::uint64_t value = 0;
    for (int i = 3; i >= 0; --i) value = value << 8 | std::to_integer<std::uint64_t>(from[i]);
    return value;
  }
  static std::uint64_t load64(const std::byte* from) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
      std::uint64_t value;
      std::memcpy(&value, from, sizeof(value));
      return value;
    } else {
      return load32(from + 4) << 32 | load32(from);
    }
  }
  static void store64(std::uint64_t value, std::byte* into) noexcept {
    for (int i = 0; i < 8; ++i) into[i] = static_cast<std::byte>(value >> 8 * i & 0xff);
  }

  static std::uint64_t round(std::uint64_t lane, std::uint64_t input) noexcept {
    return std::rotl(lane + input * prime2, 31) * prime1;
  }

  void consume(const std::byte* data, std::size_t stripes) noexcept {
    auto [a, b, c, d] = lanes_;  // in registers
    for (; stripes != 0; --stripes, data += stripe) {
      a = round(a, load64(data));
      b = round(b, load64(data + 8));
      c = round(c, load64(data + 16));
      d = round(d, load64(data + 24));
    }
    lanes_ = {a, b, c, d};
  }

  std::uint64_t merged() const noexcept {
    const auto& [a, b, c, d] = lanes_;
    std::uint64_t hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
    for (const std::uint64_t lane : lanes_) hash = (hash ^ round(0, lane)) * prime1 + prime4;
    return hash;
  }

  std::uint64_t total_ = 0;
  std::array<std::uint64_t, 4> lanes_{prime1 + prime2, prime2, 0, 0 - prime1};
  std::array<std::byte, stripe> held_{};
};

/// 16 hexadecimal digits.
inline std::string xxh64_text(std::uint64_t digest) {
  std::string text(16, '0');
  for (std::size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[digest >> 4 * i & 0xf];
  return text;
}

}  // namespace parley::inline PARLEY_ABI
