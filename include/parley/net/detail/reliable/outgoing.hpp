// SPDX-License-Identifier: BSL-1.0
#pragma once

// Messages that were given to be sent, until each of their fragments has been acknowledged.
//
// Of several channels with something new each has its turn. What was lost goes before what is new.

#include <parley/core/detail/ring.hpp>
#include <parley/net/detail/reliable/numbers.hpp>
#include <parley/net/detail/reliable/sent.hpp>
#include <parley/net/detail/reliable/wire.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI::detail::reliable {

inline std::size_t charge_of(std::size_t bytes) noexcept { return bytes + message_overhead; }

class Outgoing {
 public:
  explicit Outgoing(std::uint32_t first) : credit_used_(number_base + first), credit_(credit_used_) {
    for (Channel& channel : channels_) channel.start(number_base + (first & 0xffff));
  }

  /// Bytes that are kept, as they are charged.
  std::size_t held() const noexcept { return held_; }
  /// All that was given has been acknowledged, or replaced by something newer.
  bool empty() const noexcept { return live_ == 0; }

  /// Takes the message over. The caller has seen to its size.
  void push(std::uint8_t channel_byte, std::vector<std::byte> bytes) {
    Channel& channel = channels_[index_of(channel_byte)];
    const bool latest = kind_of(channel_byte) == Kind::latest;
    if (latest && channel.unsent != channel.messages.next()) {
      // Only what was sent has a number of its own, so that no number on the way is older than its 16 bits can tell.
      Message& waiting = messages_[channel.messages[channel.unsent]];
      if (waiting.sent == 0) return replace(waiting, std::move(bytes));
    }
    Message message;
    message.channel = channel_byte;
    message.sequence = channel.messages.next();
    held_ += message_overhead;
    replace(message, std::move(bytes));
    const std::uint64_t id = messages_.next();
    messages_.push_back(std::move(message));
    channel.messages.push_back(id);
    ++live_;
    unsent_ |= std::uint64_t{1} << index_of(channel_byte);
    if (latest) drop_older(channel, id);
  }

  /// The peer's new limit, from the wire.
  void set_credit(std::uint32_t low) noexcept {
    const std::uint64_t limit = complete(low, credit_);
    if (limit > credit_) credit_ = limit;
  }

  bool has_lost() const noexcept { return !lost_.empty(); }
  /// Drops what need not be sent again after all from the front of the lost ones.
  void forget_found() noexcept {
    while (!lost_.empty()) {
      Piece* const piece = find(lost_.front());
      if (piece != nullptr && !piece->acknowledged && piece->copies == 0) return;
      if (piece != nullptr) piece->queued = false;
      lost_.pop_front();
    }
  }
  /// Whether anything new may go out, as far as credit and spans allow.
  bool has_new() const noexcept { return next_channel() != no_channel; }
  /// Something waits for credit alone.
  bool waits_for_credit() const noexcept { return unsent_ != 0 && !has_new(); }

  /// Writes a message frame for the next fragment that was lost, or else is new. False: none, or it does not fit.
  bool write_lost(Writer& into, Item& item) {
    forget_found();
    if (lost_.empty()) return false;
    item = lost_.front();
    if (!write(into, item)) return false;
    find(item)->queued = false;
    lost_.pop_front();
    return true;
  }
  bool write_new(Writer& into, Item& item) {
    const std::size_t index = next_channel();
    if (index == no_channel) return false;
    Channel& channel = channels_[index];
    const std::uint64_t id = channel.messages[channel.unsent];
    Message& message = messages_[id];
    item = {id, message.sent, Item::What::fragment};
    if (!write(into, item)) return false;
    if (message.sent == 0 && kind_of(message.channel) != Kind::latest) {
      credit_used_ += charge_of(message.bytes.size());
    }
    if (++message.sent == message.fragments) {
      ++channel.unsent;
      if (channel.unsent == channel.messages.next()) unsent_ &= ~(std::uint64_t{1} << index);
    }
    turn_ = (index + 1) % channels_.size();
    return true;
  }
  /// Once more, whatever was done with it before. False: it needs no sending any more, or does not fit.
  bool write_again(Writer& into, const Item& item) { return needs(item) && write(into, item); }
  bool needs(const Item& item) noexcept {
    const Piece* const piece = find(item);
    return piece != nullptr && !piece->acknowledged;
  }

  void acknowledged(const Item& item, bool was_lost) noexcept {
    Piece* const piece = find(item);
    if (piece == nullptr) return;
    if (!was_lost && piece->copies != 0) --piece->copies;
    if (std::exchange(piece->acknowledged, true)) return;
    if (--messages_[item.message].unacknowledged == 0) finish(item.message);
  }
  void lost(const Item& item) {
    Piece* const piece = find(item);
    if (piece == nullptr) return;
    if (piece->copies != 0) --piece->copies;
    if (piece->acknowledged || piece->copies != 0 || piece->queued) return;
    piece->queued = true;
    lost_.push_back(item);
  }

 private:
  // Of one fragment.
  struct Piece {
    std::uint8_t copies = 0;  // in flight
    bool acknowledged = false;
    bool queued = false;  // among the lost ones
  };
  struct Message {
    std::vector<std::byte> bytes;
    std::vector<Piece> more;  // of the second fragment and so on
    std::uint64_t sequence = 0;
    std::uint32_t fragments = 0;
    std::uint32_t sent = 0;
    std::uint32_t unacknowledged = 0;
    Piece first;
    std::uint8_t channel = 0;  // 0: finished
  };
  struct Channel {
    Ring<std::uint64_t> messages;  // their ids; the numbers are the sequence numbers
    std::uint64_t unsent = 0;      // the first that is not sent whole

    void start(std::uint64_t first) {
      messages = Ring<std::uint64_t>(first);
      unsent = first;
    }
  };
  static constexpr std::size_t no_channel = SIZE_MAX;
  static_assert(kinds * channels_of_a_kind <= 64);

  static std::uint32_t fragments_of(std::size_t size) noexcept {
    return size <= fragment_size ? 1 : static_cast<std::uint32_t>((size + fragment_size - 1) / fragment_size);
  }

  void replace(Message& message, std::vector<std::byte> bytes) {
    held_ += bytes.size();
    held_ -= message.bytes.size();
    message.bytes = std::move(bytes);
    message.fragments = fragments_of(message.bytes.size());
    message.unacknowledged = message.fragments;
    message.more.assign(message.fragments - 1, Piece());
  }

  Piece* find(const Item& item) noexcept {
    if (item.message < messages_.first() || item.message >= messages_.next()) return nullptr;
    Message& message = messages_[item.message];
    if (message.channel == 0) return nullptr;
    return item.fragment == 0 ? &message.first : &message.more[item.fragment - 1];
  }

  // From the one whose turn it is on.
  std::size_t next_channel() const noexcept {
    const std::uint64_t before = (std::uint64_t{1} << turn_) - 1;
    const std::size_t index = first_sendable(unsent_ & ~before);
    return index != no_channel ? index : first_sendable(unsent_ & before);
  }
  std::size_t first_sendable(std::uint64_t channels) const noexcept {
    for (; channels != 0; channels &= channels - 1) {
      const auto index = static_cast<std::size_t>(std::countr_zero(channels));
      if (may_send(channels_[index])) return index;
    }
    return no_channel;
  }
  bool may_send(const Channel& channel) const noexcept {
    const Message& message = messages_[channel.messages[channel.unsent]];
    if (message.sent != 0 || kind_of(message.channel) == Kind::latest) return true;
    if (channel.unsent - channel.messages.first() >= max_span) return false;
    return credit_ - credit_used_ >= charge_of(message.bytes.size());
  }

  bool write(Writer& into, const Item& item) noexcept {
    const Message& message = messages_[item.message];
    const bool whole = message.fragments == 1;
    const std::size_t at = item.fragment * fragment_size;
    const std::size_t size = std::min(fragment_size, message.bytes.size() - at);
    if (into.room() < (whole ? message_head : fragment_head) + size) return false;
    into.put(static_cast<std::uint8_t>(message.channel | (whole ? 0 : fragment_bit)));
    into.put(static_cast<std::uint16_t>(message.sequence));
    if (!whole) {
      into.put(static_cast<std::uint32_t>(message.bytes.size()));
      into.put(static_cast<std::uint16_t>(item.fragment));
    }
    into.put(static_cast<std::uint16_t>(size));
    into.put(ConstBytes(message.bytes.data() + at, size));
    Piece& piece = *find(item);
    if (piece.copies != UINT8_MAX) ++piece.copies;
    return true;
  }

  // Of a latest-only channel: what is older than this message need not arrive any more.
  void drop_older(Channel& channel, std::uint64_t id) noexcept {
    channel.unsent = channel.messages.next() - 1;
    while (channel.messages.front() != id) {
      const std::uint64_t older = channel.messages.front();
      channel.messages.pop_front();
      if (!is_finished(older)) finish(older);
    }
  }

  void finish(std::uint64_t id) noexcept {
    Message& message = messages_[id];
    held_ -= charge_of(message.bytes.size());
    --live_;
    Channel& channel = channels_[index_of(message.channel)];
    message = Message();
    while (channel.messages.first() != channel.unsent && is_finished(channel.messages.front())) {
      channel.messages.pop_front();
    }
    while (!messages_.empty() && messages_.front().channel == 0) messages_.pop_front();
  }
  bool is_finished(std::uint64_t id) const noexcept { return id < messages_.first() || messages_[id].channel == 0; }

  std::array<Channel, kinds * channels_of_a_kind> channels_;
  Ring<Message> messages_;
  Ring<Item> lost_;
  std::size_t held_ = 0;
  std::size_t live_ = 0;
  std::uint64_t unsent_ = 0;  // a bit for each channel that has something
  std::size_t turn_ = 0;
  std::uint64_t credit_used_;
  std::uint64_t credit_;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
