// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a room is between its deliveries: its log, its members, and who waits for something.

#include <parley/chat/detail/elsewhere.hpp>
#include <parley/chat/detail/limits.hpp>
#include <parley/chat/detail/member_state.hpp>
#include <parley/chat/detail/member_table.hpp>
#include <parley/chat/room_log.hpp>
#include <parley/chat/room_options.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/platform/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

class RoomState {
 public:
  explicit RoomState(const RoomOptions& options) : options_(options), log_(retained_bytes(options)) {
    if (platform::random_bytes(&epoch_, sizeof epoch_) != 0) epoch_ = reinterpret_cast<std::uintptr_t>(this);
  }
  /// For a copy of another room's log.
  RoomState(const RoomOptions& options, std::uint64_t epoch)
      : options_(options), log_(retained_bytes(options)), epoch_(epoch) {}
  RoomState(const RoomState&) = delete;
  RoomState& operator=(const RoomState&) = delete;

  const RoomOptions& options() const noexcept { return options_; }
  const RoomLog& log() const noexcept { return log_; }
  /// The first record, which is to come, has this number. Only while there are no members.
  void begin_log_at(std::uint64_t sequence) noexcept { log_.begin_at(sequence); }
  MemberTable& members() noexcept { return table_; }
  const MemberTable& members() const noexcept { return table_; }
  EventLoop* loop() const noexcept { return loop_; }
  bool closing() const noexcept { return closing_; }
  /// Members that have not ended.
  std::size_t present() const noexcept { return present_; }
  RoomCounters counters() const noexcept {
    RoomCounters counters = counters_;
    counters.members = present_;
    if (elsewhere_ != nullptr) elsewhere_->add_to(counters);
    return counters;
  }

  /// Tells this room's log from any other's.
  std::uint64_t epoch() const noexcept { return epoch_; }
  /// The record after the one that was received last. 0: the log does not reach back so far, or is not the one meant.
  std::uint64_t after(const ResumePoint& point) const noexcept {
    const bool here = point.epoch == epoch_ && point.sequence + 1 >= log_.first() && point.sequence < log_.next();
    return here ? point.sequence + 1 : 0;
  }
  bool is_caught_up(const MemberState& member) const noexcept {
    return member.cursor >= goal(member) && !member.has_aside();
  }
  std::size_t lag(const MemberState& member) const noexcept {
    return log_.retained(std::max(member.cursor, log_.first()));
  }

  /// So much has been said and not sent yet that members might fall behind because of it, not because they are slow.
  bool budget_spent() const noexcept { return unsent() >= max_lag() / 4; }
  /// Has the operation woken when there is budget again, or the room or a member ends. May throw std::bad_alloc.
  void wait_for_budget(Operation& operation) {
    if (std::find(speakers_.begin(), speakers_.end(), &operation) == speakers_.end()) speakers_.push_back(&operation);
  }
  void wait_no_more(Operation& operation) noexcept { std::erase(speakers_, &operation); }
  /// Has the operation woken when all are caught up.
  void set_closer(Operation* operation) noexcept { closer_ = operation; }
  Operation* closer() const noexcept { return closer_; }

 protected:
  ~RoomState() = default;

  std::size_t max_lag() const noexcept { return detail::max_lag(options_); }
  std::uint64_t goal(const MemberState& member) const noexcept { return std::min(log_.next(), member.goal); }
  std::size_t unsent() const noexcept {
    return elsewhere_ == nullptr ? unflushed_ : std::max(unflushed_, elsewhere_->unsent());
  }
  static void wake_if(Operation* operation) noexcept {
    if (operation != nullptr) wake(*operation);
  }
  void wake_speakers() noexcept {
    for (Operation* speaker : speakers_) wake(*speaker);
    speakers_.clear();
  }

  const RoomOptions options_;
  RoomLog log_;
  MemberTable table_;
  RoomCounters counters_;
  std::size_t present_ = 0;
  std::size_t unflushed_ = 0;  // bytes said and not sent yet
  EventLoop* loop_ = nullptr;
  Elsewhere* elsewhere_ = nullptr;  // none: the room has this loop alone
  bool closing_ = false;

 private:
  std::vector<Operation*> speakers_;
  Operation* closer_ = nullptr;
  std::uint64_t epoch_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
