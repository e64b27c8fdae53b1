// SPDX-License-Identifier: BSL-1.0
#pragma once

// Length-prefixed frames: a length of 1, 2 or 4 bytes, unsigned, then so many bytes.

#include <parley/core/bytes.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

enum class LengthPrefix : std::uint8_t { one_byte = 1, two_bytes = 2, four_bytes = 4 };

struct FrameOptions {
  LengthPrefix prefix = LengthPrefix::four_bytes;
  /// Of the length; big is network byte order.
  std::endian order = std::endian::big;
  /// Bytes in a frame, without its prefix; at most 2 GiB.
  std::size_t max_frame = 65536;
};

namespace detail {

class FramePrefix {
 public:
  static constexpr std::size_t max_size = 4;

  explicit FramePrefix(const FrameOptions& options) noexcept
      : max_frame_(static_cast<std::uint32_t>(
            std::min({options.max_frame, std::size_t{1} << 31, largest(static_cast<std::size_t>(options.prefix))}))),
        size_(static_cast<std::uint8_t>(options.prefix)),
        big_(options.order == std::endian::big) {}

  std::size_t size() const noexcept { return size_; }
  std::size_t max_frame() const noexcept { return max_frame_; }

  std::size_t decode(const std::byte* bytes) const noexcept {
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < size_; ++i) length |= std::to_integer<std::uint32_t>(bytes[i]) << shift(i);
    return length;
  }
  void encode(std::size_t length, std::byte* bytes) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) bytes[i] = static_cast<std::byte>((length >> shift(i)) & 0xff);
  }

 private:
  static constexpr std::size_t largest(std::size_t size) noexcept {
    return (std::size_t{1} << (4 * size) << (4 * size)) - 1;
  }
  std::size_t shift(std::size_t index) const noexcept { return 8 * (big_ ? size_ - 1 - index : index); }

  std::uint32_t max_frame_;
  std::uint8_t size_;
  bool big_;
};

}  // namespace detail

}  // namespace parley::inline PARLEY_ABI
