// SPDX-License-Identifier: BSL-1.0
#pragma once

// Result<T>: a value or the reason why there is none.
//
// The shape of std::expected<T, std::error_code>, which g++ 12 in C++20 and clang 14 do not have. Trivially
// destructible where T is. A default-constructed Result<T> holds T{}; Result<> holds success.

#include <parley/platform/error.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

namespace parley::inline PARLEY_ABI {

template <class T = void>
class Result;

namespace detail {

[[noreturn]] inline void fail_access(std::error_code error) {
#if PARLEY_HAS_EXCEPTIONS
  throw std::system_error(error);
#else
  std::fprintf(stderr, "parley: value() of a failed result: %s\n", error.message().c_str());
  std::abort();
#endif
}

struct HoldsError {};

/// Room for a T or an error. Split in two because clang 14 has no conditionally trivial destructors (P0848).
template <class T, bool Trivial = std::is_trivially_destructible_v<T>>
struct ResultStorage {
  template <class... Args>
  explicit ResultStorage(std::in_place_t, Args&&... args) : value(std::forward<Args>(args)...), has_value(true) {}
  ResultStorage(HoldsError, std::error_code code) noexcept : error(code), has_value(false) {}

  union {
    T value;
    std::error_code error;
  };
  bool has_value;
};

template <class T>
struct ResultStorage<T, false> {
  template <class... Args>
  explicit ResultStorage(std::in_place_t, Args&&... args) : value(std::forward<Args>(args)...), has_value(true) {}
  ResultStorage(HoldsError, std::error_code code) noexcept : error(code), has_value(false) {}
  ResultStorage(const ResultStorage&) = delete;
  ResultStorage& operator=(const ResultStorage&) = delete;
  ~ResultStorage() {
    if (has_value) value.~T();
  }

  union {
    T value;
    std::error_code error;
  };
  bool has_value;
};

}  // namespace detail

template <class T>
class [[nodiscard]] Result {
  using Storage = detail::ResultStorage<T>;

 public:
  using value_type = T;

  Result()
    requires std::is_default_constructible_v<T>
      : storage_(std::in_place) {}
  template <class U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, std::error_code>)
  Result(U&& value) : storage_(std::in_place, std::forward<U>(value)) {}
  Result(std::error_code error) noexcept : storage_(detail::HoldsError{}, error) {}
  Result(Error error) noexcept : storage_(detail::HoldsError{}, make_error_code(error)) {}

  Result(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) : storage_(detail::HoldsError{}, {}) {
    construct(std::move(other));
  }
  Result(const Result& other)
    requires std::is_copy_constructible_v<T>
      : storage_(detail::HoldsError{}, {}) {
    construct(other);
  }
  Result& operator=(Result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
    if (this != &other) {
      reset();
      construct(std::move(other));
    }
    return *this;
  }
  Result& operator=(const Result& other)
    requires std::is_copy_constructible_v<T>
  {
    if (this != &other) {
      Result copy(other);
      *this = std::move(copy);
    }
    return *this;
  }
  ~Result() = default;

  bool has_value() const noexcept { return storage_.has_value; }
  explicit operator bool() const noexcept { return storage_.has_value; }
  /// The reason of a failure; no error (a zero code) where there is a value.
  std::error_code error() const noexcept { return storage_.has_value ? std::error_code{} : storage_.error; }

  /// The value. Throws std::system_error where there is none; without exceptions it prints the reason and aborts.
  T& value() & {
    require();
    return storage_.value;
  }
  const T& value() const& {
    require();
    return storage_.value;
  }
  T&& value() && {
    require();
    return std::move(storage_.value);
  }
  template <class U>
  T value_or(U&& fallback) const& {
    return storage_.has_value ? storage_.value : static_cast<T>(std::forward<U>(fallback));
  }
  template <class U>
  T value_or(U&& fallback) && {
    return storage_.has_value ? std::move(storage_.value) : static_cast<T>(std::forward<U>(fallback));
  }

  /// The value, which must be there (as for std::expected, unchecked).
  T& operator*() & noexcept { return storage_.value; }
  const T& operator*() const& noexcept { return storage_.value; }
  T&& operator*() && noexcept { return std::move(storage_.value); }
  T* operator->() noexcept { return std::addressof(storage_.value); }
  const T* operator->() const noexcept { return std::addressof(storage_.value); }

 private:
  void require() const {
    if (!storage_.has_value) detail::fail_access(storage_.error);
  }
  // Leaves an error behind, so that a throwing move of T never leaves a destroyed value marked as alive.
  void reset() noexcept {
    if (storage_.has_value) {
      storage_.value.~T();
      storage_.has_value = false;
      std::construct_at(std::addressof(storage_.error));
    }
  }
  template <class Other>
  void construct(Other&& other) {
    if (other.storage_.has_value) {
      std::construct_at(std::addressof(storage_.value), std::forward<Other>(other).storage_.value);
      storage_.has_value = true;
    } else {
      storage_.error = other.storage_.error;
    }
  }

  Storage storage_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() noexcept : error_(0, std::system_category()) {}
  Result(std::error_code error) noexcept : error_(error) {}
  Result(Error error) noexcept : error_(make_error_code(error)) {}

  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return !error_; }
  std::error_code error() const noexcept { return error_; }
  /// Throws std::system_error on failure; without exceptions it prints the reason and aborts.
  void value() const {
    if (error_) detail::fail_access(error_);
  }
  void operator*() const noexcept {}

 private:
  std::error_code error_;
};

}  // namespace parley::inline PARLEY_ABI
