// SPDX-License-Identifier: BSL-1.0
#pragma once

// The part of an event loop that runs operations: waits, steps, timers and resumptions of one turn.
//
// A turn is: one wait for a bounded number of events, a step of each operation they concern, due timers, posted
// functions, a bounded number of resumptions, then the end-of-turn hooks. No coroutine runs while events are being
// dealt with, so that closing a socket never meets an event that is already in hand for it.

#include <parley/core/detail/descriptor.hpp>
#include <parley/core/detail/posted.hpp>
#include <parley/core/detail/timer_heap.hpp>
#include <parley/core/loop_options.hpp>
#include <parley/core/task.hpp>
#include <parley/core/turn_end_hook.hpp>
#include <parley/platform/owned.hpp>

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

class LoopDriver : public Driver {
 public:
  explicit LoopDriver(const LoopOptions& options)
      : options_(options), poller_(platform::make_poller(options.poller)), posted_(options.max_posted) {
    if (poller_ == nullptr) {
      open_error_ = make_error_code(Error::unsupported);
    } else if (const int error = poller_->open()) {
      open_error_ = {error, std::system_category()};
    }
  }
  LoopDriver(const LoopDriver&) = delete;
  LoopDriver& operator=(const LoopDriver&) = delete;

  TimePoint now() const noexcept override { return options_.time != nullptr ? options_.time->now() : Clock::now(); }
  TimePoint moment() noexcept override {
    if (!steps_woken_) return now();
    if (!moment_) moment_ = now();
    return *moment_;
  }

 protected:
  // Makes the loop the current one of its thread for as long as it runs.
  class Current {
   public:
    explicit Current(LoopDriver& loop) noexcept : loop_(loop), before_(make_current(&loop)) {
      loop_.collects_next_ = true;
    }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;
    ~Current() {
      loop_.collects_next_ = false;
      make_current(before_);
    }

   private:
    LoopDriver& loop_;
    Driver* before_;
  };

  ~LoopDriver() {
    while (Descriptor* descriptor = descriptors_.front()) release(*descriptor);
  }

  std::error_code unable_to_run() const noexcept {
    return Driver::current() != nullptr ? make_error_code(Error::would_block_loop) : open_error_;
  }

  std::error_code turn_once(Duration max_wait) {
    finished_.count = 0;
    bulk().begin_turn();
    if (const int error = poller_->wait(time_to_wait(max_wait), finished_)) return {error, std::system_category()};
    skip_idle_time();
    for (std::size_t i = 0; i < finished_.count; ++i) {
      auto& operation = static_cast<Operation&>(*finished_.requests[i]);
      set_holds_slot(operation, false);
      advance(operation);
    }
    const bool handed_over = take_handed_over();
    if (handed_over) step_woken();
    fire_timers();
    if (handed_over) posted_.run([this] { run_next_ones(); });
    resume_finished();
    run_hooks();
    return {};
  }

  bool has_work() noexcept { return !ready_.empty() || !yielding_.empty() || !hooks_.empty() || handed_over_.load(); }

  // To be asked before the inbox and the posted functions are looked at: what comes meanwhile raises the flag again.
  bool take_handed_over() noexcept { return handed_over_.load() && handed_over_.exchange(false); }

  Duration time_to_wait(Duration max_wait) noexcept {
    if (has_work()) return Duration::zero();
    if (timers_.empty()) return max_wait;
    if (options_.time != nullptr) return Duration::zero();
    const Duration until_timer = Duration(timers_.earliest()) - now().time_since_epoch();
    return std::min(max_wait, std::max(until_timer, Duration::zero()));
  }

  void skip_idle_time() noexcept {
    if (options_.time == nullptr || timers_.empty() || finished_.count != 0 || has_work()) return;
    options_.time->skip_to(TimePoint(Duration(timers_.earliest())));
  }

  void step_woken() noexcept {
    take_inbox(woken_);
    steps_woken_ = true;
    while (Operation* operation = woken_.pop_front()) {
      set_place(*operation, Place::none);
      step_posted(*operation);
    }
    steps_woken_ = false;
    moment_.reset();
  }

  // It was woken where it was parked, or its stop was requested, or both. What it was woken for wins.
  void step_posted(Operation& operation) noexcept {
    const bool only_stopped = holds_slot(operation) || (!is_parked(operation) && stop_requested(operation));
    if (!only_stopped) {
      const Step wanted = step(operation, Drive::advance);
      if (wanted == Step::done) return finish(operation);
      if (wanted != Step::parked) return wait_for(operation, wanted);
    }
    if (!enlist_for_stop(operation)) interrupt(operation, Drive::stop);
  }

  void advance(Operation& operation) noexcept {
    const Step wanted = step(operation, Drive::advance);
    if (wanted == Step::done) return finish(operation);
    wait_for(operation, wanted);
  }

  void wait_for(Operation& operation, Step wanted) noexcept {
    if (arm(operation, wanted)) {
      if (!enlist_for_stop(operation)) interrupt(operation, Drive::stop);
    } else {
      finish(operation);
    }
  }

  // False: there is no memory or the poller refused, and the operation has failed.
  bool arm(Operation& operation, Step wanted) noexcept {
    // A parked operation would neither reserve its descriptor nor hear of its being closed.
    assert(wanted != Step::parked || operation.pollable == nullptr);
    std::int64_t due = deadline(operation);
    if (wanted == Step::paused) due = std::min<std::int64_t>(due, pause_until_.time_since_epoch().count());
    if (due != no_deadline && !timers_.set(operation, due)) {
      return give_up(operation, static_cast<int>(std::errc::not_enough_memory));
    }
    set_parked(operation, wanted == Step::parked);
    if (wanted == Step::parked || operation.pollable == nullptr) return true;
    // A pause waits for the descriptor too, which keeps its direction reserved and does no harm.
    const int error = poller_->submit(operation, direction(operation), waits_for(wanted));
    if (error != 0) return give_up(operation, error);
    set_holds_slot(operation, true);
    return true;
  }

  static platform::WaitsFor waits_for(Step wanted) noexcept {
    if (wanted == Step::want_bytes) return platform::WaitsFor::bytes;
    return wanted == Step::want_connection ? platform::WaitsFor::connection : platform::WaitsFor::readiness;
  }

  static bool give_up(Operation& operation, int error) noexcept {
    step(operation, Drive::abandon);
    operation.fail(error);
    return false;
  }

  void interrupt(Operation& operation, Drive how) noexcept {
    if (step(operation, how) == Step::done) finish(operation);
  }

  void fire_timers() noexcept {
    if (timers_.empty()) return;
    const std::int64_t time = now().time_since_epoch().count();
    // What is to go on at a time that has passed goes on next turn, not in this loop again.
    for (std::size_t left = timers_.size(); left != 0; --left) {
      Operation* const operation = timers_.pop_due(time);
      if (operation == nullptr) return;
      if (deadline(*operation) <= time) {
        interrupt(*operation, Drive::expire);
      } else {
        withdraw(*operation);
        advance(*operation);
      }
    }
  }

  void withdraw(Operation& operation) noexcept {
    if (!holds_slot(operation)) return;
    set_holds_slot(operation, false);
    if (operation.pollable != nullptr) poller_->cancel(operation, direction(operation));
  }

  void let_go(Operation& operation) noexcept {
    timers_.remove(operation);
    withdraw(operation);
    leave_lists(operation);
    set_in_flight(operation, false);
  }

  void finish(Operation& operation) noexcept {
    let_go(operation);
    make_ready(operation);
  }

  void make_ready(Operation& operation) noexcept {
    ready_.push_back(operation);
    set_place(operation, Place::ready);
  }

  void resume_finished() {
    ready_.take(yielding_);  // at the end: the others come first
    for (int i = 0; i < options_.max_resumptions; ++i) {
      Operation* operation = ready_.pop_front();
      if (operation == nullptr) return;
      set_place(*operation, Place::none);
      inline_budget_ = options_.max_inline;
      continuation(*operation).run(*operation);
      run_next_ones();
    }
  }

  // Tasks that have finished leave what follows them here, so that nothing is resumed from inside a finishing
  // coroutine.
  void run_next_ones() {
    while (next_.continuation) {
      const Next next = std::exchange(next_, {});
      next.continuation.run(*next.finished);
    }
  }

  void run_hooks() {
    List<TurnEndHook> due;
    due.take(hooks_);
    while (TurnEndHook* hook = due.pop_front()) {
      hook->turn_ended();
      run_next_ones();
    }
  }

  // What operations ask of their driver.
  bool claim(Operation& operation, Descriptor& descriptor) noexcept override {
    const auto claim = claim_for_loop(descriptor, direction(operation), *this, operation);
    if (claim == Claim::adopted) descriptors_.push_back(descriptor);
    return claim != Claim::refused;
  }

  bool finished_at_once(Operation& operation) noexcept override {
    if (inline_budget_-- > 0) return false;
    // Not before the next turn: what was woken meanwhile must have its own first.
    yielding_.push_back(operation);
    set_place(operation, Place::ready);
    return true;
  }

  bool suspend(Operation& operation, Step wanted) noexcept override {
    fix_deadline(operation, deadline(operation) == no_deadline ? TimePoint() : now());
    set_in_flight(operation, true);
    if (!arm(operation, wanted)) {
      let_go(operation);
      return false;
    }
    if (!enlist_for_stop(operation)) interrupt(operation, Drive::stop);
    return true;
  }

  void cancel(Operation& operation) noexcept override {
    if (in_flight(operation)) interrupt(operation, Drive::stop);
  }

  void advance_parked(Operation& operation) noexcept override {
    if (in_flight(operation) && step(operation, Drive::advance) == Step::done) finish(operation);
  }

  void forget(Operation& operation) noexcept override {
    step(operation, Drive::abandon);
    let_go(operation);
  }

  void pause(TimePoint until) noexcept override { pause_until_ = until; }

  void release(Descriptor& descriptor) noexcept override {
    for (const auto way : {platform::Direction::read, platform::Direction::write}) {
      if (auto* operation = static_cast<Operation*>(descriptor.waiting(way))) {
        withdraw(*operation);
        step(*operation, Drive::abandon);
        operation->pollable = nullptr;
        finish(*operation);
      }
    }
    poller_->forget(descriptor);
    descriptor.unlink();
    descriptor.owner.store(nullptr);
  }

  platform::SendBatch* send_batch() noexcept override { return poller_->send_batch(); }
  void carry_out(platform::SendBatch& batch) noexcept override { poller_->carry_out(batch); }
  bool read_file(platform::FileRead& read) noexcept override { return poller_->read_file(read); }

  void wake() noexcept override {
    if (!handed_over_.exchange(true) && current() != this && poller_ != nullptr) poller_->wake();
  }

  const LoopOptions options_;
  const platform::Owned<platform::Poller> poller_;
  PostedQueue posted_;
  List<TurnEndHook> hooks_;

 private:
  std::error_code open_error_;
  platform::Finished finished_;
  TimerHeap timers_;
  List<Operation> woken_;
  List<Operation> ready_;
  List<Operation> yielding_;  // finished, like the ready ones, by coroutines that have used up their budget
  List<Descriptor> descriptors_;
  TimePoint pause_until_;
  bool steps_woken_ = false;
  std::optional<TimePoint> moment_;  // of those that are woken in one turn
  int inline_budget_ = options_.max_inline;
  std::atomic<bool> handed_over_ = false;  // there may be something in the inbox or posted: only then a turn looks
};

}  // namespace parley::inline PARLEY_ABI::detail
