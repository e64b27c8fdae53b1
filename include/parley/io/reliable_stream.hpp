// SPDX-License-Identifier: BSL-1.0
#pragma once

// ReliableStream: an ordered channel of a ReliableUdp as a ByteStream, for whatever works on one: LineReader,
// send_line(), ChatRoom::join().
//
//   ReliableStream stream{peer};
//   LineReader lines{stream};
//
// Bytes come out in the order in which they went in. Messages have no borders here: the bytes of one follow those of the
// one before, and empty ones do not show.

#include <parley/io/byte_stream.hpp>
#include <parley/net/reliable_udp.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <system_error>
#include <vector>

namespace parley::inline PARLEY_ABI {

/// Borrows the connection, which must outlive it and not be moved, assigned or closed meanwhile. What the peer sends on
/// other channels waits for recv(), and takes of the window.
///
/// Sending:     one step takes at most 16 KiB, as one message; what is written in one turn of the loop goes out together.
/// End:         the peer's close() or shutdown() is the end of the stream; Error::peer_lost and connection_reset are
///              errors, as truncation would otherwise look like an end.
/// shutdown():  as a socket's, except that receiving alone changes nothing for the peer. Both: the peer is told that
///              nothing follows once the rest has arrived, which goes on as long as the connection is open.
/// Memory:      the message that is being read.
/// Concurrency: one receiving and one sending operation, those of the connection included; a second gives Error::busy.
/// Threads:     those of the connection.
class ReliableStream {
 public:
  explicit ReliableStream(ReliableUdp& peer, ReliableChannel channel = ReliableChannel::ordered()) noexcept
      : peer_(&peer), channel_(channel) {
    assert(channel.kind() == ReliableChannel::Kind::ordered);
  }
  ReliableStream(const ReliableStream&) = delete;
  ReliableStream& operator=(const ReliableStream&) = delete;

  Step poll_recv(Operation& operation, MutableBytes room, std::size_t& count) {
    count = 0;
    auto* const held = peer_->held();
    if (!begin(operation, held, &detail::reliable::Held::receiver, receiver_)) return Step::done;
    if (receive_shut_down_) return finish(operation, receiver_, {});
    if (!next_message()) return finish(operation, receiver_, std::make_error_code(std::errc::not_enough_memory));
    if (taken_ != message_.size()) {
      count = std::min(room.size(), message_.size() - taken_);
      std::memcpy(room.data(), message_.data() + taken_, count);
      taken_ += count;
      return finish(operation, receiver_, {});
    }
    const auto end = detail::reliable::end_of_receiving(held->connection());
    if (end) return finish(operation, receiver_, end == Error::end_of_stream ? std::error_code() : end);
    return held->hub->wait(operation, receiver_);
  }

  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip, std::size_t& count) {
    count = 0;
    auto* const held = peer_->held();
    if (!begin(operation, held, &detail::reliable::Held::sender, sender_)) return Step::done;
    std::array<std::byte, most_at_once> message;
    const std::size_t size = gather(pieces, skip, MutableBytes(message).first(held->connection().max_message()));
    const Step step = queue(operation, *held, sender_, channel_.byte(), ConstBytes(message.data(), size));
    if (step == Step::done && !operation.error()) count = size;
    return step;
  }

  Result<> shutdown(ShutdownWay way) noexcept {
    auto* const held = peer_->held();
    if (held == nullptr) return Error::closed;
    if (way != ShutdownWay::send) receive_shut_down_ = true;
    if (way != ShutdownWay::receive) static_cast<void>(peer_->shutdown_send());
    held->peer_changed();
    return {};
  }

  std::nullptr_t descriptor() const noexcept { return nullptr; }
  void leave(Operation& operation) noexcept {
    receiver_.stand_up(operation);
    sender_.stand_up(operation);
  }

 private:
  static constexpr std::size_t most_at_once = std::size_t{16} << 10;

  // The next message that is not empty, if there is one. False: no memory.
  bool next_message() noexcept {
    auto& connection = peer_->held()->connection();
    while (taken_ == message_.size() && connection.has_message(channel_.byte())) {
      if (!detail::without_bad_alloc([&] { message_ = connection.pop(channel_.byte()).bytes; })) return false;
      taken_ = 0;
      peer_->held()->touch();
    }
    return true;
  }

  static std::size_t gather(std::span<const ConstBytes> pieces, std::size_t skip, MutableBytes room) noexcept {
    std::size_t size = 0;
    for (const ConstBytes& piece : pieces) {
      const ConstBytes rest = piece.after(skip);
      skip -= piece.size() - rest.size();
      const ConstBytes taken = rest.first(room.size() - size);
      if (!taken.empty()) std::memcpy(room.data() + size, taken.data(), taken.size());
      size += taken.size();
    }
    return size;
  }

  ReliableUdp* peer_;
  std::vector<std::byte> message_;
  std::size_t taken_ = 0;
  detail::reliable::Seat::Guest receiver_;
  detail::reliable::Seat::Guest sender_;
  ReliableChannel channel_;
  bool receive_shut_down_ = false;
};

static_assert(ByteStream<ReliableStream>);

}  // namespace parley::inline PARLEY_ABI
