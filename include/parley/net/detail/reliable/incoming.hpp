// SPDX-License-Identifier: BSL-1.0
#pragma once

// Messages that come in, until the program takes them: fragments are put together, order is made, what came before is
// dropped.
//
// Nothing is kept beyond the window, whatever the peer sends: what does not fit counts as not received, and its packet
// is not acknowledged. A peer that keeps to its credit never meets this. A message has its memory from its first
// fragment on, and is charged for it; so its fragments need no other limit. A message whose next fragment does not come
// for the idle timeout is dropped where it may be (latest), and otherwise ends the connection.

#include <parley/core/detail/ring.hpp>
#include <parley/net/detail/reliable/frames.hpp>
#include <parley/net/detail/reliable/options.hpp>
#include <parley/net/detail/reliable/outgoing.hpp>
#include <parley/net/detail/reliable/wire.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI::detail::reliable {

struct ReceivedMessage {
  std::uint8_t channel = 0;
  std::vector<std::byte> bytes;
};

class Incoming {
 public:
  Incoming(std::uint32_t first, const ReliableOptions& options)
      : window_(options.window), max_message_(options.max_message), base_(number_base + first) {
    for (Channel& channel : channels_) channel.slots = Ring<Slot>(number_base + (first & 0xffff));
  }

  /// False: it is over a limit, and must count as not received.
  bool take(const MessageFrame& frame, TimePoint now) {
    if (frame.size > max_message_) return false;
    Channel& channel = channels_[index_of(frame.channel)];
    return kind_of(frame.channel) == Kind::latest ? take_latest(channel, frame, now) : take_each(channel, frame, now);
  }

  bool has_message() const noexcept { return waiting_ != 0; }
  bool has_message(std::uint8_t channel) const noexcept { return (waiting_ >> index_of(channel) & 1) != 0; }
  /// The one that has waited longest, of all channels or of this one. There is one.
  ReceivedMessage pop() {
    std::size_t oldest = no_channel;
    for (std::uint64_t rest = waiting_; rest != 0; rest &= rest - 1) {
      const auto index = static_cast<std::size_t>(std::countr_zero(rest));
      if (oldest == no_channel || channels_[index].ready.front().turn < channels_[oldest].ready.front().turn) {
        oldest = index;
      }
    }
    return pop_from(oldest);
  }
  ReceivedMessage pop(std::uint8_t channel) { return pop_from(index_of(channel)); }

  /// Bytes that are kept, as they are charged.
  std::size_t held() const noexcept { return held_ + latest_held_; }
  std::uint64_t received() const noexcept { return received_; }

  /// What the credit frame says. The peer should be told when it has grown by a good part of the window.
  std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(base_ + window_ + released_); }
  bool limit_is_news() const noexcept {
    const std::uint64_t news = released_ - told_;
    if (news == 0) return false;
    const std::uint64_t left = told_ + window_ - (released_ + held_);  // as the peer knows it, or less
    return news >= window_ / 4 || left < charge_of(max_message_);
  }
  void limit_told() noexcept { told_ = released_; }

  /// Drops latest messages that stay incomplete. True where another one has been incomplete for longer than this. It
  /// looks now and then.
  bool is_stuck(TimePoint now, Duration longest) noexcept {
    if (next_check_ == TimePoint::max() && held() != 0) next_check_ = now + longest / 4;
    if (now < next_check_) return false;
    next_check_ = held() != 0 ? now + longest / 4 : TimePoint::max();
    return std::any_of(channels_.begin(), channels_.end(),
                       [&](Channel& channel) { return is_stuck(channel, now, longest); });
  }
  TimePoint next_check() const noexcept { return next_check_; }

 private:
  static constexpr std::size_t no_channel = SIZE_MAX;

  struct Partial {
    std::vector<std::byte> bytes;
    std::vector<bool> has;
    std::size_t missing = 0;
    TimePoint progress{};

    Partial(std::size_t size, TimePoint now)
        : bytes(size),
          has(std::max<std::size_t>((size + fragment_size - 1) / fragment_size, 1)),
          missing(has.size()),
          progress(now) {}

    void add(const MessageFrame& frame, TimePoint now) noexcept {
      if (has[frame.fragment]) return;
      has[frame.fragment] = true;
      --missing;
      progress = now;
      if (!frame.bytes.empty()) {
        std::memmove(bytes.data() + frame.fragment * fragment_size, frame.bytes.data(), frame.bytes.size());
      }
    }
  };
  struct Slot {
    std::unique_ptr<Partial> partial;
    bool done = false;  // delivered, in a channel without order
  };
  struct Ready {
    std::uint64_t turn = 0;
    std::vector<std::byte> bytes;
  };
  struct Channel {
    // Ordered and unordered: from the first message that is not delivered on.
    Ring<Slot> slots;
    // Latest.
    std::unique_ptr<Partial> latest;
    std::uint64_t newest = 0;          // that was delivered, plus 1; 0: none
    std::uint64_t partial_number = 0;  // of `latest`
    // All: whole messages that the program has not taken.
    Ring<Ready> ready;
  };

  bool is_stuck(Channel& channel, TimePoint now, Duration longest) noexcept {
    if (channel.latest != nullptr && now - channel.latest->progress > longest) {
      latest_held_ -= charge_of(channel.latest->bytes.size());
      channel.latest.reset();
    }
    for (std::uint64_t i = channel.slots.first(); i != channel.slots.next(); ++i) {
      const Partial* const partial = channel.slots[i].partial.get();
      if (partial != nullptr && partial->missing != 0 && now - partial->progress > longest) return true;
    }
    return false;
  }

  ReceivedMessage pop_from(std::size_t index) {
    Channel& channel = channels_[index];
    const Kind kind = static_cast<Kind>(index / channels_of_a_kind);
    ReceivedMessage message{channel_byte(kind, index), std::move(channel.ready.front().bytes)};
    channel.ready.pop_front();
    if (channel.ready.empty()) waiting_ &= ~(std::uint64_t{1} << index);
    const std::size_t charge = charge_of(message.bytes.size());
    if (kind == Kind::latest) {
      latest_held_ -= charge;
    } else {
      held_ -= charge;
      released_ += charge;
    }
    return message;
  }

  bool take_each(Channel& channel, const MessageFrame& frame, TimePoint now) {
    const std::uint64_t number = complete(frame.sequence, channel.slots.first());
    if (number < channel.slots.first()) return true;  // came before
    if (number - channel.slots.first() >= max_span) return false;
    const bool exists = number < channel.slots.next();
    if (exists && channel.slots[number].done) return true;
    if (!exists || channel.slots[number].partial == nullptr) {
      const std::size_t charge = charge_of(frame.size);
      if (charge > window_ || held_ > window_ - charge) return false;
      while (channel.slots.next() <= number) channel.slots.push_back(Slot());
      channel.slots[number].partial = std::make_unique<Partial>(frame.size, now);
      held_ += charge;
    }
    Slot& slot = channel.slots[number];
    if (slot.partial->bytes.size() != frame.size) return false;
    slot.partial->add(frame, now);
    if (kind_of(frame.channel) == Kind::ordered) {
      deliver_in_order(channel, frame.channel);
    } else if (slot.partial->missing == 0) {
      deliver(frame.channel, std::move(slot.partial->bytes));
      slot.partial.reset();
      slot.done = true;
      while (!channel.slots.empty() && channel.slots.front().done) channel.slots.pop_front();
    }
    return true;
  }

  void deliver_in_order(Channel& channel, std::uint8_t channel_byte) {
    while (!channel.slots.empty()) {
      const Slot& slot = channel.slots.front();
      if (slot.partial == nullptr || slot.partial->missing != 0) return;
      deliver(channel_byte, std::move(slot.partial->bytes));
      channel.slots.pop_front();
    }
  }

  void deliver(std::uint8_t channel_byte, std::vector<std::byte> bytes) {
    const std::size_t index = index_of(channel_byte);
    channels_[index].ready.push_back({received_++, std::move(bytes)});
    waiting_ |= std::uint64_t{1} << index;
  }

  bool take_latest(Channel& channel, const MessageFrame& frame, TimePoint now) {
    const std::uint64_t known = std::max(channel.newest, channel.latest != nullptr ? channel.partial_number : 0);
    const std::uint64_t number = complete(frame.sequence, known != 0 ? known : channel.slots.first());
    if (number < channel.newest) return true;                                       // older, or came before
    if (channel.latest != nullptr && number < channel.partial_number) return true;  // older than what comes
    if (channel.latest == nullptr || number != channel.partial_number) {
      const std::size_t replaced = channel.latest != nullptr ? charge_of(channel.latest->bytes.size()) : 0;
      const std::size_t charge = charge_of(frame.size);
      if (charge > window_ || latest_held_ - replaced > window_ - charge) return false;
      channel.latest = std::make_unique<Partial>(frame.size, now);
      channel.partial_number = number;
      latest_held_ += charge - replaced;
    }
    if (channel.latest->bytes.size() != frame.size) return false;
    channel.latest->add(frame, now);
    if (channel.latest->missing != 0) return true;
    channel.newest = number + 1;
    std::vector<std::byte> bytes = std::move(channel.latest->bytes);
    channel.latest.reset();
    if (channel.ready.empty()) {
      deliver(frame.channel, std::move(bytes));
    } else {
      std::vector<std::byte>& waiting = channel.ready.front().bytes;
      latest_held_ -= charge_of(waiting.size());
      waiting = std::move(bytes);
      ++received_;
    }
    return true;
  }

  std::array<Channel, kinds * channels_of_a_kind> channels_;
  std::uint64_t waiting_ = 0;  // a bit for each channel that has something for the program
  std::size_t window_;
  std::size_t max_message_;
  std::size_t held_ = 0;
  std::size_t latest_held_ = 0;
  std::uint64_t base_;
  std::uint64_t released_ = 0;
  std::uint64_t told_ = 0;
  TimePoint next_check_ = TimePoint::max();
  std::uint64_t received_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
