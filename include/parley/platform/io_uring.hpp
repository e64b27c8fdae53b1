// SPDX-License-Identifier: BSL-1.0
#pragma once

// One instance of io_uring(7) on raw system calls: memory shared with the kernel in which entries are written and
// completions read, and the one call that tells it to look.

#include <parley/platform/io_uring_abi.hpp>

#if PARLEY_OS_LINUX

#include <parley/platform/clock.hpp>
#include <parley/platform/native_handle.hpp>

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace parley::inline PARLEY_ABI::platform::uring {

/// Memory of the kernel's, mapped.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { reset(); }

  int map(NativeSocket ring, std::size_t size, std::int64_t offset) noexcept {
    return keep(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, offset), size);
  }
  /// A page of zeros, which a child that is forked gets anew (4.14).
  int map_wiped_in_children() noexcept {
    const std::size_t size = 1;  // rounded up
    const int error = keep(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
    return error == 0 && ::madvise(at_, size, MADV_WIPEONFORK) < 0 ? errno : error;
  }
  void reset() noexcept {
    if (at_ != nullptr) ::munmap(std::exchange(at_, nullptr), size_);
  }
  template <class T>
  T* at(std::uint32_t offset) const noexcept {
    return reinterpret_cast<T*>(at_ + offset);
  }

 private:
  int keep(void* at, std::size_t size) noexcept {
    if (at == MAP_FAILED) return errno;
    reset();
    at_ = static_cast<std::byte*>(at);
    size_ = size;
    return 0;
  }

  std::byte* at_ = nullptr;
  std::size_t size_ = 0;
};

/// What a ring may use of the kernel: tests have newer kernels behave as older ones.
enum class Kernel : std::uint8_t { any, as_5_13, as_5_10 };

/// Threads:   one at a time. Where the kernel can put off its own work until it is asked for (6.1), the ring belongs to
///            the first thread that enters it, and enter() of another one fails with EEXIST.
/// Processes: a child that was forked must not touch the ring, which is its parent's: see usable().
class Ring {
 public:
  /// An errno, or 0. Open once, it stays open until close().
  int open(std::uint32_t entries, std::uint32_t completions, Kernel kernel = Kernel::any) noexcept {
    Parameters parameters{};
    const std::uint32_t always = setup::clamp | setup::completion_size;
    const std::uint32_t newest = always | setup::submit_all | setup::disabled | setup::single_issuer |
                                 setup::task_run_flag | setup::defer_task_run;
    int error = EINVAL;
    for (const std::uint32_t flags : {newest, always}) {
      if (flags == newest && kernel != Kernel::any) continue;
      parameters = {};
      parameters.flags = flags;
      parameters.completion_entries = completions;
      error = set_up(entries, parameters);
      if (error != EINVAL) break;  // what the kernel does not know
    }
    if (error != 0) return error;
    features_ = parameters.features;
    if (kernel == Kernel::as_5_10) features_ &= ~(feature::wait_argument | feature::resource_tags);
    starts_disabled_ = (parameters.flags & setup::disabled) != 0;
    deferred_ = (parameters.flags & setup::defer_task_run) != 0;
    error = map(parameters);
    if (error != 0) close();
    return error;
  }
  /// Open, and not a parent's.
  bool usable() const noexcept { return ring_ && *mark_.at<char>(0) != 0; }

  void close() noexcept {
    rings_.reset();
    entries_memory_.reset();
    mark_.reset();
    ring_.close();
    filled_ = submitted_ = 0;
  }

  NativeSocket handle() const noexcept { return ring_.get(); }

  /// Polls can complete many times (5.13).
  bool polls_many_times() const noexcept { return (features_ & feature::resource_tags) != 0; }

  /// What comes of an entry comes inside of enter() alone, on its thread (6.1).
  bool completes_in_enter_only() const noexcept { return deferred_; }

  /// A zeroed entry for the next enter(); null where `entries` of them wait for it already.
  Entry* next() noexcept {
    if (filled_ - submitted_ == entries_mask_ + 1) return nullptr;
    Entry& entry = entries_[filled_++ & entries_mask_];
    entry = {};
    return &entry;
  }
  std::uint32_t unsubmitted() const noexcept { return filled_ - submitted_; }

  /// Submits what was filled in, and waits until there are `least` completions or the time is over. An errno, or 0. Some
  /// of the entries may remain, to be submitted by the next call.
  int enter(std::uint32_t least, Duration timeout) noexcept {
    if (starts_disabled_) {
      if (::syscall(SYS_io_uring_register, ring_.get(), register_enable_rings, nullptr, 0) < 0) return errno;
      starts_disabled_ = false;
    }
    store_release(submission_tail_, filled_);
    if (least != 0 && timeout != Duration::max() && (features_ & feature::wait_argument) == 0) {
      return enter_and_poll(timeout);
    }
    Time time{};
    WaitArgument argument{};
    std::uint32_t flags = least != 0 || deferred_ || overflowed() ? enter::get_events : 0;
    if (least != 0 && timeout != Duration::max()) {
      const Duration rest = std::max(timeout, Duration::zero());
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
      time = {seconds.count(), std::chrono::nanoseconds(rest - seconds).count()};
      argument.time = reinterpret_cast<std::uintptr_t>(&time);
      flags |= enter::wait_argument;
      return call(least, flags, &argument, sizeof argument);
    }
    return call(least, flags, nullptr, 0);
  }

  /// Whether an enter() that does not wait could bring completions that are not there yet.
  bool has_work() const noexcept {
    return (load_acquire(submission_flags_) & (completions_overflowed | task_to_run)) != 0;
  }
  bool has_completions() const noexcept { return load_acquire(completion_tail_) != taken_; }

  /// The first of the completions, of which there is one.
  const Completion& front() const noexcept { return completions_[taken_ & completions_mask_]; }
  /// Calls the function with each completion that is there, `most` at most. Returns how many.
  template <class Function>
  std::uint32_t take(std::uint32_t most, Function&& function) noexcept {
    const std::uint32_t there = std::min(load_acquire(completion_tail_) - taken_, most);
    for (std::uint32_t i = 0; i < there; ++i) {
      // The place is the kernel's again only after the store: the function may look but not keep.
      function(completions_[taken_ & completions_mask_]);
      store_release(completion_head_, ++taken_);
    }
    return there;
  }

 private:
  static std::uint32_t load_acquire(const std::uint32_t* at) noexcept { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
  static void store_release(std::uint32_t* at, std::uint32_t value) noexcept {
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
  }

  int set_up(std::uint32_t entries, Parameters& parameters) noexcept {
    const long ring = ::syscall(SYS_io_uring_setup, entries, &parameters);
    if (ring < 0) return errno;
    ring_ = NativeHandle(static_cast<NativeSocket>(ring));
    return 0;
  }

  int map(const Parameters& parameters) noexcept {
    constexpr std::uint32_t needed = feature::single_map | feature::no_drop;
    if ((parameters.features & needed) != needed) return ENOSYS;
    const SubmissionOffsets& submission = parameters.submission;
    const CompletionOffsets& completion = parameters.completion;
    const std::size_t size = std::max(submission.array + parameters.submission_entries * sizeof(std::uint32_t),
                                      completion.completions + parameters.completion_entries * sizeof(Completion));
    if (const int error = mark_.map_wiped_in_children()) return error;
    *mark_.at<char>(0) = 1;
    if (const int error = rings_.map(ring_.get(), size, map_rings)) return error;
    if (const int error =
            entries_memory_.map(ring_.get(), parameters.submission_entries * sizeof(Entry), map_entries)) {
      return error;
    }
    entries_ = entries_memory_.at<Entry>(0);
    entries_mask_ = parameters.submission_entries - 1;
    submission_head_ = rings_.at<std::uint32_t>(submission.head);
    submission_tail_ = rings_.at<std::uint32_t>(submission.tail);
    submission_flags_ = rings_.at<std::uint32_t>(submission.flags);
    completions_ = rings_.at<Completion>(completion.completions);
    completions_mask_ = parameters.completion_entries - 1;
    completion_head_ = rings_.at<std::uint32_t>(completion.head);
    completion_tail_ = rings_.at<std::uint32_t>(completion.tail);
    taken_ = 0;
    // The kernel looks entries up in this table; ours are always in their own order.
    auto* order = rings_.at<std::uint32_t>(submission.array);
    for (std::uint32_t i = 0; i < parameters.submission_entries; ++i) order[i] = i;
    return 0;
  }

  bool overflowed() const noexcept { return (load_acquire(submission_flags_) & completions_overflowed) != 0; }

  int call(std::uint32_t least, std::uint32_t flags, const void* argument, std::size_t size) noexcept {
    const long done = ::syscall(SYS_io_uring_enter, ring_.get(), filled_ - submitted_, least, flags, argument, size);
    const int error = done < 0 ? errno : 0;
    submitted_ = load_acquire(submission_head_);
    // The time is over, a signal came, or completions must be taken before more can be submitted: another time.
    const bool nothing_happened = error == ETIME || error == EINTR || error == EBUSY;
    return nothing_happened ? 0 : error;
  }

  // Without a time in the call itself (before 5.11): the ring is readable once there are completions.
  int enter_and_poll(Duration timeout) noexcept {
    if (const int error = call(0, enter::get_events, nullptr, 0)) return error;
    if (has_completions()) return 0;
    ::pollfd entry{ring_.get(), POLLIN, 0};
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(std::max(timeout, Duration::zero())).count();
    const int milliseconds = static_cast<int>(std::min<long long>(rounded, INT32_MAX));
    if (::poll(&entry, 1, milliseconds) < 0 && errno != EINTR) return errno;
    return overflowed() ? call(0, enter::get_events, nullptr, 0) : 0;
  }

  NativeHandle ring_;
  Mapping mark_;
  Mapping rings_;
  Mapping entries_memory_;
  Entry* entries_ = nullptr;
  Completion* completions_ = nullptr;
  std::uint32_t* submission_head_ = nullptr;
  std::uint32_t* submission_tail_ = nullptr;
  std::uint32_t* submission_flags_ = nullptr;
  std::uint32_t* completion_head_ = nullptr;
  std::uint32_t* completion_tail_ = nullptr;
  std::uint32_t entries_mask_ = 0;
  std::uint32_t completions_mask_ = 0;
  std::uint32_t filled_ = 0;     // entries ever
  std::uint32_t submitted_ = 0;  // of them, those that the kernel has taken
  std::uint32_t taken_ = 0;      // completions ever
  std::uint32_t features_ = 0;
  bool starts_disabled_ = false;
  bool deferred_ = false;
};

}  // namespace parley::inline PARLEY_ABI::platform::uring

#endif
