// SPDX-License-Identifier: BSL-1.0
#pragma once

// A room's log on a loop that is not its home, and the members there. The core is that of a room of its own, whose
// messages come from the home alone, and whose members have no names.

#include <parley/chat/detail/room_core.hpp>
#include <parley/chat/detail/room_link.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

class RoomCopy final : private Elsewhere, private Operation {
 public:
  explicit RoomCopy(std::shared_ptr<HomeDoor> door)
      : Operation(&RoomCopy::drive, platform::Direction::read),
        core_(door->options, door->epoch),
        link_(std::make_shared<RoomLink>(door, *Driver::current())) {
    core_.belong_here();
    link_->copy = this;
    start_unbudgeted(*Driver::current());
    const std::lock_guard lock(door->mutex);
    link_->home_gone = door->reader == nullptr;
    if (!link_->home_gone) {
      door->fresh.push_back(link_);
      wake(*door->reader);
    }
    core_.set_elsewhere(this);
  }
  RoomCopy(const RoomCopy&) = delete;
  RoomCopy& operator=(const RoomCopy&) = delete;
  ~RoomCopy() {
    core_.end_all();
    core_.set_elsewhere(nullptr);
    {
      const std::lock_guard lock(link_->mutex);
      link_->copy = nullptr;
      link_->counters = core_.counters();
      link_->refuse_all();
      link_->orders.clear();
      if (!link_->home_gone) link_->door->knock();
    }
    abandon();
  }

  RoomCore& core() noexcept { return core_; }
  const RoomCore& core() const noexcept { return core_; }
  const std::shared_ptr<RoomLink>& link() const noexcept { return link_; }

  /// All that the home has handed over by now is in the log, and what it has decided is done. False: memory has run out.
  bool take() noexcept {
    for (;;) {
      if (!append_all()) return false;
      const std::lock_guard lock(link_->mutex);
      if (!link_->said.empty()) {
        std::swap(said_, link_->said);
      } else {
        break;
      }
    }
    obey();
    return true;
  }

  /// The home has let the seat in, and take() has succeeded since. False: memory has run out.
  bool admit(Seat& seat, std::unique_ptr<MemberState>& state) noexcept {
    state->cursor = seat.cursor;
    state->joined_at = seat.joined_at;
    const bool added = without_bad_alloc([&] {
      // Names are at home. Here each member has one that no other has, by which its seat is found.
      const Seat* self = &seat;
      state->name.assign(reinterpret_cast<const char*>(&self), sizeof self);
      core_.add(*state, *seat.format);
    });
    if (added) {
      seat.number_here = std::exchange(state->id, seat.id);
      seat.here = MemberRef(state.release());
      end_as_ordered(seat);
    }
    reported_caught_up_ = false;
    went_on();
    return added;
  }
  /// It was let in at home, and does not come.
  void turn_away(Seat& seat) noexcept {
    link_->tell_gone(seat);
    reported_caught_up_ = false;
    went_on();
  }
  /// Nobody has the member any more.
  static void release(Seat& seat) noexcept {
    const MemberRef member = std::move(seat.here);
    if (member && member->room != nullptr) {
      RoomCore& core = *member->room;
      core.end(*member, EndReason::left);
      member->id = seat.number_here;
      core.remove(*member);
    }
    seat.link->tell_gone(seat);
  }

 private:
  static Step drive(Operation& operation, Drive how) {
    auto& self = static_cast<RoomCopy&>(operation);
    if (how != Drive::advance || self.take()) return how == Drive::advance ? Step::parked : Step::done;
    operation.driver().pause(operation.driver().now() + std::chrono::milliseconds(10));
    return Step::paused;
  }

  bool append_all() noexcept {
    if (!said_.empty() && core_.log().next() < said_.first()) core_.begin_log_at(said_.first());
    for (; appended_ != said_.size(); ++appended_) {
      assert(core_.log().next() == said_.first() + appended_);
      if (!without_bad_alloc([&] { core_.append_as_said(said_.at(appended_)); })) return false;
    }
    said_.clear();
    appended_ = 0;
    return true;
  }

  // Members that the home has ended.
  void obey() noexcept {
    for (;;) {
      Seat* seat = nullptr;
      {
        const std::lock_guard lock(link_->mutex);
        const SeatNode* order = link_->orders.pop_front();
        if (order == nullptr) return;
        seat = order->seat;
      }
      end_as_ordered(*seat);
    }
  }
  void end_as_ordered(Seat& seat) noexcept {
    EndReason reason = EndReason::none;
    std::uint64_t goal = 0;
    {
      const std::lock_guard lock(link_->mutex);
      reason = seat.ended_by_home;
      goal = seat.goal;
    }
    if (reason == EndReason::none || !seat.here || seat.here->ended()) return;
    seat.here->goal = std::min(seat.here->goal, goal);
    core_.end(*seat.here, reason);
  }

  void ended(MemberState& member) noexcept override {
    Seat* seat = nullptr;
    std::memcpy(&seat, member.name.data(), sizeof seat);
    link_->tell_ended(*seat, member.reason);
  }
  void flushed(bool sent) noexcept override {
    if (sent) report();
  }
  void went_on() noexcept override {
    if (!reported_caught_up_ && core_.all_caught_up()) report();
  }
  void report() noexcept {
    reported_caught_up_ = core_.all_caught_up();
    link_->report(core_.log().next(), reported_caught_up_, core_.counters());
  }

  RoomCore core_;
  const std::shared_ptr<RoomLink> link_;
  Handover said_;             // what was taken last
  std::size_t appended_ = 0;  // of it
  bool reported_caught_up_ = true;
};

}  // namespace parley::inline PARLEY_ABI::detail
