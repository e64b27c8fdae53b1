// SPDX-License-Identifier: BSL-1.0
#pragma once

// Bytes that are only appended to, and dropped from the front. A position counts all bytes ever appended.

#include <parley/core/bytes.hpp>
#include <parley/core/detail/ring.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

class ByteLog {
 public:
  std::uint64_t end() const noexcept { return chunks_.empty() ? end_of_dropped_ : chunks_end(); }

  /// The text, and what follows it, stay in one piece. Strong guarantee.
  void append(std::string_view text, std::string_view more = {}) {
    const std::size_t size = text.size() + more.size();
    if (size == 0) return;
    if (chunks_.empty() || room_in_last() < size) chunks_.push_back(new_chunk(size));
    Chunk& last = chunks_.back();
    char* const end = last.bytes.get() + last.size;
    more.copy(end + text.copy(end, text.size()), more.size());
    last.size += static_cast<std::uint32_t>(size);
  }

  /// Takes back what was appended last.
  void truncate(std::uint64_t position) noexcept {
    while (!chunks_.empty() && chunks_.back().begin >= position && chunks_.size() > 1) chunks_.pop_back();
    if (!chunks_.empty()) chunks_.back().size = static_cast<std::uint32_t>(position - chunks_.back().begin);
  }

  /// What is before the position is not asked for any more.
  void drop(std::uint64_t position) noexcept {
    while (!chunks_.empty() && chunks_.front().begin + chunks_.front().size <= position) {
      end_of_dropped_ = chunks_.front().begin + chunks_.front().size;
      if (chunks_.front().capacity == largest_usual) spare_ = std::move(chunks_.front().bytes);
      chunks_.pop_front();
    }
  }

  /// The bytes from one position towards another, as far as they are in one piece.
  ConstBytes view(std::uint64_t from, std::uint64_t to) const noexcept {
    std::uint64_t i = chunks_.next() - 1;  // most look near the end
    while (chunks_[i].begin > from) --i;
    const Chunk& chunk = chunks_[i];
    const std::uint64_t stop = to < chunk.begin + chunk.size ? to : chunk.begin + chunk.size;
    return {chunk.bytes.get() + (from - chunk.begin), static_cast<std::size_t>(stop - from)};
  }

 private:
  // Chunks grow from one to the other, so that a quiet room is small.
  static constexpr std::uint32_t smallest_usual = 1024;
  static constexpr std::uint32_t largest_usual = 65536;

  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::uint64_t begin = 0;
    std::uint32_t size = 0;
    std::uint32_t capacity = 0;
  };

  std::uint64_t chunks_end() const noexcept {
    const Chunk& last = chunks_[chunks_.next() - 1];
    return last.begin + last.size;
  }
  std::size_t room_in_last() const noexcept {
    const Chunk& last = chunks_[chunks_.next() - 1];
    return last.capacity - last.size;
  }

  Chunk new_chunk(std::size_t least) {
    Chunk chunk;
    chunk.begin = end();
    chunk.capacity = least > usual_size_ ? static_cast<std::uint32_t>(least) : usual_size_;
    if (chunk.capacity == largest_usual && spare_ != nullptr) {
      chunk.bytes = std::move(spare_);
    } else {
      chunk.bytes = std::make_unique_for_overwrite<char[]>(chunk.capacity);
    }
    if (usual_size_ < largest_usual) usual_size_ *= 2;
    return chunk;
  }

  Ring<Chunk> chunks_;
  std::unique_ptr<char[]> spare_;
  std::uint64_t end_of_dropped_ = 0;
  std::uint32_t usual_size_ = smallest_usual;
};

}  // namespace parley::inline PARLEY_ABI::detail
