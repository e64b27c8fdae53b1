// SPDX-License-Identifier: BSL-1.0
#pragma once

// The members of a room, by number and by name.

#include <parley/chat/detail/member_state.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

/// A number is a slot and how often the slot has been used, so that it is found at once and never given again.
class MemberTable {
 public:
  std::size_t size() const noexcept { return count_; }

  /// Room for one more; after it, add() does not fail. May throw std::bad_alloc.
  void reserve() {
    if (free_ == none) {
      slots_.reserve(slots_.size() + 1 > slots_.capacity() ? slots_.size() * 2 + 16 : slots_.capacity());
    }
    if ((named_ + 1) * 4 > names_.size() * 3) rehash(names_.empty() ? 16 : names_.size() * 2);
  }

  MemberId add(MemberState& member) noexcept {
    std::uint32_t slot = free_;
    if (slot == none) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      free_ = slots_[slot].next_free;
    }
    slots_[slot].member = &member;
    ++slots_[slot].uses;
    ++count_;
    member.id = static_cast<MemberId>(std::uint64_t{slots_[slot].uses} << 32 | slot);
    insert(member);
    return member.id;
  }

  /// It is not found by its name any more.
  void remove_name(MemberState& member) noexcept { erase(member); }
  /// The same for its number; the name has gone before.
  void remove(MemberState& member) noexcept {
    const std::uint32_t slot = slot_of(member.id);
    slots_[slot].member = nullptr;
    --count_;
    if (slots_[slot].uses == UINT32_MAX) return;  // its numbers are used up
    slots_[slot].next_free = free_;
    free_ = slot;
  }

  MemberState* find(MemberId id) const noexcept {
    const std::uint32_t slot = slot_of(id);
    if (slot >= slots_.size() || slots_[slot].member == nullptr || slots_[slot].member->id != id) return nullptr;
    return slots_[slot].member;
  }

  /// Any of those that have the name.
  MemberState* find(std::string_view name) const noexcept {
    if (names_.empty()) return nullptr;
    for (std::size_t i = home(name);; i = next(i)) {
      if (names_[i] == nullptr || names_[i]->name == name) return names_[i];
    }
  }

  template <class Change>
  void rename(MemberState& member, Change change) noexcept {
    erase(member);
    change();
    insert(member);
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.member != nullptr) visit(*slot.member);
    }
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  struct Slot {
    MemberState* member = nullptr;
    std::uint32_t uses = 0;
    std::uint32_t next_free = none;
  };

  static std::uint32_t slot_of(MemberId id) noexcept {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) & UINT32_MAX);
  }

  // FNV-1a, keyed by an address, so that names that collide cannot be prepared.
  std::size_t home(std::string_view name) const noexcept {
    std::uint64_t hash = 0xcbf29ce484222325u ^ reinterpret_cast<std::uintptr_t>(this);
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return static_cast<std::size_t>((hash ^ hash >> 29) & (names_.size() - 1));
  }
  std::size_t next(std::size_t i) const noexcept { return (i + 1) & (names_.size() - 1); }

  void insert(MemberState& member) noexcept {
    std::size_t i = home(member.name);
    while (names_[i] != nullptr) i = next(i);
    names_[i] = &member;
    ++named_;
  }

  // Closes the gap, so that no search ends there too early.
  void erase(MemberState& member) noexcept {
    std::size_t gap = home(member.name);
    while (names_[gap] != &member) gap = next(gap);
    for (std::size_t i = next(gap); names_[i] != nullptr; i = next(i)) {
      const std::size_t from_home = (i - home(names_[i]->name)) & (names_.size() - 1);
      const std::size_t from_gap = (i - gap) & (names_.size() - 1);
      if (from_home >= from_gap) {
        names_[gap] = names_[i];
        gap = i;
      }
    }
    names_[gap] = nullptr;
    --named_;
  }

  void rehash(std::size_t size) {
    std::vector<MemberState*> before(size);
    before.swap(names_);
    named_ = 0;
    for (MemberState* member : before) {
      if (member != nullptr) insert(*member);
    }
  }

  std::vector<Slot> slots_;
  std::vector<MemberState*> names_;  // open addressing; a power of two
  std::size_t count_ = 0;
  std::size_t named_ = 0;
  std::uint32_t free_ = none;
};

}  // namespace parley::inline PARLEY_ABI::detail
