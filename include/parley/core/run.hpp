// SPDX-License-Identifier: BSL-1.0
#pragma once

// run(): what main() needs. A loop, Ctrl-C, and an exit status.
//
//   int main() {
//     return parley::run([]() -> parley::Task<parley::Result<>> { co_return co_await parley::sleep(1s); });
//   }

#include <parley/core/detach.hpp>
#include <parley/core/signals.hpp>

#include <cstdio>
#include <exception>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;

/// A template so that only the translation unit of main() compiles its coroutines.
template <class Loop>
class MainProgram {
 public:
  /// `start` makes the task; it outlives it.
  template <class Start>
  int run(Start& start) {
    platform::ignore_broken_pipes();
    const auto status = loop_.run(conclude(start));
    return status ? *status : failed(status.error());
  }

 private:
  template <class Start>
  Task<int> conclude(Start& start) {
    loop_.detached().spawn(stop_at_signal());
#if PARLEY_HAS_EXCEPTIONS
    std::exception_ptr exception;
    try {
      co_return co_await status_of(start());
    } catch (...) {
      exception = std::current_exception();
    }
    co_return failed(exception);
#else
    co_return co_await status_of(start());
#endif
  }

  Task<> stop_at_signal() {
    const auto signal = co_await signals_.next();
    if (!signal) {
      // Nobody would be told of Ctrl-C: then it does what it always did.
      if (signal.error() != Error::cancelled) {
        std::fprintf(stderr, "warning: cannot watch for signals: %s\n", signal.error().message().c_str());
      }
      co_return;
    }
    signalled_ = true;
    loop_.stop();
  }

  template <class T>
  Task<int> status_of(Task<T> task) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      co_return 0;
    } else {
      const T returned = co_await std::move(task);
      co_return status(returned);
    }
  }

  template <class T>
  int status(const T& returned) const {
    if constexpr (is_result<T>) {
      if (!returned) return failed(returned.error());
      if constexpr (std::is_same_v<T, Result<int>>) return *returned;
      return 0;
    } else {
      static_assert(std::is_same_v<T, int>, "main's task returns nothing, int, or a Result");
      return returned;
    }
  }

  int failed(std::error_code error) const {
    if (signalled_ && error == Error::cancelled) return 0;
    return failed(error.message().c_str());
  }
  int failed(const char* what) const {
    std::fprintf(stderr, "error: %s\n", what);
    return 1;
  }
#if PARLEY_HAS_EXCEPTIONS
  int failed(const std::exception_ptr& exception) const {
    try {
      std::rethrow_exception(exception);
    } catch (const std::system_error& error) {
      return signalled_ && error.code() == Error::cancelled ? 0 : failed(error.what());
    } catch (const std::exception& error) {
      return failed(error.what());
    } catch (...) {
      return failed("unknown exception");
    }
  }
#endif

  Signals signals_{{Signal::interrupt, Signal::terminate}, OnRepeat::end_process};
  Loop loop_;
  bool signalled_ = false;
};

}  // namespace detail

/// Runs a program's main coroutine on a loop of its own, on this thread, and returns what main() should return. Takes a
/// Task<>, Task<int>, Task<Result<>> or Task<Result<int>>, or something callable that returns one, which is called
/// once.
///
/// The exit status is the task's int; 0 without one; 1 where the task returns an error or throws, and then "error: "
/// and the reason are printed to standard error.
/// The first SIGINT (Ctrl-C) or SIGTERM requests the task to stop: its operations end with Error::cancelled; that is
/// also an EventLoop::stop(). A task that ends with Error::cancelled after a signal has ended well: 0. A second signal,
/// more than 10 ms later, ends the process at once, even if the loop hangs.
/// SIGPIPE is ignored from here on, unless the program has set something for it: writing to a closed pipe is an error,
/// not the end.
template <class Main>
[[nodiscard]] int run(Main&& main) {
  if constexpr (detail::is_task<std::remove_cvref_t<Main>>) {
    auto task = [&main] { return std::move(main); };
    return detail::MainProgram<EventLoop>().run(task);
  } else {
    return detail::MainProgram<EventLoop>().run(main);
  }
}

}  // namespace parley::inline PARLEY_ABI
