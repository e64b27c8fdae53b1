// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a poller has had the kernel hand over for a descriptor before anybody asked: bytes of a stream or connections of
// a listener, and the error that came after them. It goes with the descriptor, and whoever receives or accepts takes
// from it first.

#include <parley/platform/native_handle.hpp>
#include <parley/platform/system.hpp>

#include <errno.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace parley::inline PARLEY_ABI::platform {

class ArrivedBlocks;

/// What bytes that have arrived are kept in, and what is noted of them.
class ArrivedBlock {
 public:
  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  std::size_t size() const noexcept { return end - begin; }
  std::size_t room() const noexcept { return capacity - end; }

  /// Null without memory.
  static ArrivedBlock* allocate(std::size_t size) noexcept {
    const std::size_t whole = std::bit_ceil(std::max<std::size_t>(sizeof(ArrivedBlock) + size, 64));
    void* const memory = ::operator new(whole, std::nothrow);
    if (memory == nullptr) return nullptr;
    return ::new (memory) ArrivedBlock{.capacity = static_cast<std::uint32_t>(whole - sizeof(ArrivedBlock))};
  }
  /// To the one that it is of, or to the system.
  void free() noexcept;
  /// All of it, to another one or to its own front.
  void move_to(ArrivedBlock& other) noexcept {
    const std::size_t left = size();
    std::memmove(other.bytes(), bytes() + begin, left);
    other.connections = connections;
    other.begin = 0;
    other.end = static_cast<std::uint32_t>(left);
  }

  ArrivedBlocks* of = nullptr;
  std::uint32_t capacity;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool connections = false;
};

/// A poller's, so that what is taken as soon as it has arrived allocates nothing. Its blocks are given back before it
/// ends, see Arrived::leave().
class ArrivedBlocks {
 public:
  ArrivedBlocks() noexcept = default;
  ArrivedBlocks(const ArrivedBlocks&) = delete;
  ArrivedBlocks& operator=(const ArrivedBlocks&) = delete;
  ~ArrivedBlocks() {
    while (ArrivedBlock* block = pop()) ::operator delete(static_cast<void*>(block));
  }

  /// Null where all are in use, or there is no memory.
  ArrivedBlock* take() noexcept {
    if (free_ != nullptr) return pop();
    ArrivedBlock* const block = made_ == most ? nullptr : ArrivedBlock::allocate(block_size);
    if (block == nullptr) return nullptr;
    ++made_;
    block->of = this;
    return block;
  }
  void give(ArrivedBlock& block) noexcept {
    block.begin = block.end = 0;
    block.connections = false;
    std::memcpy(block.bytes(), &free_, sizeof free_);
    free_ = &block;
  }

 private:
  static constexpr std::size_t most = 256;
  static constexpr std::size_t block_size = 512 - sizeof(ArrivedBlock);

  ArrivedBlock* pop() noexcept {
    ArrivedBlock* const block = free_;
    if (block != nullptr) std::memcpy(&free_, block->bytes(), sizeof free_);
    return block;
  }

  ArrivedBlock* free_ = nullptr;
  std::size_t made_ = 0;
};

inline void ArrivedBlock::free() noexcept {
  if (of != nullptr) return of->give(*this);
  ::operator delete(static_cast<void*>(this));
}

/// There is no memory while there is nothing.
class Arrived {
 public:
  Arrived() noexcept = default;
  Arrived(const Arrived&) = delete;
  Arrived& operator=(const Arrived&) = delete;
  ~Arrived() {
    while (has_connections()) take_connection();
    if (block_ != nullptr) block_->free();
  }

  bool empty() const noexcept { return block_ == nullptr && error_ == 0; }
  /// Bytes that are there.
  std::size_t size() const noexcept { return block_ == nullptr ? 0 : block_->size(); }

  bool has_connections() const noexcept { return block_ != nullptr && block_->connections; }
  /// Bytes or connections.
  std::size_t count() const noexcept { return has_connections() ? size() / sizeof(NativeSocket) : size(); }

  /// At the end. Without memory for it, nothing more can be delivered, and the error says so.
  void add(const void* data, std::size_t size, ArrivedBlocks& blocks) noexcept {
    if (error_ != 0 || size == 0) return;
    if (!make_room(size, blocks)) return fail(ENOMEM);
    std::memcpy(block_->bytes() + block_->end, data, size);
    block_->end += static_cast<std::uint32_t>(size);
  }
  /// The same of a listener, which has nothing else. One that there is no memory for is closed.
  void add(NativeHandle connection, ArrivedBlocks& blocks) noexcept {
    const NativeSocket number = connection.get();
    if (!make_room(sizeof number, blocks)) return;
    block_->connections = true;
    add(&number, sizeof number, blocks);
    static_cast<void>(connection.release());
  }
  /// What comes after all that is there, for ever. The first one counts.
  void fail(int error) noexcept {
    if (error_ == 0) error_ = error;
  }

  /// Not when it is empty.
  IoOutcome take(void* into, std::size_t size, bool peek = false) noexcept {
    if (block_ == nullptr) return {0, error_};
    const std::size_t count = std::min(size, block_->size());
    std::memcpy(into, block_->bytes() + block_->begin, count);
    if (!peek) block_->begin += static_cast<std::uint32_t>(count);
    if (block_->size() == 0) replace(nullptr);
    return {count, 0};
  }
  /// The oldest of the connections, of which there is one.
  NativeHandle take_connection() noexcept {
    NativeSocket number = invalid_socket;
    take(&number, sizeof number);
    return NativeHandle(number);
  }

  /// Keeps nothing of a poller's.
  void leave() noexcept {
    if (block_ == nullptr || block_->of == nullptr) return;
    ArrivedBlock* const own = ArrivedBlock::allocate(block_->size());
    if (own != nullptr) return move_to(*own);
    if (has_connections()) {
      while (has_connections()) take_connection();
      return;
    }
    fail(ENOMEM);
    replace(nullptr);
  }

 private:
  bool make_room(std::size_t size, ArrivedBlocks& blocks) noexcept {
    if (block_ == nullptr) {
      block_ = blocks.take();
      if (block_ == nullptr) block_ = ArrivedBlock::allocate(size);
      if (block_ == nullptr) return false;
    }
    if (block_->room() >= size) return true;
    // Moving to the front at half of the room or more moves each byte at most twice altogether.
    if (block_->begin >= block_->capacity / 2 && block_->capacity - block_->size() >= size) {
      block_->move_to(*block_);
      return true;
    }
    const std::size_t wanted = std::max<std::size_t>(2 * std::size_t{block_->capacity}, block_->size() + size);
    ArrivedBlock* const larger = ArrivedBlock::allocate(wanted);
    if (larger == nullptr) return false;
    move_to(*larger);
    return true;
  }
  void move_to(ArrivedBlock& other) noexcept {
    block_->move_to(other);
    replace(&other);
  }
  void replace(ArrivedBlock* block) noexcept { std::exchange(block_, block)->free(); }

  ArrivedBlock* block_ = nullptr;
  int error_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::platform
