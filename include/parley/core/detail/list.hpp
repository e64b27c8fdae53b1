// SPDX-License-Identifier: BSL-1.0
#pragma once

// A doubly linked list through its members: no allocation, and a member leaves without knowing which list it is in.

#include <parley/platform/config.hpp>

namespace parley::inline PARLEY_ABI::detail {

class ListLink {
 public:
  ListLink() noexcept = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;

  bool linked() const noexcept { return next_ != nullptr; }

  void unlink() noexcept {
    if (!linked()) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = nullptr;
  }

 private:
  template <class T>
  friend class List;
  ListLink* previous_ = nullptr;
  ListLink* next_ = nullptr;
};

/// T derives from ListLink. The list owns nothing; members must have left before it is destroyed, or be cleared.
template <class T>
class List {
 public:
  List() noexcept { head_.previous_ = head_.next_ = &head_; }
  ~List() { clear(); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const noexcept { return head_.next_ == &head_; }
  T* front() noexcept { return empty() ? nullptr : static_cast<T*>(head_.next_); }

  /// The one behind a member of this list; null at the end.
  T* after(T& member) noexcept {
    ListLink* const next = static_cast<ListLink&>(member).next_;
    return next == &head_ ? nullptr : static_cast<T*>(next);
  }

  void push_back(T& member) noexcept {
    ListLink& link = member;
    link.previous_ = head_.previous_;
    link.next_ = &head_;
    head_.previous_->next_ = &link;
    head_.previous_ = &link;
  }

  T* pop_front() noexcept {
    T* member = front();
    if (member != nullptr) static_cast<ListLink&>(*member).unlink();
    return member;
  }

  /// Moves all members of the other list to the end of this one.
  void take(List& other) noexcept {
    if (other.empty()) return;
    ListLink* first = other.head_.next_;
    ListLink* last = other.head_.previous_;
    other.head_.previous_ = other.head_.next_ = &other.head_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
  }

  void clear() noexcept {
    while (pop_front() != nullptr) {
    }
  }

 private:
  ListLink head_;
};

}  // namespace parley::inline PARLEY_ABI::detail
