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
// Where all of its work is put off until we ask for it (6.1), the kernel also receives and accepts for those who wait:
// an operation that completes many times, into buffers that it picks, takes the place of the poll. What it hands over
// is put into the descriptor's own Arrived at once. Nothing runs but inside of our own calls, so that between them a
// descriptor is as we left it. Where that ends for whatever reason (no free buffer, no more descriptors, too much that
// nobody has taken), whoever waits is told and makes the call itself, as after a poll.
//
// What a poll refers to is a slot, not the pollable: it is given away only after the poll's last completion. An armed
// poll holds on to its socket even after close(), therefore forget() has the kernel let go at once.

#include <parley/platform/io_uring.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/io_uring_buffers.hpp>
#include <parley/platform/io_uring_reads.hpp>
#include <parley/platform/io_uring_sends.hpp>
#include <parley/platform/io_uring_slots.hpp>
#include <parley/platform/reactor.hpp>
#include <parley/platform/waker.hpp>

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
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
    return open_ring();
  }

  int submit(Request& request, Direction direction, WaitsFor what) noexcept override {
    Pollable& pollable = *request.pollable;
    if (!pollable.registered) {
      if (!slots_.take(pollable)) return ENOMEM;
      pollable.registered = true;
      // The poll reports what is ready already, so from here on "not ready" means that an edge will come.
      pollable.clear_ready(direction);
    }
    pollable.set_waiting(direction, &request);
    slots_.want(pollable.slot, work_for(pollable, direction, what));
    return 0;
  }

  void forget(Pollable& pollable) noexcept override {
    if (!pollable.registered) return;
    const std::uint32_t index = pollable.slot;
    if (ring_.usable()) end_ahead(index);
    IoUringSlots::Slot& slot = slots_[index];
    if (ring_.usable() && slot.has(uring::work::receiving)) pollable.arrived.fail(ENOMEM);  // rather than lose bytes
    slot.pollable = nullptr;
    slot.wanted = 0;
    pollable.arrived.leave();
    pollable.registered = pollable.read_ahead = false;
    pollable.maybe_readable = pollable.maybe_writable = true;
    if (slot.armed == 0) return slots_.give_away(index);
    if (!ring_.usable()) return static_cast<void>(move_here());
    for (const std::uint8_t work : uring::work::all) {
      if ((slot.armed & work & uring::work::polls) != 0) remove(tag_of(index, work));
    }
    enter_and_collect();
  }

  int wait(Duration timeout, Finished& finished) noexcept override {
    if (!ring_.usable()) {
      if (const int error = move_here()) return error;
    }
    arm();
    const bool all_armed = slots_.wanting() == IoUringSlots::none && !waker_wanted_;
    const bool nothing_to_tell = slots_.telling() == 0 && !reads_.noted() && !woken_ && !ring_.has_completions();
    const bool waits = timeout > Duration::zero() && all_armed && nothing_to_tell;
    if (const int error = enter(waits ? 1 : 0, timeout)) return error;
    // Of its own work that is put off, the kernel does so much at a time, and does not say that more is left.
    while (collect() >= work_at_a_time && slots_.telling() < Finished::capacity / 2) {
      arm();                         // of some it is enough
      if (enter(0, {}) != 0) break;  // the next wait will tell
    }
    woken_ = false;
    report(finished);
    reads_.tell();
    return 0;
  }

  void wake() noexcept override { waker_.wake(); }

  SendBatch* send_batch() noexcept override { return sends_.batch(); }
  void carry_out(SendBatch& batch) noexcept override { sends_.carry_out(batch); }

  bool read_file(FileRead& read) noexcept override {
    uring::Entry* entry = ring_.usable() && !reads_.full() ? next_entry() : nullptr;
    collect();  // so that nothing that has arrived is unknown to its descriptor
    if (entry == nullptr) return false;
    entry->tag = tag_of(reads_.add(read, *entry), file);
    return true;
  }

 private:
  static constexpr std::uint32_t entries = 256;
  static constexpr std::uint32_t completions = 2048;
  static constexpr std::uint32_t work_at_a_time = 16;  // 20, in 6.12 and later
  static constexpr int most_rounds = 1024;

  // What is kept for one descriptor while nobody takes it, before the receive or the accept is ended. What one enter()
  // brings may come on top.
  static constexpr std::size_t most_bytes = 16384;
  static constexpr std::size_t most_connections = 64;
  // In a tag: no work for a slot, but a read of a file at this place.
  static constexpr std::uint8_t file = 128;
  static constexpr std::uint64_t waker_tag = UINT64_MAX;
  static constexpr std::uint64_t nobody = UINT64_MAX - 1;
  static std::uint64_t tag_of(std::uint32_t slot, std::uint8_t work) noexcept {
    return static_cast<std::uint64_t>(slot) << 8 | work;
  }

  // Descriptors that were polled once for reading stay so.
  std::uint8_t work_for(const Pollable& pollable, Direction direction, WaitsFor what) const noexcept {
    if (!ring_.polls_many_times()) return direction == Direction::read ? uring::work::reading : uring::work::writing;
    const IoUringSlots::Slot& slot = slots_[pollable.slot];
    const auto under_way = static_cast<std::uint8_t>(slot.armed | slot.wanted);
    const bool ahead = (under_way & uring::work::ahead) != 0;
    if (direction == Direction::write) return ahead ? uring::work::writing : uring::work::both;
    if (!can_read_ahead_ || (under_way & uring::work::both) != 0)
      return ahead ? uring::work::ending : uring::work::both;
    const std::uint8_t wanted = what == WaitsFor::connection                 ? uring::work::accepting
                                : what == WaitsFor::bytes && pollable.stream ? uring::work::receiving
                                                                             : uring::work::both;
    // When the other has ended, the request is told, and comes again.
    return ahead && (under_way & wanted) == 0 ? uring::work::ending : wanted;
  }

  // Writes entries for all work that is wanted.
  void arm() noexcept {
    if (waker_wanted_ && add_poll(waker_.handle(), EPOLLIN, waker_tag)) waker_wanted_ = false;
    for (std::uint32_t index; (index = slots_.wanting()) != IoUringSlots::none; slots_.served()) {
      IoUringSlots::Slot& slot = slots_[index];
      for (const std::uint8_t work : uring::work::all) {
        if ((slot.wanted & work) == 0) continue;
        if (!start(index, work)) return;
        slot.arm(work);
        if ((work & uring::work::ahead) != 0) slot.pollable->read_ahead = true;
      }
      if ((slot.wanted & uring::work::ending) != 0 && !end_what_is_under_way(index)) return;
    }
  }

  bool start(std::uint32_t index, std::uint8_t work) noexcept {
    const NativeSocket handle = slots_[index].pollable->handle.get();
    if ((work & uring::work::ahead) == 0) return add_poll(handle, events_of(work), tag_of(index, work));
    uring::Entry* entry = next_entry();
    if (entry == nullptr) return false;
    entry->handle = handle;
    entry->tag = tag_of(index, work);
    if (work == uring::work::accepting) {
      entry->opcode = uring::accept;
      entry->priority = uring::accept_many_times;
      entry->operation_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    } else {
      entry->opcode = uring::receive;
      entry->priority = uring::receive_many_times | uring::wait_first;
      entry->flags = uring::pick_buffer;
      entry->buffer_group = IoUringBuffers::group;
    }
    return true;
  }
  bool end_what_is_under_way(std::uint32_t index) noexcept {
    const auto under_way = static_cast<std::uint8_t>(slots_[index].armed & uring::work::ahead);
    return under_way == 0 || remove(tag_of(index, under_way));
  }

  // At once, so that all that has been received is with the pollable. Where the kernel does not do it, the slot has it
  // still.
  void end_ahead(std::uint32_t index) noexcept {
    const IoUringSlots::Slot& slot = slots_[index];
    if (!slot.has(uring::work::ahead) || !end_what_is_under_way(index)) return;
    // Other work that it has put off comes first, some of it at a time.
    for (int rounds = 0; rounds < most_rounds && slot.has(uring::work::ahead); ++rounds) {
      if (!enter_and_collect()) return;
    }
  }

  static std::uint32_t events_of(std::uint8_t work) noexcept {
    if (work == uring::work::reading) return EPOLLIN | EPOLLRDHUP;
    if (work == uring::work::writing) return EPOLLOUT;
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

  bool remove(std::uint64_t tag) noexcept {
    uring::Entry* entry = next_entry();
    if (entry == nullptr) return false;  // a poll then keeps its slot, which nobody listens to
    entry->opcode = uring::cancel;
    entry->handle = invalid_socket;
    entry->address = tag;
    entry->tag = nobody;
    return true;
  }

  int enter(std::uint32_t least, Duration timeout) noexcept {
    const int error = ring_.enter(least, timeout);
    if (error == EAGAIN) return 0;  // the kernel is short of memory: it may do better next time
    return error == EEXIST ? move_here() : error;
  }
  // Outside of wait(), which tells later. What nobody takes is to be bounded here too: arm() ends it.
  bool enter_and_collect() noexcept {
    arm();
    if (enter(0, {}) != 0) return false;
    collect();
    return true;
  }

  int open_ring() noexcept {
    if (const int error = ring_.open(entries, completions, kernel_)) return error;
    can_read_ahead_ = ring_.completes_in_enter_only() && buffers_.offer_to(ring_) == 0;
    return 0;
  }

  // The loop goes on on another thread, or in a child that was forked: it needs a ring of its own.
  int move_here() noexcept {
    if (ring_.usable()) collect();  // what a parent's has is the parent's
    reads_.lose();
    sends_.close();
    ring_.close();
    buffers_.free();
    slots_.lose_kernel();
    waker_wanted_ = true;
    return open_ring();
  }

  // At most a second: what a disk or a server takes longer for is left to the kernel.
  void wait_for_reads() noexcept {
    const TimePoint give_up_at = Clock::now() + std::chrono::seconds(1);
    while (!reads_.empty() && ring_.usable()) {
      const Duration rest = give_up_at - Clock::now();
      if (rest <= Duration::zero() || ring_.enter(1, rest) != 0) return;
      collect();
      reads_.tell();
    }
  }

  // Takes all completions. Returns how many there were.
  std::uint32_t collect() noexcept {
    return ring_.take(completions, [this](const uring::Completion& completion) { take(completion); });
  }

  void take(const uring::Completion& completion) noexcept {
    const bool ended = (completion.flags & uring::more_to_come) == 0;
    if (completion.tag == nobody) return;
    if (completion.tag == waker_tag) {
      woken_ = true;
      if (!ended) return;  // every wake() is a new edge, so the counter never has to be read back
      waker_.clear();
      waker_wanted_ = true;
      return;
    }
    const auto index = static_cast<std::uint32_t>(completion.tag >> 8);
    const auto work = static_cast<std::uint8_t>(completion.tag);
    if (work == file) return reads_.note(index, completion.result);
    IoUringSlots::Slot& slot = slots_[index];
    if (ended) slot.disarm(work);
    if ((work & uring::work::ahead) != 0) return take_ahead(index, work, completion, ended);
    if (slot.pollable == nullptr) return slots_.give_away(index);
    // A poll that failed tells nothing; the call that is tried then does.
    slots_.note(index, completion.result < 0 ? EPOLLERR : static_cast<std::uint32_t>(completion.result));
    if (ended && work == uring::work::both && completion.result >= 0) slots_.want(index, uring::work::both);
  }

  void take_ahead(std::uint32_t index, std::uint8_t work, const uring::Completion& completion, bool ended) noexcept {
    Pollable* const pollable = slots_[index].pollable;
    if (work == uring::work::accepting) {
      NativeHandle connection(completion.result < 0 ? invalid_socket : completion.result);
      if (connection && pollable != nullptr) pollable->arrived.add(std::move(connection), blocks_);
    } else {
      take_bytes(pollable, completion);
    }
    if (pollable == nullptr) return slots_.give_away(index);
    if (ended) pollable->read_ahead = false;
    if (is_much(work, completion.result)) slots_.want(index, uring::work::ending);
    if (is_much(work, completion.result) || (ended && cannot(completion.result))) {
      slots_.want(index, uring::work::both);  // and it stays polled
    }
    const std::size_t most = work == uring::work::accepting ? most_connections : most_bytes;
    if (pollable->arrived.count() > most) slots_.want(index, uring::work::ending);
    slots_.note(index, EPOLLIN);
  }

  // A whole buffer: what comes like this is received faster into the reader's own memory.
  static bool is_much(std::uint8_t work, std::int32_t result) noexcept {
    return work == uring::work::receiving && result == static_cast<std::int32_t>(IoUringBuffers::size);
  }

  void take_bytes(Pollable* pollable, const uring::Completion& completion) noexcept {
    if ((completion.flags & uring::has_buffer) != 0) {
      const auto buffer = static_cast<std::uint16_t>(completion.flags >> uring::buffer_number_shift);
      if (completion.result > 0 && pollable != nullptr) {
        pollable->arrived.add(buffers_.bytes(buffer), static_cast<std::size_t>(completion.result), blocks_);
      }
      buffers_.offer(buffer);
    }
    if (completion.result < 0 && pollable != nullptr && is_of_the_connection(-completion.result)) {
      pollable->arrived.fail(-completion.result);
    }
  }

  // What the kernel says where it does not do this for the descriptor, and would say again; also of a listener that was
  // shut down.
  static bool cannot(std::int32_t result) noexcept {
    return result == -EINVAL || result == -EOPNOTSUPP || result == -EAGAIN;
  }
  // What a call would not say again, since it was said once.
  static bool is_of_the_connection(int error) noexcept {
    return !cannot(-error) && error != ENOBUFS && error != ENOMEM && error != ECANCELED && error != EINTR;
  }

  void report(Finished& finished) noexcept {
    while (slots_.telling() != 0 && finished.count + 2 <= Finished::capacity) {
      const auto [pollable, events] = slots_.take_told();
      if (pollable != nullptr) tell(*pollable, events, finished);
    }
  }

  const uring::Kernel kernel_;
  bool can_read_ahead_ = false;
  uring::Ring ring_;
  IoUringBuffers buffers_;
  ArrivedBlocks blocks_;
  IoUringSends sends_;
  IoUringReads reads_;
  Waker waker_;
  bool waker_wanted_ = true;  // its poll
  bool woken_ = false;        // since the last wait, which is what the next one is to know
  IoUringSlots slots_;
};

}  // namespace parley::inline PARLEY_ABI::platform

#endif
