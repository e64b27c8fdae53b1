// SPDX-License-Identifier: BSL-1.0
#pragma once

// The sends of a flush that the loop's poller makes together, where it can: one system call for many members. Members
// whose streams are no plain sockets, or wait for room already, are none of it.

#include <parley/chat/detail/batch.hpp>
#include <parley/chat/detail/member_state.hpp>
#include <parley/core/detail/descriptor.hpp>
#include <parley/platform/send_batch.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <new>

namespace parley::inline PARLEY_ABI::detail {

class SendsTogether {
 public:
  struct Item {
    MemberState* member;
    Batch batch;
    bool aside;  // it is not of the log
  };

  /// False: they are to be made one by one.
  bool begin(Driver& driver) noexcept {
    sends_ = driver.send_batch();
    if (sends_ == nullptr) return false;
    driver_ = &driver;
    if (items_ == nullptr) items_.reset(new (std::nothrow) std::array<Item, platform::SendBatch::capacity>);
    return items_ != nullptr;
  }

  bool empty() noexcept { return sends_->sends().empty(); }
  bool full() const noexcept { return sends_->full(); }

  bool takes(const MemberState& member) const noexcept {
    if (!member.stream.is_a_socket()) return false;
    Descriptor* descriptor = member.stream.descriptor();
    constexpr auto write = platform::Direction::write;
    return descriptor != nullptr && descriptor->owner.load(std::memory_order_relaxed) == driver_ &&
           descriptor->waiting(write) == nullptr && descriptor->maybe_ready(write);
  }

  /// The next send, still without a content. Not when it is full.
  Item& next(MemberState& member) noexcept {
    Item& item = (*items_)[sends_->sends().size()];
    item.member = &member;
    return item;
  }
  /// Its content will be sent: not before carry_out(), until when nothing of it may change.
  void add(const Item& item) noexcept {
    platform::SendBatch::Send& send = sends_->add();
    send.socket = item.member->stream.descriptor()->handle.get();
    send.count = 0;
    for (const ConstBytes& piece : item.batch.pieces()) send.slices[send.count++] = {piece.data(), piece.size()};
  }

  /// Makes the sends and calls `sent(item, count, failed)` for each. A count of less than the whole has filled the
  /// socket.
  template <class Sent>
  void carry_out(Sent sent) noexcept {
    driver_->carry_out(*sends_);
    std::size_t i = 0;
    for (const platform::SendBatch::Send& send : sends_->sends()) {
      const Item& item = (*items_)[i++];
      const platform::IoOutcome& outcome = send.outcome;
      const bool failed = outcome.error != 0 && !platform::would_block(outcome.error);
      if (!failed && outcome.count < item.batch.bytes()) {
        item.member->stream.descriptor()->clear_ready(platform::Direction::write);
      }
      sent(item, outcome.count, failed);
    }
    sends_->clear();
  }

 private:
  Driver* driver_ = nullptr;
  platform::SendBatch* sends_ = nullptr;
  std::unique_ptr<std::array<Item, platform::SendBatch::capacity>> items_;
};

}  // namespace parley::inline PARLEY_ABI::detail
