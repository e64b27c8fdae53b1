// SPDX-License-Identifier: BSL-1.0
#pragma once

// The bytes that a reader of records has received and not yet delivered.
//
// There is no memory while there are no bytes. What arrives goes into a buffer of the driver's pool. A record that does
// not fit in there gets a block of its own, as large as its reader says. A reader that waits inside a short record
// keeps what has arrived in a small block instead, at most four times its size, so that many who dribble hold little.

#include <parley/core/bytes.hpp>
#include <parley/core/detail/operation_base.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

class RecordBuffer {
 public:
  RecordBuffer() noexcept = default;
  RecordBuffer(RecordBuffer&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)),
        mark_(std::exchange(other.mark_, 0)) {}
  RecordBuffer& operator=(RecordBuffer&&) = delete;
  // By whoever runs on this thread now: a pool's buffer may go to any pool.
  ~RecordBuffer() { release_block(Driver::current()); }

  const std::byte* data() const noexcept { return block_ + begin_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return begin_ == end_; }

  // How many bytes, counted from data(), the reader has looked at; it need not do so again.
  std::size_t mark() const noexcept { return mark_ - begin_; }
  void set_mark(std::size_t bytes) noexcept { mark_ = begin_ + static_cast<std::uint32_t>(bytes); }

  /// The first bytes count as delivered. They stay where they are until the next call of anything below.
  void consume(std::size_t bytes) noexcept { mark_ = begin_ += static_cast<std::uint32_t>(bytes); }

  void drop(Driver& driver) noexcept { release_block(&driver); }

  /// Receives once, at most `limit` bytes. When the room is used up, the block grows to `grown` bytes, unless making
  /// room at its front will do. Keeps no more memory than needed where it has to wait.
  template <class Stream>
  Step fill(Stream& stream, Operation& operation, std::size_t grown, std::size_t limit, std::size_t& count) {
    if (!make_room(operation.driver(), grown)) {
      operation.fail(static_cast<int>(std::errc::not_enough_memory));
      return Step::done;
    }
    const MutableBytes room(block_ + end_, capacity_ - end_);
    const Step step = stream.poll_recv(operation, room.first(limit), count);
    if (step == Step::done && !operation.error()) {
      end_ += static_cast<std::uint32_t>(count);
    } else {
      settle(operation.driver());
    }
    return step;
  }

 private:
  static constexpr std::uint32_t pool_size = BufferPool::buffer_size;
  static constexpr std::uint32_t smallest = 64;

  bool make_room(Driver& driver, std::size_t grown) noexcept {
    if (block_ != nullptr && empty()) begin_ = end_ = mark_ = 0;
    if (end_ < capacity_) return true;
    if (begin_ != 0) {
      move_to(block_);
      return true;
    }
    const bool pooled = capacity_ < pool_size;
    std::byte* const larger = pooled ? driver.buffers().take() : allocate(grown);
    if (larger == nullptr) return false;
    replace_block(driver, larger, pooled ? pool_size : static_cast<std::uint32_t>(grown));
    return true;
  }

  // About to wait. Only buffers of the pool are exchanged for smaller ones. The new block has room for as much again,
  // so that all these copies together move each byte a bounded number of times.
  void settle(Driver& driver) noexcept {
    if (empty()) return release_block(&driver);
    const auto used = static_cast<std::uint32_t>(size());
    if (capacity_ != pool_size || used > pool_size / 4) return;
    const std::uint32_t wanted = used * 2 < smallest ? smallest : std::bit_ceil(used * 2);
    if (std::byte* const smaller = allocate(wanted)) replace_block(driver, smaller, wanted);
  }

  static std::byte* allocate(std::size_t size) noexcept {
    return static_cast<std::byte*>(::operator new(size, std::nothrow));
  }

  void move_to(std::byte* block) noexcept {
    if (!empty()) std::memmove(block, data(), size());
    end_ -= begin_;
    mark_ -= begin_;
    begin_ = 0;
  }

  void replace_block(Driver& driver, std::byte* block, std::uint32_t capacity) noexcept {
    move_to(block);
    return_memory(&driver);
    block_ = block;
    capacity_ = capacity;
  }

  void release_block(Driver* driver) noexcept {
    return_memory(driver);
    block_ = nullptr;
    capacity_ = begin_ = end_ = mark_ = 0;
  }

  void return_memory(Driver* driver) noexcept {
    if (block_ == nullptr) return;
    if (driver != nullptr && capacity_ == pool_size) {
      driver->buffers().give(block_);
    } else {
      BufferPool::discard(block_);
    }
  }

  std::byte* block_ = nullptr;
  std::uint32_t capacity_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t mark_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
