// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which of many is due first: a binary heap whose members know their places, so that a time can be changed.

#include <parley/platform/clock.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI::detail::reliable {

class DueHeap {
 public:
  class Member {
   public:
    Member() noexcept = default;
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   private:
    friend class DueHeap;
    static constexpr std::size_t nowhere = SIZE_MAX;
    TimePoint due_ = TimePoint::max();
    std::size_t place_ = nowhere;
  };

  TimePoint earliest() const noexcept { return heap_.empty() ? TimePoint::max() : heap_.front()->due_; }
  Member* first() const noexcept { return heap_.front(); }
  bool empty() const noexcept { return heap_.empty(); }

  void set(Member& member, TimePoint due) {
    if (member.place_ == Member::nowhere) {
      heap_.push_back(&member);
      member.place_ = heap_.size() - 1;
    }
    member.due_ = due;
    sift_down(sift_up(member.place_));
  }
  void remove(Member& member) noexcept {
    if (member.place_ == Member::nowhere) return;
    const std::size_t place = std::exchange(member.place_, Member::nowhere);
    Member* const last = heap_.back();
    heap_.pop_back();
    if (last == &member) return;
    put(place, last);
    sift_down(sift_up(place));
  }

 private:
  void put(std::size_t place, Member* member) noexcept {
    heap_[place] = member;
    member->place_ = place;
  }
  std::size_t sift_up(std::size_t place) noexcept {
    Member* const member = heap_[place];
    while (place != 0 && member->due_ < heap_[(place - 1) / 2]->due_) {
      put(place, heap_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    put(place, member);
    return place;
  }
  void sift_down(std::size_t place) noexcept {
    Member* const member = heap_[place];
    for (;;) {
      std::size_t child = 2 * place + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1]->due_ < heap_[child]->due_) ++child;
      if (!(heap_[child]->due_ < member->due_)) break;
      put(place, heap_[child]);
      place = child;
    }
    put(place, member);
  }

  std::vector<Member*> heap_;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
