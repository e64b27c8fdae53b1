// SPDX-License-Identifier: BSL-1.0
#pragma once

// detach(): a task that nobody joins. It belongs to its loop, and its failure is told to a function.

#include <parley/core/event_loop.hpp>

#include <exception>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {

template <class T>
Task<std::error_code> error_of(Task<T> task) {
  if constexpr (is_result<T>) {
    const T result = co_await std::move(task);
    if (result.error() != Error::cancelled) co_return result.error();
  } else {
    static_cast<void>(co_await std::move(task));
  }
  co_return std::error_code();
}

#if PARLEY_HAS_EXCEPTIONS
inline std::error_code to_error_code(const std::exception_ptr& exception) noexcept {
  try {
    std::rethrow_exception(exception);
  } catch (const std::system_error& error) {
    return error.code();
  } catch (const std::bad_alloc&) {
    return std::make_error_code(std::errc::not_enough_memory);
  } catch (...) {
    return Error::exception;
  }
}
#endif

/// Tells the function how the task failed, if it did.
template <class T, class OnError>
Task<> watched(Task<T> task, OnError on_error) {
#if PARLEY_HAS_EXCEPTIONS
  std::exception_ptr exception;
  std::error_code error;
  try {
    error = co_await error_of(std::move(task));
  } catch (...) {
    exception = std::current_exception();
  }
  if constexpr (std::is_invocable_v<OnError&, std::exception_ptr>) {
    if (exception) on_error(exception);
  } else {
    if (exception) error = to_error_code(exception);
  }
#else
  const std::error_code error = co_await error_of(std::move(task));
#endif
  if (error) on_error(error);
}

}  // namespace detail

/// Starts the task in the current loop's own scope, EventLoop::detached(): it inherits the loop's stop and is destroyed
/// with the loop at the latest. When it ends with a Result that holds an error other than Error::cancelled,
/// on_error(std::error_code) is called on the loop's thread. An exception is given to on_error(std::exception_ptr)
/// where it can be called so; otherwise as an error code: a std::system_error's own, errc::not_enough_memory, else
/// Error::exception. on_error must not throw. Error::no_loop, and the task is destroyed unstarted, where no loop runs
/// on this thread.
template <class T, class OnError>
Result<> detach(Task<T> task, OnError on_error) {
  static_assert(std::is_invocable_v<OnError&, std::error_code>);
  EventLoop* const loop = EventLoop::current();
  if (loop == nullptr) return Error::no_loop;
  loop->detached().spawn(detail::watched(std::move(task), std::move(on_error)));
  return {};
}

}  // namespace parley::inline PARLEY_ABI
