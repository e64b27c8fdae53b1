// SPDX-License-Identifier: BSL-1.0
#pragma once

// offload(): runs work that blocks on a thread pool, and comes back to the loop with its result.
//
//   auto hash = co_await offload(hash_file, path).within(10s);      // the function, then what it is called with

#include <parley/core/thread_pool.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {

template <class T>
struct Flattened {
  using type = Result<T>;
};
template <class T>
struct Flattened<Result<T>> {
  using type = Result<T>;
};

template <class Outcome>
class PoolJobOf : public PoolJob {
 public:
  using PoolJob::PoolJob;

  Outcome take() {
#if PARLEY_HAS_EXCEPTIONS
    if (exception_) std::rethrow_exception(exception_);
#endif
    return std::move(*outcome_);
  }

 protected:
  std::optional<Outcome> outcome_;
#if PARLEY_HAS_EXCEPTIONS
  std::exception_ptr exception_;
#endif
};

// A function and what it is called with, to be called once.
template <class Function, class... Args>
class CallWith {
 public:
  template <class... Parts>
  explicit CallWith(Parts&&... parts) : parts_(std::forward<Parts>(parts)...) {}
  auto operator()() && {
    const auto call = [](auto&& function, auto&&... args) { return std::move(function)(std::move(args)...); };
    return std::apply(call, std::move(parts_));
  }

 private:
  std::tuple<Function, Args...> parts_;
};
// Without arguments, which is most of it, no tuple is needed: it costs the compiler much.
template <class Function, class... Args>
struct CallOf {
  using type = CallWith<Function, Args...>;
};
template <class Function>
struct CallOf<Function> {
  using type = Function;
};

template <class Outcome, class Call>
class PoolJobWith final : public PoolJobOf<Outcome> {
 public:
  template <class... Parts>
  explicit PoolJobWith(std::shared_ptr<PoolCore> core, Parts&&... parts)
      : PoolJobOf<Outcome>(std::move(core)), work_(std::in_place, std::forward<Parts>(parts)...) {}

  void run() noexcept override {
#if PARLEY_HAS_EXCEPTIONS
    try {
      call();
    } catch (...) {
      this->exception_ = std::current_exception();
    }
#else
    call();
#endif
    work_.reset();  // what it owns ends on the pool's thread, before anybody hears of the result
  }

 private:
  void call() {
    if constexpr (std::is_void_v<decltype(std::move(*work_)())>) {
      std::move (*work_)();
      this->outcome_.emplace();
    } else {
      this->outcome_.emplace(std::move(*work_)());
    }
  }

  std::optional<Call> work_;
};

template <class Outcome>
class OffloadSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit OffloadSteps(PoolJobOf<Outcome>* job) noexcept : job_(job) {}
  OffloadSteps(const OffloadSteps&) = delete;
  OffloadSteps& operator=(const OffloadSteps&) = delete;
  ~OffloadSteps() { job_->release(); }

  Step step(Operation& operation) noexcept {
    switch (job_->core().state(*job_)) {
      case PoolJob::State::fresh: return job_->core().submit(*job_, operation);
      case PoolJob::State::queued:
      case PoolJob::State::running: return Step::parked;
      case PoolJob::State::finished: operation.succeed(); break;
      case PoolJob::State::dropped: operation.fail(Error::cancelled); break;
    }
    return Step::done;
  }
  Step interrupt(Operation& operation, Drive how) noexcept {
    job_->core().abandon(*job_);
    operation.fail(how == Drive::expire ? Error::timed_out : Error::cancelled);
    if (job_->core().state(*job_) == PoolJob::State::finished) operation.succeed();
    return Step::done;
  }
  void leave(Operation&) noexcept { job_->core().abandon(*job_); }
  Outcome result(Operation& operation) {
    if (operation.error()) return operation.error();
    return job_->take();
  }

 private:
  PoolJobOf<Outcome>* const job_;
};

template <class T>
inline constexpr bool is_thread_pool = std::is_same_v<std::remove_cvref_t<T>, ThreadPool>;

}  // namespace detail

/// Calls the function with the arguments on one of the pool's threads, and completes on the loop with what it returned:
/// Result<R> for a function that returns R, Result<> for void, and no Result in a Result. An exception that leaves it
/// is thrown by the co_await or wait().
/// Errors: Error::queue_full when the pool's queue is full, Error::closed when the pool takes no more, cancelled,
/// timed_out.
///
/// Function and arguments are moved or copied into the work, once, on the heap; so must be whatever they use, for a
/// timeout, a stop or the end of the coroutine abandons the work: what has not begun never does, and what is running
/// runs on by itself and its result is dropped. Nothing waits for it, nor does the end of the process.
/// With g++ 12, do not write a closure that captures anything with a destructor inside the co_await expression, which
/// would destroy it twice (GCC bug 99576): pass such things as arguments.
template <class Function, class... Args>
[[nodiscard]] auto offload(ThreadPool& pool, Function&& function, Args&&... args) {
  using Returned = std::invoke_result_t<std::decay_t<Function>, std::decay_t<Args>...>;
  static_assert(!std::is_reference_v<Returned>, "the result must own what it returns");
  using Outcome = typename detail::Flattened<Returned>::type;
  using Call = typename detail::CallOf<std::decay_t<Function>, std::decay_t<Args>...>::type;
  using Job = detail::PoolJobWith<Outcome, Call>;
  detail::PoolJobOf<Outcome>* const job =
      new Job(pool.core(), std::forward<Function>(function), std::forward<Args>(args)...);
  return detail::StepOperation<detail::OffloadSteps<Outcome>>(nullptr, job);
}
/// The same on ThreadPool::shared().
template <class Function, class... Args>
  requires(!detail::is_thread_pool<Function>)
[[nodiscard]] auto offload(Function&& function, Args&&... args) {
  return offload(ThreadPool::shared(), std::forward<Function>(function), std::forward<Args>(args)...);
}

}  // namespace parley::inline PARLEY_ABI
