// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a DatagramBatch holds, and how it goes through the system calls.

#include <parley/net/batch_limits.hpp>
#include <parley/net/detail/datagram_runs.hpp>
#include <parley/platform/datagram.hpp>
#include <parley/platform/message_vector.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::detail {

class BatchCore {
 public:
  explicit BatchCore(const BatchLimits& limits) noexcept : largest_(limits.largest), way_(limits.way) {}
  bool allocate(const BatchLimits& limits) noexcept { return runs_.allocate(limits.bytes, limits.runs); }

  DatagramRuns& runs() noexcept { return runs_; }
  /// As it has turned out to be possible.
  BatchWay way() const noexcept { return way_; }
  void set_way(BatchWay way) noexcept { way_ = way; }

  /// One call. How many datagrams were sent, which have then left the queue; or an error, and nothing has changed.
  platform::IoOutcome send_some(platform::NativeSocket socket) noexcept {
    if (way_ == BatchWay::segments && !may_segment_) {
      may_segment_ = platform::can_segment(socket);
      if (!may_segment_) way_ = BatchWay::messages;
    }
    const std::size_t messages = fill();
    auto outcome = way_ == BatchWay::one_by_one ? vector_.send_each(socket, messages) : vector_.send(socket, messages);
    if (outcome.error != 0) return outcome;
    std::size_t sent = 0;
    for (std::size_t i = 0; i < outcome.count; ++i) sent += counts_[i];
    runs_.drop(sent);
    return {sent, 0};
  }
  /// After an error: true when the same datagrams are worth another try, since the kernel took them for one message.
  bool retries(int error) noexcept {
    if (counts_[0] < 2) return false;
    const auto refusal = platform::segment_refusal(error);
    if (refusal == platform::SegmentRefusal::none) return false;
    if (refusal == platform::SegmentRefusal::altogether) way_ = BatchWay::messages;
    runs_[runs_.front()].one_by_one = true;
    return true;
  }

  /// After any other error: takes what it was about out of the queue.
  void drop_refused() noexcept { runs_.drop(counts_[0]); }

  /// Whether there is memory for what a kernel that coalesces may hand over at once.
  bool has_room_to_coalesce() const noexcept { return runs_.capacity() >= platform::coalesced_capacity; }
  bool wants_coalescing() const noexcept {
    return way_ == BatchWay::segments && has_room_to_coalesce() && !coalescing_refused_;
  }
  void coalescing_refused() noexcept { coalescing_refused_ = true; }

  /// One call (or one for each, that way). How many datagrams have come.
  platform::IoOutcome receive_some(platform::NativeSocket socket, bool coalesced) noexcept {
    const std::size_t slot = coalesced ? std::max(largest_, platform::coalesced_capacity) : largest_;
    const std::size_t slots = std::min({runs_.capacity() / slot, runs_.max_runs(), platform::MessageVector::capacity});
    runs_.clear();
    prepare(slot, slots);
    const auto outcome =
        way_ == BatchWay::one_by_one ? vector_.receive_each(socket, slots) : vector_.receive(socket, slots);
    for (std::size_t i = 0; i < outcome.count; ++i) take_received(i, slot);
    changed_ = outcome.count;
    return {runs_.datagrams(), outcome.error};
  }

 private:
  // How many messages stand ready for as much of the queue as one call takes.
  std::size_t fill() noexcept {
    prepared_ = 0;
    std::size_t messages = 0;
    std::size_t skip = runs_.front_sent();
    for (std::size_t index = runs_.front(); index < runs_.end(); ++index, skip = 0) {
      const DatagramRun& run = runs_[index];
      const bool whole = way_ == BatchWay::segments && !run.one_by_one && run.segment <= run.cut;
      while (skip < run.count) {
        if (messages == platform::MessageVector::capacity) return messages;
        const std::size_t count = whole ? run.count - skip : 1;
        platform::PacketInfo info = run.received ? platform::PacketInfo() : run.info;
        info.segment = count > 1 ? run.segment : 0;
        const ConstBytes first = run.datagram(skip);
        const std::size_t size = count > 1 ? run.size - skip * run.segment : first.size();
        vector_.set_outgoing(messages, first.data(), size, run.peer.native(), info);
        counts_[messages++] = static_cast<std::uint16_t>(count);
        skip += count;
      }
    }
    return messages;
  }

  // Messages that stand ready from the last time are left alone.
  void prepare(std::size_t slot, std::size_t slots) noexcept {
    const bool kept = prepared_ == slots && prepared_slot_ == slot;
    const std::size_t count = kept ? changed_ : slots;
    for (std::size_t i = 0; i < count; ++i) {
      vector_.set_incoming(i, runs_.slot(i, slot), slot, runs_[i].peer.native_buffer(), Address::native_capacity);
    }
    prepared_ = slots;
    prepared_slot_ = slot;
    changed_ = slots;
  }

  void take_received(std::size_t index, std::size_t slot) noexcept {
    DatagramRun& run = runs_.next_received();
    run.data = runs_.slot(index, slot);
    run.size = static_cast<std::uint32_t>(vector_.size(index));
    run.info = vector_.info(index);
    run.peer.set_native_size(vector_.from_size(index));
    run.truncated = vector_.truncated(index);
    run.takes_more = run.one_by_one = false;
    run.received = true;
    run.cut = static_cast<std::uint32_t>(largest_);
    const bool several = run.info.segment > 0 && run.info.segment < run.size;
    run.segment = several ? run.info.segment : run.size;
    run.count = several ? (run.size + run.segment - 1) / run.segment : 1;
    runs_.count_received(run.count);
  }

  DatagramRuns runs_;
  platform::MessageVector vector_;
  std::array<std::uint16_t, platform::MessageVector::capacity> counts_{};  // datagrams in each message
  std::size_t largest_;
  std::size_t prepared_ = 0;
  std::size_t prepared_slot_ = 0;
  std::size_t changed_ = 0;
  BatchWay way_;
  bool may_segment_ = false;
  bool coalescing_refused_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail
