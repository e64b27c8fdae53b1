// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the operations of a driver that move much, files above all, share: the time that they may take of one turn, and
// the memory they do it with.
//
// Together they take about a millisecond of a turn, then everybody else has theirs. Those that found it used up go on
// next turn in the order in which they came, before any that comes later: each gets its turn, however many they are and
// however fast their peers.

#include <parley/core/detail/list.hpp>
#include <parley/platform/clock.hpp>
#include <parley/platform/native_handle.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>

namespace parley::inline PARLEY_ABI::detail {

class BulkShare {
 public:
  static constexpr Duration per_turn = std::chrono::milliseconds(1);
  static constexpr std::size_t buffer_size = std::size_t{256} << 10;

  /// An operation's place among those that go on next turn.
  class Place : public ListLink {
   public:
    ~Place() { unlink(); }

   private:
    friend class BulkShare;
    std::int64_t ticket_ = 0;
  };

  BulkShare() noexcept = default;
  BulkShare(const BulkShare&) = delete;
  BulkShare& operator=(const BulkShare&) = delete;
  ~BulkShare() { give_back(); }

  void begin_turn() noexcept { begun_ = spent_ = false; }

  /// Whether the operation may go on now. If not, it is to pause until queue().
  bool may_begin(Place& place) noexcept {
    if (spent_ || (!waiting_.empty() && waiting_.front() != &place)) return false;
    place.unlink();
    if (!begun_) ends_ = Clock::now() + per_turn;
    begun_ = true;
    return true;
  }
  /// Asked after each piece.
  bool may_go_on() noexcept {
    spent_ = Clock::now() >= ends_;
    return !spent_;
  }
  /// A time long past, so that timers bring the operations back in their order.
  TimePoint queue(Place& place) noexcept {
    if (!place.linked()) {
      place.ticket_ = next_ticket_++;
      waiting_.push_back(place);
    }
    return TimePoint(Duration(place.ticket_));
  }

  /// The buffer; nullptr where memory has run out. What is in it is its user's until another call.
  std::byte* buffer() noexcept {
    ++use_;
    if (buffer_ == nullptr) buffer_ = static_cast<std::byte*>(::operator new(buffer_size, std::nothrow));
    return buffer_;
  }
  /// The same content, for whoever had it as this use.
  std::byte* buffer_of(std::uint64_t use) noexcept { return use == use_ ? buffer_ : nullptr; }
  std::uint64_t use() const noexcept { return use_; }

  /// A pipe to splice through, empty between two steps. Opened by whoever needs it.
  platform::NativeHandle pipe[2];
  std::size_t pipe_size = 0;

  void give_back() noexcept {
    ++use_;
    ::operator delete(static_cast<void*>(buffer_));
    buffer_ = nullptr;
    for (auto& end : pipe) end.close();
  }

 private:
  List<Place> waiting_;
  TimePoint ends_;
  bool begun_ = false;
  bool spent_ = false;
  std::int64_t next_ticket_ = INT64_MIN / 4;
  std::byte* buffer_ = nullptr;
  std::uint64_t use_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
