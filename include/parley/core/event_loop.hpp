// SPDX-License-Identifier: BSL-1.0
#pragma once

// EventLoop: runs coroutines and their operations on one thread.
//
// A turn is: one wait for a bounded number of events, a step of each operation they concern, due timers, posted functions,
// a bounded number of resumptions, then the end-of-turn hooks. No coroutine runs while events are being dealt with, so
// that closing a socket never meets an event that is already in hand for it.

#include <parley/core/detail/descriptor.hpp>
#include <parley/core/detail/posted.hpp>
#include <parley/core/detail/timer_heap.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/task.hpp>
#include <parley/core/time_source.hpp>
#include <parley/platform/select_poller.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace parley::inline PARLEY_ABI {

/// Called once at the end of the turn in which it was armed by EventLoop::at_turn_end(). Destroying it disarms it.
class TurnEndHook : public detail::ListLink {
 public:
  virtual void turn_ended() = 0;

 protected:
  ~TurnEndHook() { unlink(); }
};

struct LoopOptions {
  PollerKind poller = PollerKind::automatic;
  /// Functions posted and not yet run; post() refuses more.
  std::size_t max_posted = 65536;
  /// Coroutines resumed in one turn; the others wait for the next, after the poller had its say.
  int max_resumptions = 1024;
  /// Operations in a row that one coroutine may finish without waiting, before others get their turn.
  int max_inline = 64;
  /// How long detached tasks may take to end after stop().
  Duration stop_grace = std::chrono::seconds(1);
  /// The clock; null is the real one. Borrowed.
  TimeSource* time = nullptr;
};

class EventLoop final : private detail::Driver {
 public:
  using Options = LoopOptions;

  /// Takes what it needs from the system; where that fails, run() says so.
  explicit EventLoop(Options options = {})
      : options_(options), poller_(platform::make_poller(options.poller)), posted_(options.max_posted) {
    if (poller_ == nullptr) {
      open_error_ = make_error_code(Error::unsupported);
    } else if (const int error = poller_->open()) {
      open_error_ = {error, std::system_category()};
    }
  }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Destroys the detached tasks that still run. Sockets that belonged to the loop belong to none afterwards.
  ~EventLoop() {
    const Current current(*this);
    detached_.reset();
    while (detail::Descriptor* descriptor = descriptors_.front()) release(*descriptor);
  }

  /// The loop that runs on this thread, or null.
  static EventLoop* current() noexcept { return static_cast<EventLoop*>(Driver::current()); }

  /// Runs the loop until the task has finished and returns its result: Result<> for Task<>, Result<T> for Task<T> and for
  /// Task<Result<T>>. An exception that leaves the task is thrown here. stop() requests the task to stop.
  /// Errors: what the poller reports; Error::would_block_loop on a thread that runs a loop already.
  template <class T>
  auto run(Task<T> task) {
    using Outcome = std::conditional_t<detail::is_result<T>, T, Result<T>>;
    if (const auto error = unable_to_run()) return Outcome(error);
    const Current current(*this);
    Finish finish;
    if (!task.promise().has_stop_token()) task.promise().set_stop_token(stop_.token());
    finish.done = !task.promise().start(detail::Continuation(finish));
    run_next_ones();
    while (!finish.done) {
      if (const auto error = turn_once(Duration::max())) return Outcome(error);
    }
    if constexpr (std::is_void_v<T>) {
      task.promise().take();
      return Outcome();
    } else {
      return Outcome(task.promise().take());
    }
  }

  /// Runs the loop until stop() is called and the detached tasks have ended, or stop_grace is over.
  Result<> run() {
    if (const auto error = unable_to_run()) return error;
    const Current current(*this);
    while (!stop_.stop_requested()) {
      if (const auto error = turn_once(Duration::max())) return error;
    }
    detached_->cancel();
    const TimePoint deadline = now() + options_.stop_grace;
    while (detached_->size() != 0 && now() < deadline) {
      if (const auto error = turn_once(deadline - now())) return error;
    }
    return {};
  }

  /// One turn, which waits for events no longer than this. For tests, and for embedding in another loop.
  Result<> turn(Duration max_wait = Duration::zero()) {
    if (const auto error = unable_to_run()) return error;
    const Current current(*this);
    return turn_once(max_wait);
  }

  /// Requests the loop to end. From any thread, also before it runs.
  void stop() noexcept {
    stop_.request_stop();
    wake();
  }
  /// Stopped by stop().
  StopToken stop_token() const noexcept { return stop_.token(); }

  /// Has the function called on the loop's thread, in the order of posting. From any thread. It must not throw (that ends the
  /// program). Error::queue_full when max_posted wait already. What is still waiting when the loop is destroyed is not called.
  template <class Function>
  Result<> post(Function&& function) {
    auto pushed = posted_.push(std::forward<Function>(function));
    if (pushed && Driver::current() != this) wake();
    return pushed;
  }

  /// Has the hook called at the end of this turn, once; armed again meanwhile, in the next. On the loop's thread. The hook
  /// is borrowed.
  void at_turn_end(TurnEndHook& hook) noexcept {
    if (!hook.linked()) hooks_.push_back(hook);
  }

  /// The tasks that belong to the loop itself; see detach().
  Scope& detached() noexcept { return *detached_; }

  TimePoint now() const noexcept override { return options_.time != nullptr ? options_.time->now() : Clock::now(); }
  const char* poller_name() const noexcept { return poller_ == nullptr ? "none" : poller_->name(); }

  /// For the library: the part that runs operations.
  detail::Driver& driver() noexcept { return *this; }

 private:
  using Operation = detail::Operation;
  using Step = detail::Step;
  using Drive = detail::Drive;

  // Makes the loop the current one of its thread for as long as it runs.
  class Current {
   public:
    explicit Current(EventLoop& loop) noexcept : loop_(loop), before_(make_current(&loop)) {
      loop_.collects_next_ = true;
    }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;
    ~Current() {
      loop_.collects_next_ = false;
      make_current(before_);
    }

   private:
    EventLoop& loop_;
    Driver* before_;
  };

  struct Finish final : detail::Completion {
    using Completion::finished;
    void finished(detail::TaskPromise&) noexcept override { done = true; }
    bool done = false;
  };

  std::error_code unable_to_run() const noexcept {
    return Driver::current() != nullptr ? make_error_code(Error::would_block_loop) : open_error_;
  }

  std::error_code turn_once(Duration max_wait) {
    finished_.count = 0;
    if (const int error = poller_->wait(time_to_wait(max_wait), finished_)) return {error, std::system_category()};
    wake_pending_.store(false);
    skip_idle_time();
    for (std::size_t i = 0; i < finished_.count; ++i) {
      auto& operation = static_cast<Operation&>(*finished_.requests[i]);
      set_holds_slot(operation, false);
      advance(operation);
    }
    step_woken();
    fire_timers();
    posted_.run([this] { run_next_ones(); });
    resume_finished();
    run_hooks();
    return {};
  }

  bool has_work() noexcept { return !ready_.empty() || !hooks_.empty() || !posted_.empty() || !inbox_empty(); }

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
    while (Operation* operation = woken_.pop_front()) {
      set_place(*operation, Place::none);
      step_posted(*operation);
    }
  }

  // It was woken where it was parked, or its stop was requested, or both. What it was woken for wins.
  void step_posted(Operation& operation) noexcept {
    if (!holds_slot(operation)) {
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

  // False: the poller refused, and the operation has failed.
  bool arm(Operation& operation, Step wanted) noexcept {
    std::int64_t due = deadline(operation);
    if (wanted == Step::paused) due = std::min<std::int64_t>(due, pause_until_.time_since_epoch().count());
    if (due != no_deadline) timers_.set(operation, due);
    if (wanted == Step::parked || operation.pollable == nullptr) return true;
    // A pause waits for the descriptor too, which keeps its direction reserved and does no harm.
    if (const int error = poller_->submit(operation, direction(operation))) {
      step(operation, Drive::abandon);
      operation.fail(error);
      return false;
    }
    set_holds_slot(operation, true);
    return true;
  }

  void interrupt(Operation& operation, Drive how) noexcept {
    if (step(operation, how) == Step::done) finish(operation);
  }

  void fire_timers() noexcept {
    if (timers_.empty()) return;
    const std::int64_t time = now().time_since_epoch().count();
    while (Operation* operation = timers_.pop_due(time)) {
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
    for (int i = 0; i < options_.max_resumptions; ++i) {
      Operation* operation = ready_.pop_front();
      if (operation == nullptr) return;
      set_place(*operation, Place::none);
      inline_budget_ = options_.max_inline;
      continuation(*operation).run(*operation);
      run_next_ones();
    }
  }

  // Tasks that have finished leave what follows them here, so that nothing is resumed from inside a finishing coroutine.
  void run_next_ones() {
    while (next_.continuation) {
      const Next next = std::exchange(next_, {});
      next.continuation.run(*next.finished);
    }
  }

  void run_hooks() {
    detail::List<TurnEndHook> due;
    due.take(hooks_);
    while (TurnEndHook* hook = due.pop_front()) {
      hook->turn_ended();
      run_next_ones();
    }
  }

  // What operations ask of their driver.
  bool claim(Operation& operation, detail::Descriptor& descriptor) noexcept override {
    const auto claim = detail::claim_for_loop(descriptor, direction(operation), *this, operation);
    if (claim == detail::Claim::adopted) descriptors_.push_back(descriptor);
    return claim != detail::Claim::refused;
  }

  bool finished_at_once(Operation& operation) noexcept override {
    if (inline_budget_-- > 0) return false;
    make_ready(operation);
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

  void release(detail::Descriptor& descriptor) noexcept override {
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

  void wake() noexcept override {
    if (poller_ != nullptr && !wake_pending_.exchange(true)) poller_->wake();
  }

  const Options options_;
  std::unique_ptr<platform::Poller> poller_;
  std::error_code open_error_;
  StopSource stop_;
  platform::Finished finished_;
  detail::TimerHeap timers_;
  detail::List<Operation> woken_;
  detail::List<Operation> ready_;
  detail::List<TurnEndHook> hooks_;
  detail::List<detail::Descriptor> descriptors_;
  detail::PostedQueue posted_;
  TimePoint pause_until_;
  int inline_budget_ = options_.max_inline;
  std::atomic<bool> wake_pending_ = false;
  std::unique_ptr<Scope> detached_ = std::make_unique<Scope>();
};

}  // namespace parley::inline PARLEY_ABI
