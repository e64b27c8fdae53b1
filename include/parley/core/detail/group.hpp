// SPDX-License-Identifier: BSL-1.0
#pragma once

// Children that run side by side and are joined: what race() and when_all() share.

#include <parley/core/operation.hpp>
#include <parley/core/task.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace parley::inline PARLEY_ABI::detail {

class Group;

/// What a child's result is kept as.
template <class T>
using Kept = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

class GroupChild : public Completion {
 public:
  void adopt(Group& group, std::size_t index) noexcept {
    group_ = &group;
    index_ = index;
  }
  inline void finished(Operation&) noexcept override;
  inline void finished(TaskPromise&) noexcept override;

 protected:
  /// False where the group was awaited on a thread that runs no loop.
  inline bool started() const noexcept;

 private:
  Group* group_ = nullptr;
  std::size_t index_ = 0;
};

/// An operation given as a temporary: it lives in the caller's full-expression, and so does the group.
template <class Op>
class OperationChild final : public GroupChild {
 public:
  using value_type = typename Op::value_type;
  explicit OperationChild(Op& operation) noexcept : operation_(operation) {}
  bool start(Driver& driver, StopState* inherited, const StopToken&) noexcept {
    operation_.set_continuation(Continuation(*this));
    return operation_.start(&driver, inherited);
  }
  void cancel(Driver& driver) noexcept {
    if constexpr (std::is_base_of_v<Group, Op>) {
      operation_.cancel_children();
    } else {
      driver.cancel(operation_);
    }
  }
  value_type take() {
    if (!started()) operation_.fail(Error::no_loop);
    return operation_.result();
  }

 private:
  Op& operation_;
};

/// A task, owned. It is told to stop by the group's own token.
template <class T>
class TaskChild final : public GroupChild {
 public:
  using value_type = T;
  explicit TaskChild(Task<T> task) noexcept : task_(std::move(task)) {}
  bool start(Driver&, StopState*, const StopToken& token) {
    if (!task_.promise().has_stop_token()) task_.promise().set_stop_token(token);
    return task_.promise().start(Continuation(*this));
  }
  void cancel(Driver&) noexcept {}
  Kept<T> take() {
    if (!started()) {
      if constexpr (is_result<T>) return Error::no_loop;
      fail_access(make_error_code(Error::no_loop));
    }
    if constexpr (std::is_void_v<T>) {
      task_.promise().take();
      return {};
    } else {
      return task_.promise().take();
    }
  }

 private:
  Task<T> task_;
};

template <class Awaitable>
Task<decltype(std::declval<Awaitable>().operator co_await().await_resume())> as_task(Awaitable awaitable) {
  co_return co_await std::move(awaitable);
}

template <class Awaitable>
concept HasOperation = requires(Awaitable&& awaitable) { std::move(awaitable).operation(); };

// How an argument of race() or when_all() becomes a child.
template <class T>
TaskChild<T> make_child(Task<T>&& task) noexcept {
  return TaskChild<T>(std::move(task));
}
template <HasOperation Awaitable>
auto make_child(Awaitable&& awaitable) noexcept {
  auto& operation = std::move(awaitable).operation();
  return OperationChild<std::remove_reference_t<decltype(operation)>>(operation);
}
template <class Awaitable>
  requires(!HasOperation<Awaitable> && std::is_move_constructible_v<Awaitable>)
auto make_child(Awaitable&& awaitable) {
  return make_child(as_task(std::move(awaitable)));
}

/// The awaited operation: parked until the last child has finished. Where the first one decides, the others are told to
/// stop then. A stop of the parent's reaches the operations among the children by itself and is passed on to the tasks.
class Group : public Operation {
 public:
  Group(std::size_t children, bool first_decides) noexcept
      : Operation(&Group::drive, platform::Direction::read),
        count_(children),
        remaining_(children),
        first_(children),
        first_decides_(first_decides) {}

  void child_finished(std::size_t index) noexcept {
    const bool here = Driver::current() == &driver();
    {
      const std::lock_guard lock(mutex_);
      if (first_ == count_) first_ = index;
      --remaining_;
      if (starting_ || (remaining_ != 0 && !first_decides_)) return;
      // Under the lock, since another thread may destroy the group once it knows that all have finished.
      if (!here) return Driver::wake_parked(*this);
    }
    driver().advance_parked(*this);
  }

  bool begun() const noexcept { return begun_; }
  /// Tells all children to stop, whose tokens know of no stop. On the driver's thread.
  void cancel_children() noexcept {
    if (source_) source_->request_stop();
    for (std::size_t i = 0; i < count_; ++i) cancel_child(i);
  }

 protected:
  ~Group() = default;
  std::size_t first() const noexcept { return first_; }
  const StopToken& child_token() const noexcept { return token_; }
  void make_token() {
    source_.emplace();
    token_ = source_->token();
  }

  virtual bool start_child(std::size_t index) = 0;
  virtual void cancel_child(std::size_t index) noexcept = 0;

 private:
  static Step drive(Operation& operation, Drive how) {
    auto& self = static_cast<Group&>(operation);
    if (how == Drive::abandon) return Step::done;
    if (how == Drive::stop && self.source_) self.source_->request_stop();
    if (!self.begun_) self.begin();
    return self.look();
  }

  void begin() {
    begun_ = true;
    starting_ = true;
    for (std::size_t i = 0; i < count_; ++i) {
      if (!start_child(i)) child_finished(i);
    }
    const std::lock_guard lock(mutex_);
    starting_ = false;
  }

  Step look() noexcept {
    bool stop_others = false;
    {
      const std::lock_guard lock(mutex_);
      if (remaining_ == 0) {
        succeed();
        return Step::done;
      }
      stop_others = first_decides_ && first_ != count_ && !stopped_others_;
      if (stop_others) stopped_others_ = true;
    }
    if (stop_others) cancel_children();
    return Step::parked;
  }

  std::mutex mutex_;
  const std::size_t count_;
  std::size_t remaining_;
  std::size_t first_;
  std::optional<StopSource> source_;
  StopToken token_;
  const bool first_decides_;
  bool begun_ = false;
  bool starting_ = false;
  bool stopped_others_ = false;
};

inline void GroupChild::finished(Operation&) noexcept { group_->child_finished(index_); }
inline void GroupChild::finished(TaskPromise&) noexcept { group_->child_finished(index_); }
inline bool GroupChild::started() const noexcept { return group_->begun(); }

template <class Child>
inline constexpr bool is_task_child = false;
template <class T>
inline constexpr bool is_task_child<TaskChild<T>> = true;

}  // namespace parley::inline PARLEY_ABI::detail
