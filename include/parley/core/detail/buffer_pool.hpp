// SPDX-License-Identifier: BSL-1.0
#pragma once

// Buffers of equal size that readers borrow while bytes are there, so that a connection that is silent holds none.
//
// A driver has one, used on its thread alone. A buffer belongs to nobody in particular: it may be given to another pool
// than the one it came from, or be discarded, so that a reader may outlive the loop that filled it.

#include <parley/platform/config.hpp>

#include <cstddef>
#include <new>

namespace parley::inline PARLEY_ABI::detail {

class BufferPool {
 public:
  static constexpr std::size_t buffer_size = 16384;
  /// In front of it, for what its borrower has to note of it.
  static constexpr std::size_t note_size = 16;
  /// Free buffers that are kept; what comes back beyond them goes to the system.
  static constexpr std::size_t max_free = 8;

  BufferPool() noexcept = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() {
    while (free_ != nullptr) discard(take());
  }

  /// Where the note begins; null when there is no memory.
  std::byte* take() noexcept {
    if (free_ == nullptr) return static_cast<std::byte*>(::operator new(note_size + buffer_size, std::nothrow));
    void* const buffer = free_;
    free_ = free_->next;
    --free_count_;
    return static_cast<std::byte*>(buffer);
  }

  void give(std::byte* buffer) noexcept {
    if (free_count_ == max_free) return discard(buffer);
    free_ = ::new (static_cast<void*>(buffer)) Free{free_};
    ++free_count_;
  }

  /// Where there is no pool to give it to.
  static void discard(std::byte* buffer) noexcept { ::operator delete(static_cast<void*>(buffer)); }

  std::size_t free_count() const noexcept { return free_count_; }

 private:
  struct Free {
    Free* next;
  };
  Free* free_ = nullptr;
  std::size_t free_count_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
