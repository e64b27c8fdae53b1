// SPDX-License-Identifier: BSL-1.0
#pragma once

// The state that every operation has, what drives it, and the state behind a stop token.
//
// The three know each other, so they stand together:
// - an Operation is a state machine: step by step until done, waiting in between for a descriptor, a time or a wake-up;
// - a Driver runs operations on one thread: an event loop, or a plain thread that blocks in wait();
// - a StopState lists the operations that a stop request must reach.
//
// An operation's link is in one list at a time, and `place_` tells in which. Other threads may only move it from "none"
// or "stop_list" to "inbox". Locks are taken in this order: a source's own (a channel's, say), the stop state's, the
// inbox's.

#include <parley/core/detail/buffer_pool.hpp>
#include <parley/core/detail/bulk_share.hpp>
#include <parley/core/detail/continuation.hpp>
#include <parley/core/detail/list.hpp>
#include <parley/core/result.hpp>
#include <parley/platform/clock.hpp>
#include <parley/platform/poller.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>

namespace parley::inline PARLEY_ABI::detail {

class Driver;
class StopState;
struct Descriptor;

enum class Step : std::uint8_t {
  done,             // the status and the result are set
  want_read,        // go on when the descriptor is readable
  want_bytes,       // the same, or when bytes of the stream have been received (Pollable::arrived)
  want_connection,  // the same, or when a connection has been accepted
  want_write,       // go on when it is writable
  paused,           // go on at the time that was given to Driver::pause()
  parked,           // go on after wake_parked(); the state machine has told somebody about itself
};

enum class Drive : std::uint8_t {
  advance,  // go on
  expire,   // the time of within() is over
  stop,     // a stop was requested
  abandon,  // the frame is being destroyed: let go of everything
};

class Operation : public ListLink, public platform::Request {
 public:
  using StepFunction = Step (*)(Operation&, Drive);

  Operation(StepFunction step, platform::Direction direction, Descriptor* descriptor = nullptr) noexcept;
  ~Operation();

  // For state machines.
  Driver& driver() const noexcept { return *driver_; }
  Descriptor* descriptor() const noexcept;
  void fail(int system_error) noexcept { status_ = static_cast<std::int16_t>(system_error); }
  void fail(Error error) noexcept { status_ = static_cast<std::int16_t>(-static_cast<int>(error)); }
  void succeed() noexcept { status_ = 0; }
  std::error_code error() const noexcept {
    if (status_ == 0) return {};
    if (status_ < 0) return make_error_code(static_cast<Error>(-status_));
    return {status_, std::system_category()};
  }

  // For whoever starts it.
  void set_timeout(Duration timeout) noexcept { deadline_ = timeout.count() < 0 ? 0 : timeout.count(); }
  void set_stop(StopState* state) noexcept;
  void set_continuation(Continuation next) noexcept { continuation_ = next; }
  /// It is on behalf of whoever has the descriptor's direction on loan.
  void borrow_direction() noexcept { borrows_ = true; }
  bool borrows() const noexcept { return borrows_; }
  StopState* stop_state() const noexcept { return stop_; }
  /// True when it was suspended; false when it has finished already, and then the continuation is not run.
  bool start(Driver* driver, StopState* inherited) noexcept;
  /// The same for one that is no coroutine's and so needs no share of the loop's fairness. False: it has finished.
  bool start_unbudgeted(Driver& driver) noexcept;
  /// Ends it without a result if it is in flight, as its destruction does. On the driver's thread.
  void abandon() noexcept;

 private:
  friend class Driver;
  friend class StopState;
  friend class TimerHeap;

  // In the inbox also while the driver works through what it has taken from there.
  enum class Place : std::uint8_t { none, stop_list, inbox, ready };
  enum class Started : std::uint8_t { refused, done, suspended };
  static constexpr std::int64_t no_deadline = INT64_MAX;
  static constexpr std::uint32_t no_timer = UINT32_MAX;

  Started begin() noexcept;
  platform::Direction direction() const noexcept {
    return writes_ ? platform::Direction::write : platform::Direction::read;
  }

  StepFunction step_;
  Continuation continuation_;
  Driver* driver_ = nullptr;
  StopState* stop_ = nullptr;
  std::int64_t deadline_ = no_deadline;  // a duration until it is suspended, then a time; in ticks of Clock
  std::uint32_t timer_ = no_timer;
  std::int16_t status_ = 0;
  std::atomic<Place> place_ = Place::none;
  bool writes_ : 1;
  bool borrows_ : 1;
  bool owns_stop_ : 1;     // stop_ was given by stop() and is counted; otherwise it is borrowed from the promise
  bool shields_stop_ : 1;  // stop() was called, so that nothing is inherited
  bool in_flight_ : 1;
  bool holds_slot_ : 1;  // the poller has it
  bool parked_ : 1;      // it waits for wake_parked()
};

/// Runs operations, all on one thread.
class Driver {
 public:
  /// The event loop that runs on this thread, or null.
  PARLEY_NOINLINE static Driver* current() noexcept { return current_slot(); }

  virtual TimePoint now() const noexcept = 0;
  /// now() or a little before, at which all count as stopped who are told to stop together.
  virtual TimePoint moment() noexcept { return now(); }
  /// Sets when the operation whose step is running goes on, which then returns Step::paused.
  virtual void pause(TimePoint until) noexcept = 0;
  /// Cancels what is in flight on the descriptor and lets the poller forget it. On the driver's thread.
  virtual void release(Descriptor& descriptor) noexcept = 0;

  /// Makes a parked operation go on. From any thread, under the lock that also guards its leaving of the source.
  static void wake_parked(Operation& operation) noexcept;
  /// Puts an operation that is in no list into the inbox. From any thread.
  void post(Operation& operation) noexcept;
  /// The same for those at the front of the list that are this driver's.
  void post_first_of(List<Operation>& operations) noexcept;
  /// Takes over an operation that was not started: its first step is made on this driver's thread. From any thread;
  /// once it returns true the operation may be gone. False, and nothing was done: the stop was requested. One that was
  /// taken over before is in the inbox when the driver sees the request.
  bool adopt(Operation& operation, const StopState& unless) noexcept;
  /// Ends the driver's wait, or keeps it from beginning. From any thread.
  virtual void wake() noexcept = 0;

  /// Tells an operation that was started here to stop. On the driver's thread; it finishes as after any stop request.
  virtual void cancel(Operation& operation) noexcept = 0;
  /// Has a parked operation take its next step now, on the driver's thread.
  virtual void advance_parked(Operation& operation) noexcept = 0;

  /// Sends that gain by being made together; see Poller. On the driver's thread.
  virtual platform::SendBatch* send_batch() noexcept { return nullptr; }
  virtual void carry_out(platform::SendBatch&) noexcept {}
  /// A read that is made meanwhile, see Poller. On the driver's thread.
  virtual bool read_file(platform::FileRead&) noexcept { return false; }

  /// Buffers for readers to borrow. On the driver's thread.
  BufferPool& buffers() noexcept { return buffers_; }
  /// What operations that move much share. On the driver's thread.
  BulkShare& bulk() noexcept { return bulk_; }

  /// Has the driver run this as soon as the coroutine that is running now has suspended. False when it cannot.
  bool run_next(Continuation continuation, TaskPromise& finished) noexcept;
  /// What run_next() was told of a task that is being destroyed is not run. On the driver's thread.
  static void drop_next(const TaskPromise& finished) noexcept {
    Driver* driver = current();
    if (driver != nullptr && driver->next_.finished == &finished) driver->next_ = {};
  }

 protected:
  friend class Operation;
  friend class StopState;
  ~Driver() = default;

  // Changes what current() tells; returns what it told before.
  PARLEY_NOINLINE static Driver* make_current(Driver* driver) noexcept {
    Driver* before = current_slot();
    current_slot() = driver;
    return before;
  }

  /// Reserves the descriptor's direction for the operation; fails the operation and returns false where it cannot.
  virtual bool claim(Operation& operation, Descriptor& descriptor) noexcept = 0;
  /// A step has finished the operation without suspending. True when it must be suspended all the same, for fairness.
  virtual bool finished_at_once(Operation&) noexcept { return false; }
  /// The first step wants to wait. True when it is suspended, false when it has finished meanwhile.
  virtual bool suspend(Operation& operation, Step step) noexcept = 0;
  /// The frame of an operation in flight is being destroyed.
  virtual void forget(Operation& operation) noexcept = 0;

  using Place = Operation::Place;
  static constexpr std::int64_t no_deadline = Operation::no_deadline;

  // What drivers do with operations; the only friends of their state.
  static Step step(Operation& operation, Drive drive) noexcept { return operation.step_(operation, drive); }
  static Continuation continuation(Operation& operation) noexcept { return operation.continuation_; }
  static bool stop_requested(const Operation& operation) noexcept;
  static bool enlist_for_stop(Operation& operation) noexcept;
  static std::int64_t deadline(const Operation& operation) noexcept { return operation.deadline_; }
  static void fix_deadline(Operation& operation, TimePoint now) noexcept;
  static bool in_flight(const Operation& operation) noexcept { return operation.in_flight_; }
  static void set_in_flight(Operation& operation, bool value) noexcept { operation.in_flight_ = value; }
  static bool holds_slot(const Operation& operation) noexcept { return operation.holds_slot_; }
  static void set_holds_slot(Operation& operation, bool value) noexcept { operation.holds_slot_ = value; }
  static bool is_parked(const Operation& operation) noexcept { return operation.parked_; }
  static void set_parked(Operation& operation, bool value) noexcept { operation.parked_ = value; }
  static platform::Direction direction(const Operation& operation) noexcept { return operation.direction(); }
  static void set_place(Operation& operation, Place place) noexcept {
    operation.place_.store(place, std::memory_order_release);
  }
  // Leaves whatever list it is in. On the driver's thread.
  void leave_lists(Operation& operation) noexcept;
  // Also waits for whoever is just being taken over.
  bool inbox_empty() noexcept {
    const std::lock_guard lock(inbox_lock_);
    return inbox_.empty();
  }
  // Moves the inbox to the end of the list, which belongs to the driver's thread.
  void take_inbox(List<Operation>& into) noexcept {
    const std::lock_guard lock(inbox_lock_);
    into.take(inbox_);
  }

  struct Next {
    Continuation continuation;
    TaskPromise* finished = nullptr;
  };
  bool collects_next_ = false;
  Next next_;

 private:
  static Driver*& current_slot() noexcept {
    static thread_local constinit Driver* driver = nullptr;
    return driver;
  }

  std::mutex inbox_lock_;
  List<Operation> inbox_;
  BufferPool buffers_;
  BulkShare bulk_;
};

/// The state behind a StopSource and its tokens. Counted; lives as long as any of them or an operation needs it.
class StopState {
 public:
  bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
  /// Reaches each operation in its driver's inbox. From any thread. False when it was requested before.
  bool request() noexcept;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  static void release(StopState* state) noexcept {
    if (state != nullptr && state->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete state;
  }

 private:
  friend class Operation;
  friend class Driver;

  std::atomic<std::uint32_t> references_ = 1;
  std::atomic<bool> requested_ = false;
  std::mutex lock_;
  List<Operation> waiting_;
};

inline void Operation::set_stop(StopState* state) noexcept {
  if (owns_stop_) StopState::release(stop_);
  if (state != nullptr) state->retain();
  stop_ = state;
  owns_stop_ = state != nullptr;
  shields_stop_ = true;
}

inline bool Driver::stop_requested(const Operation& operation) noexcept {
  return operation.stop_ != nullptr && operation.stop_->requested();
}

/// False when the stop was requested already.
inline bool Driver::enlist_for_stop(Operation& operation) noexcept {
  StopState* state = operation.stop_;
  if (state == nullptr) return true;
  if (state->requested()) return false;
  const std::lock_guard lock(state->lock_);
  if (state->requested()) return false;
  // Woken by another thread since it was parked? Then it is in the inbox and will come by here again.
  if (operation.place_.load(std::memory_order_acquire) == Place::none) {
    state->waiting_.push_back(operation);
    set_place(operation, Place::stop_list);
  }
  return true;
}

inline bool StopState::request() noexcept {
  const std::lock_guard lock(lock_);
  if (requested_.exchange(true, std::memory_order_acq_rel)) return false;
  // Its place stays stop_list until post() has changed it: an operation that ends meanwhile then waits for the lock
  // above.
  while (Operation* operation = waiting_.front()) operation->driver_->post_first_of(waiting_);
  return true;
}

inline void Driver::post(Operation& operation) noexcept {
  {
    const std::lock_guard lock(inbox_lock_);
    inbox_.push_back(operation);
    set_place(operation, Place::inbox);
    // Under the lock: once it is released, the operation and even the driver may be gone.
    wake();
  }
}

inline void Driver::post_first_of(List<Operation>& operations) noexcept {
  const std::lock_guard lock(inbox_lock_);
  for (Operation* next = operations.front(); next != nullptr && next->driver_ == this; next = operations.front()) {
    next->unlink();
    inbox_.push_back(*next);
    set_place(*next, Place::inbox);
  }
  wake();
}

inline bool Driver::adopt(Operation& operation, const StopState& unless) noexcept {
  const std::lock_guard lock(inbox_lock_);
  if (unless.requested()) return false;
  operation.driver_ = this;
  operation.in_flight_ = operation.parked_ = true;
  inbox_.push_back(operation);
  set_place(operation, Place::inbox);
  wake();
  return true;
}

inline void Driver::wake_parked(Operation& operation) noexcept {
  if (operation.stop_ == nullptr) {
    if (operation.place_.load(std::memory_order_acquire) == Place::none) operation.driver_->post(operation);
    return;
  }
  const std::lock_guard lock(operation.stop_->lock_);
  const Place place = operation.place_.load(std::memory_order_acquire);
  if (place == Place::stop_list) operation.unlink();
  if (place == Place::stop_list || place == Place::none) operation.driver_->post(operation);
}

inline void Driver::leave_lists(Operation& operation) noexcept {
  if (operation.place_.load(std::memory_order_acquire) == Place::stop_list) {
    const std::lock_guard lock(operation.stop_->lock_);
    if (operation.place_.load(std::memory_order_relaxed) == Place::stop_list) {
      operation.unlink();
      set_place(operation, Place::none);
    }
  }
  if (operation.place_.load(std::memory_order_acquire) == Place::inbox) {
    const std::lock_guard lock(inbox_lock_);
    operation.unlink();
    set_place(operation, Place::none);
  }
  operation.unlink();  // a list of this thread
  set_place(operation, Place::none);
}

inline bool Driver::run_next(Continuation continuation, TaskPromise& finished) noexcept {
  if (!collects_next_ || next_.continuation) return false;
  next_ = {continuation, &finished};
  return true;
}

inline void Driver::fix_deadline(Operation& operation, TimePoint now) noexcept {
  const std::int64_t start = now.time_since_epoch().count();
  if (operation.deadline_ == no_deadline) return;
  operation.deadline_ = operation.deadline_ > no_deadline - start ? no_deadline : start + operation.deadline_;
}

}  // namespace parley::inline PARLEY_ABI::detail
