// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the poller on io_uring knows of each descriptor: the work that the kernel has for it and is to get, and what is
// still to be told of it. The kernel refers to a slot by its number, and it is given away only when it no longer does.

#include <parley/platform/config.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/poller.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace parley::inline PARLEY_ABI::platform {

/// Kinds of work. Of the polls, a slot has either the first one or the others; beside what receives or accepts, until
/// that is to end, only the one for writing.
namespace uring::work {
inline constexpr std::uint8_t both = 1;
inline constexpr std::uint8_t reading = 2;
inline constexpr std::uint8_t writing = 4;
inline constexpr std::uint8_t receiving = 8;
inline constexpr std::uint8_t accepting = 16;
inline constexpr std::uint8_t all[] = {both, reading, writing, receiving, accepting};
inline constexpr std::uint8_t polls = both | reading | writing;
inline constexpr std::uint8_t ahead = receiving | accepting;
/// Wanted only: that what receives or accepts ends.
inline constexpr std::uint8_t ending = 32;
}  // namespace uring::work

class IoUringSlots {
 public:
  struct Slot {
    Pollable* pollable;    // null: nobody's, or it was forgotten
    std::uint32_t next;    // of the free ones, or of those that want work
    std::uint32_t behind;  // of those with something to tell
    std::uint16_t events;  // to be told
    std::uint8_t armed;    // work that the kernel has
    std::uint8_t wanted;   // work that it is to get
    bool wants;            // in the list of those that do
    bool tells;            // in the list of those with something to tell

    bool has(std::uint8_t work) const noexcept { return (armed & work) != 0; }
    void arm(std::uint8_t work) noexcept {
      armed = static_cast<std::uint8_t>(armed | work);
      wanted = static_cast<std::uint8_t>(wanted & ~work);
    }
    void disarm(std::uint8_t work) noexcept { armed = static_cast<std::uint8_t>(armed & ~work); }
  };
  static constexpr std::uint32_t none = UINT32_MAX;

  Slot& operator[](std::uint32_t index) noexcept { return slots_[index]; }
  const Slot& operator[](std::uint32_t index) const noexcept { return slots_[index]; }

  /// Gives the pollable a slot. False where memory has run out.
  bool take(Pollable& pollable) noexcept {
    if (free_ == none && !add()) return false;
    pollable.slot = free_;
    Slot& slot = slots_[free_];
    free_ = slot.next;
    slot = nobodys;
    slot.pollable = &pollable;
    return true;
  }
  /// Once nothing refers to it any more; until then it does nothing.
  void give_away(std::uint32_t index) noexcept {
    Slot& slot = slots_[index];
    if (slot.pollable != nullptr || slot.armed != 0 || slot.wants || slot.tells) return;
    slot.next = std::exchange(free_, index);
  }

  void want(std::uint32_t index, std::uint8_t work) noexcept {
    Slot& slot = slots_[index];
    if (((slot.armed | slot.wanted) & work) != 0) return;
    slot.wanted = static_cast<std::uint8_t>(slot.wanted | work);
    if (std::exchange(slot.wants, true)) return;
    slot.next = std::exchange(wanting_, index);
  }
  /// The first one that wants work, or none.
  std::uint32_t wanting() const noexcept { return wanting_; }
  /// That one wants no more.
  void served() noexcept {
    const std::uint32_t index = wanting_;
    Slot& slot = slots_[index];
    wanting_ = slot.next;
    slot.wanted = 0;
    slot.wants = false;
    give_away(index);  // if it was forgotten meanwhile
  }

  /// The events, those of poll(2), are to be told.
  void note(std::uint32_t index, std::uint32_t events) noexcept {
    Slot& slot = slots_[index];
    slot.events = static_cast<std::uint16_t>(slot.events | events);
    if (std::exchange(slot.tells, true)) return;
    slot.behind = none;
    (telling_++ == 0 ? first_ : slots_[last_].behind) = index;
    last_ = index;
  }
  /// How many have something to tell.
  std::size_t telling() const noexcept { return telling_; }
  /// The oldest of them, of which there is one: who it is, null where it was forgotten, and its events.
  std::pair<Pollable*, std::uint32_t> take_told() noexcept {
    const std::uint32_t index = first_;
    Slot& slot = slots_[index];
    first_ = slot.behind;
    --telling_;
    slot.tells = false;
    const std::uint32_t events = std::exchange(slot.events, std::uint16_t{0});
    give_away(index);
    return {slot.pollable, events};
  }

  /// The kernel has nothing any more: what it had is wanted.
  void lose_kernel() noexcept {
    wanting_ = free_ = none;
    for (std::uint32_t i = count_; i-- > 0;) {
      Slot& slot = slots_[i];
      const auto lost = static_cast<std::uint8_t>((slot.armed | slot.wanted) & ~uring::work::ending);
      slot.armed = slot.wanted = 0;
      slot.wants = false;
      if (slot.pollable == nullptr) {
        give_away(i);
        continue;
      }
      slot.pollable->read_ahead = false;
      for (const std::uint8_t work : uring::work::all) {
        if ((lost & work) != 0) want(i, work);
      }
    }
  }

 private:
  static constexpr Slot nobodys{nullptr, none, none, 0, 0, 0, false, false};

  bool add() noexcept {
    const std::uint32_t more = count_ == 0 ? 16 : 2 * count_;
    std::unique_ptr<Slot[]> larger(more < none / 2 ? new (std::nothrow) Slot[more] : nullptr);
    if (larger == nullptr) return false;
    std::copy_n(slots_.get(), count_, larger.get());
    slots_ = std::move(larger);
    for (std::uint32_t i = more; i-- > count_;) {
      slots_[i] = nobodys;
      slots_[i].next = std::exchange(free_, i);
    }
    count_ = more;
    return true;
  }

  std::unique_ptr<Slot[]> slots_;
  std::uint32_t count_ = 0;
  std::uint32_t free_ = none;     // the first of those that are nobody's
  std::uint32_t wanting_ = none;  // the first of those that want work
  std::uint32_t first_ = none;    // of those with something to tell
  std::uint32_t last_ = none;
  std::size_t telling_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::platform

#endif
