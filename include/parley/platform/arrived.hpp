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

namespace parley::inline PARLEY_ABI::platform {

class ArrivedBlocks;
struct Request;

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
    other.waiting = waiting;
    other.error = error;
    other.connections = connections;
    other.begin = 0;
    other.end = static_cast<std::uint32_t>(left);
  }

  ArrivedBlocks* of = nullptr;
  Request* waiting = nullptr;  // see Arrived
  std::uint32_t capacity;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  int error = 0;  // what comes after the bytes
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
    block.error = 0;
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

/// There is no memory while there is nothing. It takes the place of the request that waits for it, which it notes as
/// well, so that a descriptor for which nothing ever arrives is no larger for it.
class Arrived {
 public:
  Arrived() noexcept = default;
  Arrived(const Arrived&) = delete;
  Arrived& operator=(const Arrived&) = delete;
  ~Arrived() {
    while (has_connections()) take_connection();
    if (has_block()) block()->free();
  }

  Request* waiting() const noexcept {
    return has_block() ? block()->waiting : reinterpret_cast<Request*>(word_ & ~all_marks);
  }
  void set_waiting(Request* request) noexcept {
    if (has_block()) {
      block()->waiting = request;
    } else {
      word_ = reinterpret_cast<std::uintptr_t>(request) | (word_ & lost);
    }
  }

  bool empty() const noexcept { return (word_ & all_marks) == 0; }
  /// Bytes that are there.
  std::size_t size() const noexcept { return has_block() ? block()->size() : 0; }
  bool has_connections() const noexcept { return has_block() && block()->connections; }
  /// Bytes or connections.
  std::size_t count() const noexcept { return has_connections() ? size() / sizeof(NativeSocket) : size(); }

  /// At the end. Without memory for it, nothing more can be delivered, and the error says so.
  void add(const void* data, std::size_t size, ArrivedBlocks& blocks) noexcept {
    if (error() != 0 || size == 0) return;
    if (!make_room(size, blocks)) return fail(ENOMEM);
    ArrivedBlock& into = *block();
    std::memcpy(into.bytes() + into.end, data, size);
    into.end += static_cast<std::uint32_t>(size);
  }
  /// The same of a listener, which has nothing else. One that there is no memory for is closed.
  void add(NativeHandle connection, ArrivedBlocks& blocks) noexcept {
    const NativeSocket number = connection.get();
    if (!make_room(sizeof number, blocks)) return;
    block()->connections = true;
    add(&number, sizeof number, blocks);
    static_cast<void>(connection.release());
  }
  /// What comes after all that is there, for ever. The first one counts; without memory to note it, it is ENOMEM.
  void fail(int error) noexcept {
    if (this->error() != 0) return;
    if (!has_block() && error != ENOMEM) place(ArrivedBlock::allocate(0));
    if (has_block()) {
      block()->error = error;
    } else {
      word_ |= lost;
    }
  }

  /// Not when it is empty.
  IoOutcome take(void* into, std::size_t size, bool peek = false) noexcept {
    if (this->size() == 0) return {0, error()};
    ArrivedBlock& from = *block();
    const std::size_t count = std::min(size, from.size());
    std::memcpy(into, from.bytes() + from.begin, count);
    if (!peek) from.begin += static_cast<std::uint32_t>(count);
    if (from.size() == 0 && from.error == 0) drop_block();
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
    if (!has_block() || block()->of == nullptr) return;
    if (ArrivedBlock* const own = ArrivedBlock::allocate(size())) return move_to(*own);
    if (has_connections()) {
      while (has_connections()) take_connection();
      return;
    }
    drop_block();
    fail(ENOMEM);
  }

 private:
  // In the bits that no address of ours has: the word is that of the block; bytes were lost for want of memory.
  static constexpr std::uintptr_t in_block = 1;
  static constexpr std::uintptr_t lost = 2;
  static constexpr std::uintptr_t all_marks = in_block | lost;

  bool has_block() const noexcept { return (word_ & in_block) != 0; }
  ArrivedBlock* block() const noexcept { return reinterpret_cast<ArrivedBlock*>(word_ & ~all_marks); }
  int error() const noexcept {
    if (has_block()) return block()->error;
    return (word_ & lost) != 0 ? ENOMEM : 0;
  }

  // The first one, which may be null.
  void place(ArrivedBlock* block) noexcept {
    if (block == nullptr) return;
    block->waiting = waiting();
    word_ = reinterpret_cast<std::uintptr_t>(block) | in_block;
  }
  void drop_block() noexcept {
    ArrivedBlock& dropped = *block();
    word_ = reinterpret_cast<std::uintptr_t>(dropped.waiting);
    dropped.free();
  }
  void move_to(ArrivedBlock& other) noexcept {
    ArrivedBlock& left = *block();
    left.move_to(other);
    word_ = reinterpret_cast<std::uintptr_t>(&other) | in_block;
    left.free();
  }

  bool make_room(std::size_t size, ArrivedBlocks& blocks) noexcept {
    if (!has_block()) place(blocks.take());
    if (!has_block()) place(ArrivedBlock::allocate(size));
    if (!has_block()) return false;
    ArrivedBlock& now = *block();
    if (now.room() >= size) return true;
    // Moving to the front at half of the room or more moves each byte at most twice altogether.
    if (now.begin >= now.capacity / 2 && now.capacity - now.size() >= size) {
      now.move_to(now);
      return true;
    }
    ArrivedBlock* const larger =
        ArrivedBlock::allocate(std::max<std::size_t>(2 * std::size_t{now.capacity}, now.size() + size));
    if (larger == nullptr) return false;
    move_to(*larger);
    return true;
  }

  std::uintptr_t word_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::platform
