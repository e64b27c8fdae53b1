// SPDX-License-Identifier: BSL-1.0
#pragma once

// The bytes that a reader of records has received and not yet delivered.
//
// There is no memory while there are no bytes. What arrives goes into a buffer of the driver's pool. A record that does
// not fit in there gets a block of its own, as large as its reader says. A reader that waits inside a short record
// keeps what has arrived in a small block instead, of at most four times its size, so that many who dribble hold
// little.

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
  RecordBuffer(RecordBuffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  RecordBuffer& operator=(RecordBuffer&&) = delete;
  // By whoever runs on this thread now: a pool's buffer may go to any pool.
  ~RecordBuffer() { release_block(Driver::current()); }

  const std::byte* data() const noexcept { return block_ == nullptr ? nullptr : block_->bytes() + block_->begin; }
  std::size_t size() const noexcept { return block_ == nullptr ? 0 : block_->end - block_->begin; }
  std::size_t capacity() const noexcept { return block_ == nullptr ? 0 : block_->capacity; }
  bool empty() const noexcept { return size() == 0; }

  // How many bytes, counted from data(), the reader has looked at; it need not do so again.
  std::size_t mark() const noexcept { return block_ == nullptr ? 0 : block_->mark - block_->begin; }
  void set_mark(std::size_t bytes) noexcept {
    if (block_ != nullptr) block_->mark = block_->begin + static_cast<std::uint32_t>(bytes);
  }

  /// The first bytes count as delivered. They stay where they are until the next call of anything below.
  void consume(std::size_t bytes) noexcept {
    if (block_ != nullptr) block_->mark = block_->begin += static_cast<std::uint32_t>(bytes);
  }

  void drop(Driver& driver) noexcept { release_block(&driver); }

  /// Receives once, at most `limit` bytes. When the room is used up, the block grows to `grown` bytes, unless making
  /// room at its front will do. Keeps no more memory than needed where it has to wait.
  template <class Stream>
  Step fill(Stream& stream, Operation& operation, std::size_t grown, std::size_t limit, std::size_t& count) {
    if (!make_room(operation.driver(), grown)) {
      operation.fail(static_cast<int>(std::errc::not_enough_memory));
      return Step::done;
    }
    const MutableBytes room(block_->bytes() + block_->end, block_->capacity - block_->end);
    const Step step = stream.poll_recv(operation, room.first(limit), count);
    if (step == Step::done && !operation.error()) {
      block_->end += static_cast<std::uint32_t>(count);
    } else {
      settle(operation.driver());
    }
    return step;
  }

 private:
  // What is noted of the bytes stands in front of them, so that a reader without bytes is one pointer.
  struct Block {
    std::uint32_t capacity;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t mark = 0;
    std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  };
  static_assert(sizeof(Block) == BufferPool::note_size);

  static constexpr std::uint32_t pool_size = BufferPool::buffer_size;
  static constexpr std::uint32_t smallest = 64 - sizeof(Block);

  bool make_room(Driver& driver, std::size_t grown) noexcept {
    if (block_ == nullptr) return replace_block(driver, make_block(driver.buffers().take(), pool_size));
    if (empty()) block_->begin = block_->end = block_->mark = 0;
    if (block_->end < block_->capacity) return true;
    if (block_->begin != 0) {
      move_to(*block_);
      return true;
    }
    const bool pooled = block_->capacity < pool_size;
    return replace_block(
        driver, pooled ? make_block(driver.buffers().take(), pool_size) : allocate(static_cast<std::uint32_t>(grown)));
  }

  // About to wait. Only buffers of the pool are exchanged for smaller ones. The new block has room for as much again,
  // so that all these copies together move each byte a bounded number of times.
  void settle(Driver& driver) noexcept {
    if (empty()) return release_block(&driver);
    const auto used = static_cast<std::uint32_t>(size());
    if (block_->capacity != pool_size || used > pool_size / 4) return;
    replace_block(driver, allocate(used * 2 < smallest ? smallest : std::bit_ceil(used * 2)));
  }

  static Block* make_block(std::byte* memory, std::uint32_t capacity) noexcept {
    return memory == nullptr ? nullptr : ::new (static_cast<void*>(memory)) Block{.capacity = capacity};
  }
  static Block* allocate(std::uint32_t capacity) noexcept {
    return make_block(static_cast<std::byte*>(::operator new(sizeof(Block) + capacity, std::nothrow)), capacity);
  }

  // To another block, or to its own front.
  void move_to(Block& block) noexcept {
    const std::uint32_t used = block_->end - block_->begin;
    const std::uint32_t mark = block_->mark - block_->begin;
    if (used != 0) std::memmove(block.bytes(), data(), used);
    block.begin = 0;
    block.end = used;
    block.mark = mark;
  }

  // False, and nothing has changed, where there is none.
  bool replace_block(Driver& driver, Block* block) noexcept {
    if (block == nullptr) return false;
    if (block_ != nullptr) move_to(*block);
    release_block(&driver);
    block_ = block;
    return true;
  }

  void release_block(Driver* driver) noexcept {
    if (block_ == nullptr) return;
    const bool pooled = block_->capacity == pool_size;
    auto* const memory = reinterpret_cast<std::byte*>(std::exchange(block_, nullptr));
    if (driver != nullptr && pooled) {
      driver->buffers().give(memory);
    } else {
      BufferPool::discard(memory);
    }
  }

  Block* block_ = nullptr;
};

}  // namespace parley::inline PARLEY_ABI::detail
