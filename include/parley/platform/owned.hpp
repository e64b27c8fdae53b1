// SPDX-License-Identifier: BSL-1.0
#pragma once

// Owned<T>: the one owner of an object of the heap, for what parley/parley.hpp includes: std::unique_ptr with less to
// it. Of that one, each type costs whoever includes it 30 million instructions of g++ 12 (of 4,500 that the whole took),
// since it is a tuple and asks for many traits; of this one it is 2 million.

#include <parley/platform/config.hpp>

#include <cstddef>
#include <utility>

namespace parley::inline PARLEY_ABI::platform {

/// Deletes what it owns as a T, which therefore is complete by then, and has a virtual destructor where it is a base.
template <class T>
class Owned {
 public:
  constexpr Owned() noexcept = default;
  constexpr explicit Owned(T* object) noexcept : object_(object) {}
  Owned(Owned&& other) noexcept : object_(other.release()) {}
  Owned& operator=(Owned&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Owned() { delete object_; }

  explicit operator bool() const noexcept { return object_ != nullptr; }
  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }

  [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
  void reset(T* object = nullptr) noexcept { delete std::exchange(object_, object); }

  friend bool operator==(const Owned& owned, std::nullptr_t) noexcept { return owned.object_ == nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace parley::inline PARLEY_ABI::platform
