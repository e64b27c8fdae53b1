// SPDX-License-Identifier: BSL-1.0
#pragma once

// The frames of a packet, checked before any of them takes effect.

#include <parley/net/detail/reliable/wire.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::detail::reliable {

/// A message frame, as read from the wire.
struct MessageFrame {
  std::uint8_t channel = 0;
  std::uint16_t sequence = 0;
  std::size_t size = 0;      // of the whole message
  std::size_t fragment = 0;  // which this is
  ConstBytes bytes;

  /// The rest of a frame that begins with this byte. False where its fields contradict each other.
  bool read(std::uint8_t first, Reader& from) noexcept {
    channel = static_cast<std::uint8_t>(first & ~fragment_bit);
    if (index_of(channel) >= kinds * channels_of_a_kind) return false;
    sequence = from.get<std::uint16_t>();
    if ((first & fragment_bit) != 0) {
      size = from.get<std::uint32_t>();
      fragment = from.get<std::uint16_t>();
    }
    bytes = from.get_bytes(from.get<std::uint16_t>());
    if (!from.ok()) return false;
    if ((first & fragment_bit) == 0) {
      size = bytes.size();
      fragment = 0;
      return size <= fragment_size;
    }
    if (size <= fragment_size || size > max_message_ever || fragment * fragment_size >= size) return false;
    return bytes.size() == std::min(fragment_size, size - fragment * fragment_size);
  }
};

inline bool is_message(std::uint8_t type) noexcept { return (type & static_cast<unsigned>(Frame::message)) != 0; }

/// Reads over what follows the type of a frame other than a message. False where there is no such frame.
inline bool skip_frame(std::uint8_t type, Reader& from) noexcept {
  switch (static_cast<Frame>(type)) {
    case Frame::padding:
    case Frame::ping: return true;
    case Frame::credit: from.get<std::uint32_t>(); return from.ok();
    case Frame::end: from.get<std::uint8_t>(); return from.ok();
    case Frame::ack: {
      from.get<std::uint32_t>();
      from.get<std::uint16_t>();
      const auto sizes = from.get<std::uint8_t>();
      from.get_bytes((sizes & 15u) + (sizes >> 4u) * ack_block);
      return from.ok() && (sizes & 15u) <= 8;
    }
    default: return false;
  }
}

/// Whether the frames of a packet, or of a report, are what they should be, to the last byte.
inline bool well_formed(Reader frames, bool report) noexcept {
  if (report) {
    const auto type = frames.get<std::uint8_t>();
    return static_cast<Frame>(type) == Frame::ack && skip_frame(type, frames) && frames.done();
  }
  while (!frames.done()) {
    const auto type = frames.get<std::uint8_t>();
    if (!(is_message(type) ? MessageFrame().read(type, frames) : skip_frame(type, frames))) return false;
  }
  return true;
}

}  // namespace parley::inline PARLEY_ABI::detail::reliable
