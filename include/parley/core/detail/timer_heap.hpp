// SPDX-License-Identifier: BSL-1.0
#pragma once

// Operations by the time at which they must be looked at: a heap of four children a node, in one array.
//
// Four, because the children of a node then share a cache line, and the tree is half as deep as a binary one. Each
// operation knows its index, so that leaving costs O(log n) too; the typical timeout, later than all others and
// cancelled soon, costs O(1) either way.

#include <parley/core/detail/operation_base.hpp>

#include <cstddef>
#include <cstdlib>

namespace parley::inline PARLEY_ABI::detail {

class TimerHeap {
 public:
  TimerHeap() noexcept = default;
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;
  ~TimerHeap() { std::free(entries_); }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  std::int64_t earliest() const noexcept { return empty() ? INT64_MAX : entries_[0].time; }

  /// Adds the operation, or changes its time. False where memory has run out; nothing has changed then.
  [[nodiscard]] bool set(Operation& operation, std::int64_t time) noexcept {
    if (operation.timer_ != Operation::no_timer) {
      replace(operation.timer_, {time, &operation});
      return true;
    }
    if (size_ == capacity_ && !grow()) return false;
    place(size_, {time, &operation});
    up(size_++);
    return true;
  }

  void remove(Operation& operation) noexcept {
    if (operation.timer_ == Operation::no_timer) return;
    const std::size_t index = operation.timer_;
    operation.timer_ = Operation::no_timer;
    const Entry last = entries_[--size_];
    if (index < size_) replace(index, last);
  }

  /// The operation whose time comes first, if that is now or before; it leaves the heap.
  Operation* pop_due(std::int64_t now) noexcept {
    if (empty() || earliest() > now) return nullptr;
    Operation* operation = entries_[0].operation;
    remove(*operation);
    return operation;
  }

 private:
  struct Entry {
    std::int64_t time;
    Operation* operation;
  };
  static constexpr std::size_t fan_out = 4;

  // Not a vector, since in operations memory that has run out is an error like any other.
  bool grow() noexcept {
    const std::size_t capacity = capacity_ == 0 ? 64 : capacity_ * 2;
    void* const larger = std::realloc(static_cast<void*>(entries_), capacity * sizeof(Entry));
    if (larger == nullptr) return false;
    entries_ = static_cast<Entry*>(larger);
    capacity_ = capacity;
    return true;
  }

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
      if (first >= size_) break;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < first + fan_out && child < size_; ++child) {
        if (entries_[child].time < entries_[least].time) least = child;
      }
      if (entries_[least].time >= entry.time) break;
      place(index, entries_[least]);
      index = least;
    }
    place(index, entry);
  }

  Entry* entries_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
