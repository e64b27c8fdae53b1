// SPDX-License-Identifier: BSL-1.0
#pragma once

// The poller on io_uring(7): each descriptor is polled once for both directions, by a poll that completes at every edge
// (5.13), or before that by one for each wait. What a loop's turn starts is submitted by the call that waits next.
//
// Sends that are ready together are carried out together (send_batch.hpp): the kernel makes them one after the other
// inside of one call, and never keeps one that it cannot make at once. So no send is ever under way that
// needs memory of the caller's, cancel() is always true, and destroying a frame has nothing to reap. Sends that wait in
// the kernel would not be faster: it would poll for them as we do. Reads of files are the exception: they stay with the
// kernel until it has made them, into memory that is theirs.
//
// Nor would accepts and receives that complete many times, into buffers that the kernel picks: a bare loop that has all
// of this (benchmarks/rivals/io_uring) costs 0.95 to 1.08 of a bare epoll loop's processor time in echo, and 0.96 to 0.99
// in accepting (6.18). Receives that the kernel is given one by one, as operations that may be cancelled need them, cost
// 1.07 to 1.20.
//
// What a poll refers to is a slot, not the pollable: it is given away only after the poll's last completion. An armed
// poll holds on to its socket even after close(), therefore forget() has the kernel let go at once.

#include <parley/platform/io_uring.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/io_uring_reads.hpp>
#include <parley/platform/io_uring_sends.hpp>
#include <parley/platform/reactor.hpp>
#include <parley/platform/waker.hpp>

#include <errno.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace parley::inline PARLEY_ABI::platform {

class IoUringPoller final : public Reactor {
 public:
  explicit IoUringPoller(uring::Kernel kernel = uring::Kernel::any) noexcept : kernel_(kernel) {}
  IoUringPoller(const IoUringPoller&) = delete;
  IoUringPoller& operator=(const IoUringPoller&) = delete;
  ~IoUringPoller() override {
    wait_for_reads();
    reads_.lose();
  }
  const char* name() const noexcept override { return "io_uring"; }

  int open() noexcept override {
    if (ring_.usable()) return 0;
    if (const int error = waker_.open()) return error;
    return ring_.open(entries, completions, kernel_);
  }

  int submit(Request& request, Direction direction) noexcept override {
    Pollable& pollable = *request.pollable;
    if (!pollable.registered) {
      if (!take_slot(pollable)) return ENOMEM;
      pollable.registered = true;
      // The poll reports what is ready already, so from here on "not ready" means that an edge will come.
      pollable.clear_ready(direction);
    }
    pollable.waiting(direction) = &request;
    want(pollable.slot, poll_for(direction));
    return 0;
  }

  void forget(Pollable& pollable) noexcept override {
    if (!pollable.registered) return;
    Slot& slot = slots_[pollable.slot];
    slot.pollable = nullptr;
    slot.wanted = 0;
    pollable.registered = false;
    pollable.maybe_readable = pollable.maybe_writable = true;
    if (slot.armed == 0) return give_slot_away(pollable.slot);
    if (!ring_.usable()) return static_cast<void>(move_here());
    for (const std::uint8_t poll : {both, reading, writing}) {
      if ((slot.armed & poll) != 0) remove(tag_of(pollable.slot, poll));
    }
    if (enter(0, {}) == 0) take_what_is_forgotten();
  }

  int wait(Duration timeout, Finished& finished) noexcept override {
    if (!ring_.usable()) {
      if (const int error = move_here()) return error;
    }
    arm();
    const bool waits = timeout > Duration::zero() && !ring_.has_completions() && wanting_ == none && !waker_wanted_;
    if (const int error = enter(waits ? 1 : 0, timeout)) return error;
    std::uint32_t most = Finished::capacity / 2;
    for (;;) {
      const std::uint32_t taken =
          ring_.take(most, [&](const uring::Completion& completion) { dispatch(completion, &finished); });
      most -= taken;
      // Of its own work that is put off, the kernel does so much at a time, and does not say that more is left.
      if (taken < work_at_a_time || most == 0) return 0;
      if (enter(0, {}) != 0) return 0;  // the next wait will tell
    }
  }

  void wake() noexcept override { waker_.wake(); }

  SendBatch* send_batch() noexcept override { return sends_.batch(); }
  void carry_out(SendBatch& batch) noexcept override { sends_.carry_out(batch); }

  bool read_file(FileRead& read) noexcept override {
    uring::Entry* entry = ring_.usable() && !reads_.full() ? next_entry() : nullptr;
    if (entry == nullptr) return false;
    entry->tag = tag_of(reads_.add(read, *entry), file);
    return true;
  }

 private:
  static constexpr std::uint32_t entries = 256;
  static constexpr std::uint32_t completions = 2048;
  static constexpr std::uint32_t work_at_a_time = 16;  // 20, in 6.12 and later

  // Polls that a slot can have. Either the first one or the others.
  static constexpr std::uint8_t both = 1;
  static constexpr std::uint8_t reading = 2;
  static constexpr std::uint8_t writing = 4;
  // In a tag: no poll, but a read of a file at this place.
  static constexpr std::uint8_t file = 8;

  struct Slot {
    Pollable* pollable;   // null: nobody's, or it was forgotten
    std::uint32_t next;   // of the free ones, or of those that want polls
    std::uint8_t armed;   // polls that the kernel has
    std::uint8_t wanted;  // polls that it is to get
    bool listed;          // among those that want polls
  };
  static constexpr std::uint32_t none = UINT32_MAX;

  static constexpr std::uint64_t waker_tag = UINT64_MAX;
  static constexpr std::uint64_t nobody = UINT64_MAX - 1;
  static std::uint64_t tag_of(std::uint32_t slot, std::uint8_t poll) noexcept {
    return static_cast<std::uint64_t>(slot) << 8 | poll;
  }

  std::uint8_t poll_for(Direction direction) const noexcept {
    if (ring_.polls_many_times()) return both;
    return direction == Direction::read ? reading : writing;
  }

  // False where memory has run out.
  bool take_slot(Pollable& pollable) noexcept {
    if (free_ == none && !add_slots()) return false;
    pollable.slot = free_;
    Slot& slot = slots_[free_];
    free_ = slot.next;
    slot = {&pollable, none, 0, 0, false};
    return true;
  }
  bool add_slots() noexcept {
    const std::uint32_t more = count_ == 0 ? 16 : 2 * count_;
    std::unique_ptr<Slot[]> larger(more < none / 2 ? new (std::nothrow) Slot[more] : nullptr);
    if (larger == nullptr) return false;
    std::copy_n(slots_.get(), count_, larger.get());
    slots_ = std::move(larger);
    for (std::uint32_t i = more; i-- > count_;) {
      slots_[i] = {nullptr, free_, 0, 0, false};
      free_ = i;
    }
    count_ = more;
    return true;
  }
  void give_slot_away(std::uint32_t index) noexcept {
    Slot& slot = slots_[index];
    if (slot.pollable != nullptr || slot.armed != 0 || slot.listed) return;
    slot.next = std::exchange(free_, index);
  }

  void want(std::uint32_t index, std::uint8_t poll) noexcept {
    Slot& slot = slots_[index];
    if (((slot.armed | slot.wanted) & poll) != 0) return;
    slot.wanted = static_cast<std::uint8_t>(slot.wanted | poll);
    if (slot.listed) return;
    slot.listed = true;
    slot.next = std::exchange(wanting_, index);
  }

  // Writes entries for all polls that are wanted.
  void arm() noexcept {
    if (waker_wanted_ && add_poll(waker_.handle(), EPOLLIN, waker_tag)) waker_wanted_ = false;
    while (wanting_ != none) {
      const std::uint32_t index = wanting_;
      Slot& slot = slots_[index];
      for (const std::uint8_t poll : {both, reading, writing}) {
        if ((slot.wanted & poll) == 0) continue;
        if (!add_poll(slot.pollable->handle.get(), events_of(poll), tag_of(index, poll))) return;
        slot.wanted = static_cast<std::uint8_t>(slot.wanted & ~poll);
        slot.armed = static_cast<std::uint8_t>(slot.armed | poll);
      }
      wanting_ = slot.next;
      slot.listed = false;
      give_slot_away(index);  // if it was forgotten meanwhile
    }
  }

  static std::uint32_t events_of(std::uint8_t poll) noexcept {
    if (poll == reading) return EPOLLIN | EPOLLRDHUP;
    if (poll == writing) return EPOLLOUT;
    return EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP;
  }

  // Null where the kernel does not take what was written before.
  uring::Entry* next_entry() noexcept {
    uring::Entry* entry = ring_.next();
    if (entry != nullptr || ring_.enter(0, {}) != 0) return entry;
    return ring_.next();
  }

  bool add_poll(NativeSocket handle, std::uint32_t events, std::uint64_t tag) noexcept {
    uring::Entry* entry = next_entry();
    if (entry == nullptr) return false;
    entry->opcode = uring::poll_add;
    entry->handle = handle;
    entry->length = ring_.polls_many_times() ? uring::poll_many_times : 0;
    entry->operation_flags = uring::poll_events(events);
    entry->tag = tag;
    return true;
  }

  void remove(std::uint64_t tag) noexcept {
    uring::Entry* entry = next_entry();
    if (entry == nullptr) return;  // then it keeps its slot, which nobody listens to
    entry->opcode = uring::cancel;
    entry->handle = invalid_socket;
    entry->address = tag;
    entry->tag = nobody;
  }

  int enter(std::uint32_t least, Duration timeout) noexcept {
    const int error = ring_.enter(least, timeout);
    if (error == EAGAIN) return 0;  // the kernel is short of memory: it may do better next time
    return error == EEXIST ? move_here() : error;
  }

  // The loop goes on on another thread, or in a child that was forked: it needs a ring of its own.
  int move_here() noexcept {
    reads_.lose();
    sends_.close();
    ring_.close();
    wanting_ = free_ = none;
    waker_wanted_ = true;
    for (std::uint32_t i = count_; i-- > 0;) {
      Slot& slot = slots_[i];
      const auto polls = static_cast<std::uint8_t>(slot.armed | slot.wanted);
      slot.armed = slot.wanted = 0;
      slot.listed = false;
      if (slot.pollable == nullptr) {
        give_slot_away(i);
      } else {
        for (const std::uint8_t poll : {both, reading, writing}) {
          if ((polls & poll) != 0) want(i, poll);
        }
      }
    }
    return ring_.open(entries, completions, kernel_);
  }

  // At most a second: what a disk or a server takes longer for is left to the kernel.
  void wait_for_reads() noexcept {
    const TimePoint give_up_at = Clock::now() + std::chrono::seconds(1);
    while (!reads_.empty() && ring_.usable()) {
      const Duration rest = give_up_at - Clock::now();
      if (rest <= Duration::zero() || ring_.enter(1, rest) != 0) return;
      ring_.take(completions, [this](const uring::Completion& completion) {
        if (static_cast<std::uint8_t>(completion.tag) == file) reads_.end(completion.tag >> 8, completion.result);
      });
    }
  }

  // Makes room after many were forgotten. The others' completions wait for wait().
  void take_what_is_forgotten() noexcept {
    while (ring_.has_completions() && is_forgotten(ring_.front().tag)) {
      ring_.take(1, [this](const uring::Completion& completion) { dispatch(completion, nullptr); });
    }
  }
  bool is_forgotten(std::uint64_t tag) const noexcept {
    if (tag == nobody || tag == waker_tag) return tag == nobody;
    return static_cast<std::uint8_t>(tag) != file && slots_[tag >> 8].pollable == nullptr;
  }

  void dispatch(const uring::Completion& completion, Finished* finished) noexcept {
    const bool ended = (completion.flags & uring::more_to_come) == 0;
    if (completion.tag == nobody) return;
    if (completion.tag == waker_tag) {
      if (!ended) return;  // every wake() is a new edge, so the counter never has to be read back
      waker_.clear();
      waker_wanted_ = true;
      return;
    }
    const auto index = static_cast<std::uint32_t>(completion.tag >> 8);
    const auto poll = static_cast<std::uint8_t>(completion.tag);
    if (poll == file) return reads_.end(index, completion.result);
    Slot& slot = slots_[index];
    if (ended) slot.armed = static_cast<std::uint8_t>(slot.armed & ~poll);
    if (slot.pollable == nullptr) return give_slot_away(index);
    // A poll that failed tells nothing; the call that is tried then does.
    tell(*slot.pollable, completion.result < 0 ? EPOLLERR : static_cast<std::uint32_t>(completion.result), *finished);
    if (ended && poll == both && completion.result >= 0) want(index, both);
  }

  const uring::Kernel kernel_;
  uring::Ring ring_;
  IoUringSends sends_;
  IoUringReads reads_;
  Waker waker_;
  bool waker_wanted_ = true;  // its poll
  std::unique_ptr<Slot[]> slots_;
  std::uint32_t count_ = 0;
  std::uint32_t free_ = none;     // the first of the slots that are nobody's
  std::uint32_t wanting_ = none;  // the first of those that want polls
};

}  // namespace parley::inline PARLEY_ABI::platform

#endif
