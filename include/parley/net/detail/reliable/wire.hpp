// SPDX-License-Identifier: BSL-1.0
#pragma once

// The wire format of ReliableUdp, version 1. Integers are big-endian; a u32 or u16 that counts something is the low
// part of a 64-bit number, which the receiver completes (numbers.hpp). A datagram that does not follow this to the
// last byte is dropped whole, without an answer.
//
// Making a connection                                       bytes    from
//   open    0x50 version u8, tag u32, turn u8, zeros           1200   client: its tag, chosen at random, and a count
//   cookie  0x51 version u8, tag u32, turn u8, time u32,         19   server, which keeps nothing: both from the open
//           seal u64
//   hello   0x52 version u8, tag u32, turn u8, time u32,         31   client: the cookie, and its own terms
//           seal u64, first u32, window u32, largest u32
//   accept  0x53 version u8, tag u32, turn u8, tag u32,          23   server: both from the hello, its own tag and terms
//           first u32, window u32, largest u32
//   refuse  0x54 version u8, tag u32, reason u8                     7   server: the client's tag; 1 it speaks no other
//                                                                    version than its own, 2 it has no room
// The server's answers are shorter than what they answer, and it keeps nothing before the hello brings back what was
// sent to the address that it comes from. open and refuse keep their form in later versions. The client repeats open
// and hello, each time with the next turn, until it has an answer; a hello that comes again is answered with the same
// accept. The client's first packet on the connection, a ping at least, tells the server that the accept has come.
// The terms: `first` is the number of the first packet, and (mod 2^16) of the first message of each channel, and where
// the count of credit begins; `window` is the credit at the beginning, `largest` the longest message that is taken.
//
// On a connection
//   packet  0x55 tag u32, number u32, frames                         the receiver's tag; each transmission has a number
//           of its own, one more than the one before, so that an acknowledgement says which one arrived
//   report  0x56 tag u32, one ack frame                              is not acknowledged itself
// Frames
//   0x00    nothing
//   0x01    ping: asks for an acknowledgement
//   0x02    credit, limit u32: the sum of charges up to which the receiver of this may send. A message of the ordered
//           and unordered channels is charged its bytes and message_overhead, once
//   0x03    end, flags u8: 1 no message follows, and all have been acknowledged; 2 nothing is taken any more
//   0x04    ack, largest u32, delay u16 (in units of 16 us, since that packet came), sizes u8: n = sizes & 15 (at most
//           8) bytes of map, whose bit i (of byte i / 8, from the lowest) says that packet largest - 1 - i has come; then
//           sizes >> 4 blocks of base u32, map u64, whose bit i says that packet base + i has come
//   1mmfnnnn  a message of channel n and kind m (0 ordered, 1 unordered, 2 latest), sequence u16, length u16, bytes; with
//           f set it is a fragment: sequence u16, size u32 of the whole, index u16, length u16, bytes. Every fragment but
//           the last has fragment_size bytes. At most max_span messages of a channel are under way at once
// A packet with anything but an ack frame is acknowledged: at once if it is the first for a while, or after a gap, and
// otherwise after a few packets or milliseconds.
//
// States of an end: open -> (end is queued, the rest is acknowledged) -> end sent -> end acknowledged. It is over when
// the peer takes nothing any more, or nothing has come from it for the idle timeout: then it counts as lost. Nothing
// else ends it, no loss and no ICMP message. An end that has heard nothing for a while sends a ping.
//
// Nothing is encrypted and nobody is authenticated. Whoever cannot see the packets has to guess the 32-bit tag (as in
// SCTP, RFC 9260, 8.5) besides both addresses; whoever can see them can do anything.

#include <parley/core/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace parley::inline PARLEY_ABI::detail::reliable {

inline constexpr std::uint8_t wire_version = 1;

/// What a path must carry: the UDP payload of the largest datagram here, which QUIC demands too (RFC 9000, 14).
inline constexpr std::size_t max_datagram = 1200;
inline constexpr std::size_t fragment_size = 1150;
/// What a message is charged besides its bytes, for what the ends keep of it.
inline constexpr std::size_t message_overhead = 64;
inline constexpr std::uint64_t max_span = 2048;
inline constexpr std::size_t channels_of_a_kind = 16;
inline constexpr std::size_t kinds = 3;
/// Of a message, so that an index of 16 bits names its fragments.
inline constexpr std::size_t max_message_ever = fragment_size * 65536;

enum class Packet : std::uint8_t {
  open = 0x50,
  cookie = 0x51,
  hello = 0x52,
  accept = 0x53,
  refuse = 0x54,
  packet = 0x55,
  report = 0x56,
};
enum class Frame : std::uint8_t { padding = 0, ping = 1, credit = 2, end = 3, ack = 4, message = 0x80 };
enum class Refusal : std::uint8_t { version = 1, full = 2 };
enum class Kind : std::uint8_t { ordered = 0, unordered = 1, latest = 2 };

inline constexpr std::uint8_t fragment_bit = 0x10;
inline constexpr std::uint8_t end_of_messages = 1;
inline constexpr std::uint8_t gone = 2;

inline constexpr std::size_t packet_head = 9;
inline constexpr std::size_t report_head = 5;
inline constexpr std::size_t message_head = 5;
inline constexpr std::size_t fragment_head = 11;
inline constexpr std::size_t largest_ack = 8 + 8;  // without blocks
inline constexpr std::size_t ack_block = 12;
static_assert(packet_head + largest_ack + fragment_head + fragment_size <= max_datagram);

/// Kind and number of a channel in one byte, as in a message frame.
inline constexpr std::uint8_t channel_byte(Kind kind, std::size_t number) noexcept {
  return static_cast<std::uint8_t>(0x80u | static_cast<unsigned>(kind) << 5 | (number & 15));
}
inline constexpr Kind kind_of(std::uint8_t channel) noexcept { return static_cast<Kind>(channel >> 5 & 3); }
inline constexpr std::size_t index_of(std::uint8_t channel) noexcept {
  return static_cast<std::size_t>(channel >> 5 & 3) * channels_of_a_kind + (channel & 15);
}

/// What an end says of itself when the connection is made.
struct Terms {
  std::uint32_t tag = 0;
  std::uint32_t first = 0;
  std::uint32_t window = 0;
  std::uint32_t largest = 0;
};

/// Writes integers and bytes; what has no room is left out, and room() tells before.
class Writer {
 public:
  explicit Writer(MutableBytes into) noexcept : begin_(into.data()), next_(begin_), end_(begin_ + into.size()) {}

  std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - next_); }
  std::size_t size() const noexcept { return static_cast<std::size_t>(next_ - begin_); }

  template <class Integer>
  void put(Integer value) noexcept {
    if (room() < sizeof(Integer)) return;
    const auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = sizeof(Integer); i-- != 0;) *next_++ = static_cast<std::byte>(bits >> (8 * i) & 0xff);
  }
  void put(ConstBytes bytes) noexcept {
    if (bytes.empty() || room() < bytes.size()) return;
    // Not memcpy, of which g++ makes a slow loop where it knows that the size is small.
    std::memmove(next_, bytes.data(), bytes.size());
    next_ += bytes.size();
  }
  void fill(std::size_t size) noexcept {
    while (this->size() < size && next_ != end_) *next_++ = std::byte{0};
  }

 private:
  std::byte* begin_;
  std::byte* next_;
  std::byte* end_;
};

/// Reads them. What is not there is 0, and makes ok() false for good.
class Reader {
 public:
  explicit Reader(ConstBytes bytes) noexcept : rest_(bytes) {}

  bool ok() const noexcept { return ok_; }
  bool done() const noexcept { return rest_.empty(); }
  std::size_t left() const noexcept { return rest_.size(); }

  template <class Integer>
  Integer get() noexcept {
    if (rest_.size() < sizeof(Integer)) return fail<Integer>();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
      value = value << 8 | std::to_integer<std::uint64_t>(rest_.data()[i]);
    rest_ = rest_.after(sizeof(Integer));
    return static_cast<Integer>(value);
  }
  ConstBytes get_bytes(std::size_t size) noexcept {
    if (rest_.size() < size) return fail<ConstBytes>();
    const ConstBytes bytes = rest_.first(size);
    rest_ = rest_.after(size);
    return bytes;
  }

 private:
  template <class T>
  T fail() noexcept {
    ok_ = false;
    rest_ = {};
    return T{};
  }
  ConstBytes rest_;
  bool ok_ = true;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
