// SPDX-License-Identifier: BSL-1.0
#pragma once

// Operations by the time at which they must be looked at: a heap of four children a node, in one vector.
//
// Four, because the children of a node then share a cache line, and the tree is half as deep as a binary one. Each
// operation knows its index, so that leaving costs O(log n) too; the typical timeout, later than all others and
// cancelled soon, costs O(1) either way.

#include <parley/core/detail/operation_base.hpp>

#include <cstddef>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

class TimerHeap {
 public:
  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }
  std::int64_t earliest() const noexcept { return entries_.empty() ? INT64_MAX : entries_.front().time; }

  /// Adds the operation, or changes its time.
  void set(Operation& operation, std::int64_t time) {
    if (operation.timer_ == Operation::no_timer) {
      entries_.push_back({time, &operation});
      operation.timer_ = static_cast<std::uint32_t>(entries_.size() - 1);
      up(entries_.size() - 1);
    } else {
      replace(operation.timer_, {time, &operation});
    }
  }

  void remove(Operation& operation) noexcept {
    if (operation.timer_ == Operation::no_timer) return;
    const std::size_t index = operation.timer_;
    operation.timer_ = Operation::no_timer;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (index < entries_.size()) replace(index, last);
  }

  /// The operation whose time comes first, if that is now or before; it leaves the heap.
  Operation* pop_due(std::int64_t now) noexcept {
    if (entries_.empty() || earliest() > now) return nullptr;
    Operation* operation = entries_.front().operation;
    remove(*operation);
    return operation;
  }

 private:
  struct Entry {
    std::int64_t time;
    Operation* operation;
  };
  static constexpr std::size_t fan_out = 4;

  void place(std::size_t index, Entry entry) noexcept {
    entries_[index] = entry;
    entry.operation->timer_ = static_cast<std::uint32_t>(index);
  }

  void replace(std::size_t index, Entry entry) noexcept {
    place(index, entry);
    up(index);
    down(entry.operation->timer_);
  }

  void up(std::size_t index) noexcept {
    const Entry entry = entries_[index];
    while (index > 0) {
      const std::size_t parent = (index - 1) / fan_out;
      if (entries_[parent].time <= entry.time) break;
      place(index, entries_[parent]);
      index = parent;
    }
    place(index, entry);
  }

  void down(std::size_t index) noexcept {
    const Entry entry = entries_[index];
    for (;;) {
      const std::size_t first = index * fan_out + 1;
      if (first >= entries_.size()) break;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < first + fan_out && child < entries_.size(); ++child) {
        if (entries_[child].time < entries_[least].time) least = child;
      }
      if (entries_[least].time >= entry.time) break;
      place(index, entries_[least]);
      index = least;
    }
    place(index, entry);
  }

  std::vector<Entry> entries_;
};

}  // namespace parley::inline PARLEY_ABI::detail
