// SPDX-License-Identifier: BSL-1.0
#pragma once

// A queue whose elements have numbers: the number of an element does not change while elements come and go at the ends.

#include <parley/platform/config.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

template <class T>
class Ring {
 public:
  explicit Ring(std::uint64_t first = 0) noexcept : first_(first), next_(first) {}

  /// The number of the oldest element; of the one that comes next.
  std::uint64_t first() const noexcept { return first_; }
  std::uint64_t next() const noexcept { return next_; }
  std::size_t size() const noexcept { return static_cast<std::size_t>(next_ - first_); }
  bool empty() const noexcept { return first_ == next_; }

  T& operator[](std::uint64_t number) noexcept { return slots_[number & (slots_.size() - 1)]; }
  const T& operator[](std::uint64_t number) const noexcept { return slots_[number & (slots_.size() - 1)]; }
  T& front() noexcept { return (*this)[first_]; }
  T& back() noexcept { return (*this)[next_ - 1]; }

  void push_back(T value) {
    if (size() == slots_.size()) grow();
    (*this)[next_] = std::move(value);
    ++next_;
  }
  void pop_front() noexcept { (*this)[first_++] = T(); }
  void pop_back() noexcept { (*this)[--next_] = T(); }

 private:
  void grow() {
    std::vector<T> larger(slots_.empty() ? 16 : slots_.size() * 2);
    for (std::uint64_t i = first_; i != next_; ++i) larger[i & (larger.size() - 1)] = std::move((*this)[i]);
    slots_ = std::move(larger);
  }

  std::vector<T> slots_;  // a power of two
  std::uint64_t first_;
  std::uint64_t next_;
};

}  // namespace parley::inline PARLEY_ABI::detail
