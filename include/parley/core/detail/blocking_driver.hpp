// SPDX-License-Identifier: BSL-1.0
#pragma once

// Runs one operation at a time on a plain thread, which blocks meanwhile: what wait() does.

#include <parley/core/detail/descriptor.hpp>
#include <parley/platform/wait.hpp>
#include <parley/platform/waker.hpp>

#include <algorithm>

namespace parley::inline PARLEY_ABI::detail {

class BlockingDriver final : public Driver {
 public:
  /// Runs the operation to its end. On a loop's own thread it fails with Error::would_block_loop instead.
  static void run(Operation& operation) noexcept {
    if (current() != nullptr) return operation.fail(Error::would_block_loop);
    // One for each thread that ever waits: it owns a descriptor for wake-ups, which is worth keeping.
    static thread_local BlockingDriver driver;
    // It must exist before another thread can post the operation. Where it cannot be had, suspend() says so if needed.
    driver.waker_error_ = driver.waker_.open();
    driver.claimed_ = nullptr;
    driver.stop_told_ = false;
    driver.bulk().begin_turn();
    operation.start(&driver, nullptr);
    driver.bulk().give_back();
    if (driver.claimed_ != nullptr) driver.claimed_->blocked(driver.claimed_direction_).store(false);
  }

  TimePoint now() const noexcept override { return Clock::now(); }
  void pause(TimePoint until) noexcept override { pause_ = until; }
  void release(Descriptor&) noexcept override {}
  // A thread that blocks runs nothing that could call these.
  void cancel(Operation&) noexcept override {}
  void advance_parked(Operation&) noexcept override {}
  void wake() noexcept override { waker_.wake(); }

 private:
  bool claim(Operation& operation, Descriptor& descriptor) noexcept override {
    if (!claim_for_thread(descriptor, direction(operation), operation)) return false;
    claimed_ = &descriptor;
    claimed_direction_ = direction(operation);
    return true;
  }

  void forget(Operation&) noexcept override {}

  bool suspend(Operation& operation, Step wanted) noexcept override {
    fix_deadline(operation, now());
    while (wanted != Step::done) wanted = wait_and_step(operation, wanted);
    leave_lists(operation);
    return false;
  }

  Step wait_and_step(Operation& operation, Step wanted) noexcept {
    if (!stop_told_ && !enlist_for_stop(operation)) return tell_to_stop(operation);
    if (waker_error_ != 0 && (wanted == Step::parked || operation.stop_state() != nullptr)) {
      return give_up(operation, waker_error_);
    }
    const auto outcome = wait(operation, wanted);
    if (outcome.error != 0) return give_up(operation, outcome.error);
    if (outcome.woken) waker_.clear();
    const bool posted = take_posted(operation);

    bulk().begin_turn();
    const bool pause_over = wanted == Step::paused && pause_ <= now();
    if (outcome.ready || pause_over || (posted && wanted == Step::parked)) {
      wanted = step(operation, Drive::advance);
    }
    if (wanted != Step::done && !stop_told_ && stop_requested(operation)) return tell_to_stop(operation);
    if (wanted != Step::done && deadline(operation) <= now().time_since_epoch().count()) {
      return step(operation, Drive::expire);
    }
    return wanted;
  }

  platform::WaitOutcome wait(Operation& operation, Step wanted) noexcept {
    std::int64_t until = deadline(operation);
    if (wanted == Step::paused) until = std::min<std::int64_t>(until, pause_.time_since_epoch().count());
    const Duration timeout = until == no_deadline ? Duration::max() : Duration(until) - now().time_since_epoch();
    const bool polls = wanted != Step::paused && wanted != Step::parked;
    return platform::wait_for(polls ? operation.pollable->handle.get() : platform::invalid_socket,
                              wanted == Step::want_write ? platform::Direction::write : platform::Direction::read,
                              waker_.handle(), timeout);
  }

  // Once: a join passes the stop on and then waits for those who are to end.
  Step tell_to_stop(Operation& operation) noexcept {
    stop_told_ = true;
    return step(operation, Drive::stop);
  }

  // The inbox holds this operation or nothing: only one runs at a time.
  bool take_posted(Operation& operation) noexcept {
    List<Operation> posted;
    take_inbox(posted);
    const bool found = posted.pop_front() != nullptr;
    if (found) set_place(operation, Place::none);
    return found;
  }

  static Step give_up(Operation& operation, int error) noexcept {
    step(operation, Drive::abandon);
    operation.fail(error);
    return Step::done;
  }

  platform::Waker waker_;
  int waker_error_ = 0;
  bool stop_told_ = false;
  TimePoint pause_;
  Descriptor* claimed_ = nullptr;
  platform::Direction claimed_direction_ = platform::Direction::read;
};

}  // namespace parley::inline PARLEY_ABI::detail
