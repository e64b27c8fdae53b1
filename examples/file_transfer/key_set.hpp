// SPDX-License-Identifier: BSL-1.0
#pragma once

// A set of hashes, 16 bytes for each at most once there are many: of a million files' names it makes no million pieces of memory.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace file_transfer {

/// Of keys that are spread evenly, as hashes are.
class KeySet {
 public:
  /// False where it was there.
  bool insert(std::uint64_t key) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    return put(key == 0 ? 1 : key);  // 0 is a free slot
  }

 private:
  void grow() {
    const std::vector<std::uint64_t> before =
        std::exchange(slots_, std::vector<std::uint64_t>(std::max<std::size_t>(64, 2 * slots_.size())));
    count_ = 0;
    for (const std::uint64_t key : before)
      if (key != 0) put(key);
  }
  bool put(std::uint64_t key) {
    std::size_t at = key & (slots_.size() - 1);
    while (slots_[at] != 0 && slots_[at] != key) at = (at + 1) & (slots_.size() - 1);
    if (slots_[at] == key) return false;
    slots_[at] = key;
    ++count_;
    return true;
  }

  std::vector<std::uint64_t> slots_;  // a power of two, at least half of them free
  std::size_t count_ = 0;
};

}  // namespace file_transfer
