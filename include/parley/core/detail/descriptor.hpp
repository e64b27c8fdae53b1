// SPDX-License-Identifier: BSL-1.0
#pragma once

// A pollable with its owner: the one event loop that it belongs to, or the plain threads that wait on it.

#include <parley/core/detail/operation_base.hpp>

#include <array>
#include <atomic>

namespace parley::inline PARLEY_ABI::detail {

struct Descriptor : ListLink, platform::Pollable {
  using Pollable::Pollable;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  /// Completes what is in flight with Error::cancelled. On the owner's thread.
  void close() noexcept {
    if (Driver* loop = owner.load(std::memory_order_acquire)) loop->release(*this);
    handle.close();
  }

  std::atomic<bool>& blocked(platform::Direction direction) noexcept {
    return blocked_[static_cast<std::size_t>(direction)];
  }
  /// A direction that is lent serves only operations that borrow it (Operation::borrow_direction()): a chat room's, or
  /// those of datagram batches.
  bool& lent(platform::Direction direction) noexcept { return lent_[static_cast<std::size_t>(direction)]; }

 private:
  // One for each direction: a plain thread is inside wait(). Before the owner, where they fill the base's padding.
  std::array<std::atomic<bool>, 2> blocked_{};
  std::array<bool, 2> lent_{};

 public:
  std::atomic<Driver*> owner = nullptr;
};

enum class Claim : std::uint8_t { granted, adopted, refused };

/// Reserves a direction of the descriptor for an operation that a loop is about to start.
///
/// The first loop to ask becomes the owner. The order of the stores and loads here and in claim_for_thread() makes sure
/// that of a loop and a thread that ask at the same time at least one is refused (Dekker).
inline Claim claim_for_loop(Descriptor& descriptor, platform::Direction direction, Driver& loop,
                            Operation& operation) noexcept {
  Driver* owner = descriptor.owner.load(std::memory_order_acquire);
  if (owner == nullptr && descriptor.owner.compare_exchange_strong(owner, &loop)) {
    const bool waited_on =
        descriptor.blocked(platform::Direction::read) || descriptor.blocked(platform::Direction::write);
    if (!waited_on && descriptor.lent(direction) == operation.borrows()) return Claim::adopted;
    descriptor.owner.store(nullptr);
    operation.fail(Error::busy);
    return Claim::refused;
  }
  const auto is_free = [&] {  // which is the owner's to look at
    return descriptor.waiting(direction) == nullptr && descriptor.lent(direction) == operation.borrows();
  };
  if (owner == &loop && is_free()) return Claim::granted;
  operation.fail(owner == &loop ? Error::busy : Error::wrong_loop);
  return Claim::refused;
}

inline bool claim_for_thread(Descriptor& descriptor, platform::Direction direction, Operation& operation) noexcept {
  if (descriptor.blocked(direction).exchange(true)) {
    operation.fail(Error::busy);
    return false;
  }
  const bool others = descriptor.lent(direction) != operation.borrows();
  if (descriptor.owner.load() == nullptr && !others) return true;
  descriptor.blocked(direction).store(false);
  operation.fail(others ? Error::busy : Error::wrong_loop);
  return false;
}

inline Operation::Operation(StepFunction step, platform::Direction direction, Descriptor* descriptor) noexcept
    : step_(step),
      writes_(direction == platform::Direction::write),
      borrows_(false),
      owns_stop_(false),
      shields_stop_(false),
      in_flight_(false),
      holds_slot_(false),
      parked_(false) {
  pollable = descriptor;
}

inline void Operation::abandon() noexcept {
  if (in_flight_) {
    driver_->forget(*this);
  } else if (place_.load(std::memory_order_acquire) != Place::none) {
    driver_->leave_lists(*this);  // it is in its loop's list of finished operations
  }
}

// The driver may be gone already where nothing is in flight.
inline Operation::~Operation() {
  abandon();
  if (owns_stop_) StopState::release(stop_);
}

inline Descriptor* Operation::descriptor() const noexcept { return static_cast<Descriptor*>(pollable); }

inline bool Operation::start(Driver* driver, StopState* inherited) noexcept {
  driver_ = driver;
  if (driver == nullptr) {
    fail(Error::no_loop);
    return false;
  }
  if (!shields_stop_) stop_ = inherited;
  const Started started = begin();
  return started == Started::suspended || (started == Started::done && driver->finished_at_once(*this));
}

inline bool Operation::start_unbudgeted(Driver& driver) noexcept {
  driver_ = &driver;
  return begin() == Started::suspended;
}

inline Operation::Started Operation::begin() noexcept {
  if (pollable != nullptr && !driver_->claim(*this, *descriptor())) return Started::refused;
  const Step first = step_(*this, Driver::stop_requested(*this) ? Drive::stop : Drive::advance);
  if (first != Step::done) return driver_->suspend(*this, first) ? Started::suspended : Started::refused;
  driver_->leave_lists(*this);  // a child of a group may have woken it on another thread meanwhile
  return Started::done;
}

}  // namespace parley::inline PARLEY_ABI::detail
