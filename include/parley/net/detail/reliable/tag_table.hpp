// SPDX-License-Identifier: BSL-1.0
#pragma once

// Finds a connection by its tag. The tags are random and chosen here, so they are their own hash.

#include <parley/platform/config.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace parley::inline PARLEY_ABI::detail::reliable {

/// T derives from TagTable<T>::Link.
template <class T>
class TagTable {
 public:
  class Link {
   public:
    explicit Link(std::uint32_t tag) noexcept : tag_(tag) {}
    std::uint32_t tag() const noexcept { return tag_; }

   private:
    friend class TagTable;
    T* next_ = nullptr;
    std::uint32_t tag_;
  };

  std::size_t size() const noexcept { return size_; }

  T* find(std::uint32_t tag) const noexcept {
    if (buckets_.empty()) return nullptr;
    T* one = buckets_[tag & (buckets_.size() - 1)];
    while (one != nullptr && one->Link::tag_ != tag) one = one->Link::next_;
    return one;
  }
  void insert(T& one) {
    if (size_ == buckets_.size()) grow();
    put(one);
    ++size_;
  }
  void remove(T& one) noexcept {
    T** at = &buckets_[one.Link::tag_ & (buckets_.size() - 1)];
    while (*at != &one) at = &(*at)->Link::next_;
    *at = one.Link::next_;
    --size_;
  }
  /// Any one of them; null where there is none.
  T* any() const noexcept {
    for (T* one : buckets_) {
      if (one != nullptr) return one;
    }
    return nullptr;
  }

 private:
  void put(T& one) noexcept {
    T*& bucket = buckets_[one.Link::tag_ & (buckets_.size() - 1)];
    one.Link::next_ = bucket;
    bucket = &one;
  }
  void grow() {
    std::vector<T*> old(buckets_.empty() ? 16 : buckets_.size() * 2);
    old.swap(buckets_);
    for (T* one : old) {
      while (one != nullptr) {
        T* const next = one->Link::next_;
        put(*one);
        one = next;
      }
    }
  }

  std::vector<T*> buckets_;  // a power of two
  std::size_t size_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
