// SPDX-License-Identifier: BSL-1.0
#pragma once

// LoopThread: an event loop on a thread of its own.

#include <parley/core/detach.hpp>
#include <parley/platform/thread.hpp>

#include <mutex>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

/// Runs from its construction on. The destructor stops the loop and waits for its thread, which takes as long as the
/// tasks need to end, at most LoopOptions::stop_grace; what then still runs is destroyed. So destroy it neither on its
/// own thread nor on another loop's that has something to do meanwhile. It does not move.
class LoopThread {
 public:
  explicit LoopThread(LoopOptions options = {}) : loop_(options) {
    const int error = thread_.start(&LoopThread::run, this);
    if (error != 0) error_ = {error, std::system_category()};
  }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() {
    stop();
    thread_.join();
  }

  /// For resume_on() and everything else that takes a loop.
  EventLoop& loop() noexcept { return loop_; }

  /// Has the function called on the loop's thread; see EventLoop::post(). From any thread.
  template <class Function>
  Result<> post(Function&& function) {
    return loop_.post(std::forward<Function>(function));
  }

  /// Calls the factory on the loop's thread and runs the task that it returns as a detached task: the loop owns it. The
  /// factory, a lambda that is a coroutine itself included, lives until the task has ended; what it captures is moved
  /// to the other thread with it. From any thread. The first task that fails makes join() report why, an exception as a
  /// code (see detach()). Errors: Error::queue_full.
  template <class Factory>
  Result<> spawn(Factory&& factory) {
    static_assert(!std::is_lvalue_reference_v<decltype(factory())>, "the factory must return a task");
    return loop_.post(Start<std::decay_t<Factory>>(*this, std::forward<Factory>(factory)));
  }

  /// Tells the loop to end: its tasks are requested to stop. From any thread; returns at once.
  void stop() noexcept { loop_.stop(); }

  /// Waits until the loop has ended, which somebody must have told it, and says how it went: the thread or the loop
  /// could not start, the poller failed, or the first failure of a spawned task. Error::would_block_loop on a thread
  /// that runs a loop. For one thread at a time.
  Result<> join() noexcept {
    if (EventLoop::current() != nullptr) return Error::would_block_loop;
    thread_.join();
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  template <class Factory>
  class Start {
   public:
    template <class F>
    Start(LoopThread& thread, F&& factory) : thread_(thread), factory_(std::forward<F>(factory)) {}
    void operator()() { thread_.loop_.detached().spawn(hold(thread_, std::move(factory_))); }

   private:
    LoopThread& thread_;
    Factory factory_;
  };

  template <class Factory>
  static Task<> hold(LoopThread& thread, Factory factory) {
    auto task = detail::watched(factory(), OnError(thread));
    co_await std::move(task);
  }

  class OnError {
   public:
    explicit OnError(LoopThread& thread) noexcept : thread_(thread) {}
    void operator()(std::error_code error) const noexcept { thread_.note(error); }

   private:
    LoopThread& thread_;
  };

  static void* run(void* self) {
    auto& thread = *static_cast<LoopThread*>(self);
    const Result<> ended = thread.loop_.run();
    if (!ended) thread.note(ended.error());
    return nullptr;
  }

  void note(std::error_code error) noexcept {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = error;
  }

  std::mutex mutex_;
  std::error_code error_;
  EventLoop loop_;
  platform::Thread thread_;
};

}  // namespace parley::inline PARLEY_ABI
