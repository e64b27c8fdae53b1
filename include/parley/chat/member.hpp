// SPDX-License-Identifier: BSL-1.0
#pragma once

// Member: one's place in a chat room.
//
//   auto member = room.join(peer, name);
//   while (auto line = co_await lines.next())
//     if (!co_await member->say(*line)) break;

#include <parley/chat/detail/room_core.hpp>
#include <parley/core/operation.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {

/// Something that a member says, to all or to one.
class Speech {
 public:
  Speech(MemberState* member, MemberId to, std::string_view text) noexcept : member_(member), to_(to), text_(text) {}

  enum class Outcome : std::uint8_t { said, refused, too_fast, no_budget };

  /// Puts it into the log, when the member's rate and the room's budget allow it.
  Outcome attempt(const Driver& driver) noexcept {
    error_ = refusal(driver);
    if (error_) return Outcome::refused;
    RoomCore& room = *member_->room;
    const TimePoint now = room.options().rate == 0 ? TimePoint() : driver.now();  // only a limit needs the time
    if (next_time() > now) return Outcome::too_fast;
    if (room.budget_spent()) return Outcome::no_budget;
    if (!without_bad_alloc([&] { append(room); })) error_ = std::make_error_code(std::errc::not_enough_memory);
    if (error_) return Outcome::refused;
    pay(now);
    return Outcome::said;
  }

  Result<std::uint64_t> result() const noexcept {
    if (error_) return error_;
    return sequence_;
  }
  /// When the member may say something again.
  TimePoint next_time() const noexcept { return limit().due(member_->said); }
  RoomCore* room() const noexcept { return member_ == nullptr ? nullptr : member_->room; }
  /// Counts one more thing that was said.
  void pay(TimePoint now) const noexcept { limit().take(member_->said, now); }

 private:
  std::error_code refusal(const Driver& driver) const noexcept {
    if (room() == nullptr || member_->ended() || room()->closing()) return Error::closed;
    if (room()->loop() == nullptr || &driver != &room()->loop()->driver()) return Error::wrong_loop;
    if (text_.size() > room()->options().max_message) return Error::too_long;
    return {};
  }

  void append(RoomCore& room) {
    Message message;
    message.kind = to_ == no_member ? MessageKind::text : MessageKind::direct;
    message.sender = member_->id;
    message.recipient = to_;
    message.name = member_->name;
    message.text = text_;
    const MemberState* reader = to_ == no_member ? nullptr : room.members().find(to_);
    if (to_ != no_member && (reader == nullptr || reader->ended())) {
      error_ = Error::not_found;
    } else {
      sequence_ = room.append(message, reader == nullptr ? nullptr : reader->log);
    }
  }

  RateLimit limit() const noexcept { return RateLimit(room()->options().rate, room()->options().burst); }

  MemberState* member_;
  MemberId to_;
  std::string_view text_;
  std::error_code error_;
  std::uint64_t sequence_ = 0;
};

class SaySteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  SaySteps(const MemberRef& member, MemberId to, std::string_view text) noexcept
      : member_(member), to_(to), text_(text) {}

  Step step(Operation& operation) noexcept {
    Speech speech(member_.get(), to_, text_);
    switch (speech.attempt(operation.driver())) {
      case Speech::Outcome::too_fast: operation.driver().pause(speech.next_time()); return Step::paused;
      case Speech::Outcome::no_budget:
        if (without_bad_alloc([&] { speech.room()->wait_for_budget(operation); })) return Step::parked;
        operation.fail(static_cast<int>(std::errc::not_enough_memory));
        return Step::done;
      default: break;
    }
    const auto said = speech.result();
    set_status(operation, said.error());
    if (said) sequence_ = *said;
    return Step::done;
  }
  void leave(Operation& operation) noexcept {
    if (member_ && member_->room != nullptr) member_->room->wait_no_more(operation);
  }
  Result<std::uint64_t> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return sequence_;
  }

 private:
  static void set_status(Operation& operation, std::error_code error) noexcept {
    if (error && error.category() == error_category()) return operation.fail(static_cast<Error>(error.value()));
    operation.fail(error.value());
  }

  MemberRef member_;
  union {
    MemberId to_;
    std::uint64_t sequence_;
  };
  std::string_view text_;
};

/// Waits until the member has got all that was in the log when it began.
class LeaveSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit LeaveSteps(const MemberRef& member) noexcept : member_(member) {}

  Step step(Operation& operation) noexcept {
    if (gone()) {
      const bool had_left = member_ && member_->reason == EndReason::left && !waits_;
      return end(operation, had_left ? Error{} : Error::closed);
    }
    RoomCore& room = *member_->room;
    if (&operation.driver() != &room.loop()->driver()) return end(operation, Error::wrong_loop);
    if (!waits_ && member_->goal != UINT64_MAX) return end(operation, Error::busy);
    if (!waits_) room.read_inbox();  // published before
    if (!member_->stream || room.is_caught_up(*member_)) return end(operation, Error{});
    member_->leaver = &operation;
    if (!std::exchange(waits_, true)) room.set_goal(*member_, room.log().next());
    return Step::parked;
  }
  void leave(Operation& operation) noexcept {
    if (gone() || !waits_) return;
    if (member_->leaver == &operation) member_->leaver = nullptr;
    member_->room->set_goal(*member_, UINT64_MAX);
  }
  Result<> result(Operation& operation) noexcept {
    const std::error_code error = operation.error();
    const bool over = !error || error == Error::timed_out || error == Error::cancelled;
    if (over && !gone()) member_->room->end(*member_, EndReason::left);
    return error;
  }

 private:
  static Step end(Operation& operation, Error error) noexcept {
    operation.fail(error);  // Error{}: none
    return Step::done;
  }
  bool gone() const noexcept { return !member_ || member_->room == nullptr || member_->ended(); }

  MemberRef member_;
  bool waits_ = false;
};

// What a member does at once, here or asked for by another loop.

inline bool is_present(const MemberState* member) noexcept {
  return member != nullptr && member->room != nullptr && !member->ended();
}

inline Result<> tell(MemberState* member, std::string_view text, MessageKind kind) noexcept {
  if (!is_present(member)) return Error::closed;
  Message message;
  message.kind = kind;
  message.recipient = member->id;
  message.text = text;
  return member->room->append_now(message, member->log);
}

inline Result<> announce(MemberState* member, std::string_view text) noexcept {
  if (!is_present(member)) return Error::closed;
  Message message;
  message.kind = MessageKind::notice;
  message.sender = member->id;
  message.name = member->name;
  message.text = text;
  return member->room->append_now(message);
}

inline Result<> rename(MemberState* member, std::string_view name) noexcept {
  if (!is_present(member)) return Error::closed;
  RoomCore& room = *member->room;
  if (name.size() > room.options().max_name) return Error::too_long;
  const MemberState* other = room.members().find(name);
  if (other == member) return {};
  if (other != nullptr && room.options().unique_names) return Error::busy;
  std::string copy;
  if (!without_bad_alloc([&] { copy = name; })) return std::make_error_code(std::errc::not_enough_memory);
  room.members().rename(*member, [&] { member->name.swap(copy); });
  return {};
}

inline Result<> attach(MemberState* member, AnyStream stream, const ResumePoint& after) noexcept {
  if (!is_present(member)) return Error::closed;
  if (!may_send_on(stream.descriptor())) return Error::busy;
  const std::uint64_t cursor = member->room->after(after);
  if (cursor == 0) return Error::not_found;
  member->room->attach(*member, stream, cursor);
  return {};
}

}  // namespace detail

/// Made by ChatRoom::join(). Moves; while it exists the stream must stay where it is, and nothing else may send on it
/// (Error::busy, where the stream has a descriptor). Destroying it leaves the room at once: what was not sent is not.
/// What is in flight then completes with Error::closed.
///
/// Threads: the room's loop, for all of it.
class Member {
 public:
  Member() noexcept = default;
  Member(Member&& other) noexcept = default;
  Member& operator=(Member&& other) noexcept {
    leave_now();
    state_ = std::move(other.state_);
    return *this;
  }
  ~Member() { leave_now(); }

  /// Completes when the text is in the room's log, with its sequence number: Result<std::uint64_t>. It waits while the
  /// member says more than its rate, and while the room has more than a quarter of max_lag to send: so a talker is
  /// slowed down before others fall behind.
  /// Errors:      Error::closed when the member has ended (see reason()) or the room closes; too_long over max_message;
  ///              std::errc::not_enough_memory; cancelled; timed_out. Nothing was said then.
  /// Buffers:     the text is borrowed until completion.
  /// Concurrency: any number at a time; their order is then not certain.
  [[nodiscard]] auto say(std::string_view text) noexcept {
    return detail::StepOperation<detail::SaySteps>(nullptr, state_, no_member, text);
  }
  /// The same without waiting: std::errc::operation_would_block where say() would wait.
  Result<std::uint64_t> try_say(std::string_view text) {
    const detail::Driver* driver = detail::Driver::current();
    if (driver == nullptr) return Error::no_loop;
    detail::Speech speech(state_.get(), no_member, text);
    const auto outcome = speech.attempt(*driver);
    const bool waits = outcome == detail::Speech::Outcome::too_fast || outcome == detail::Speech::Outcome::no_budget;
    return waits ? std::make_error_code(std::errc::operation_would_block) : speech.result();
  }
  /// The same to one member, which gets the text in the same order as what is said to all. Errors: also
  /// Error::not_found when it is not there.
  [[nodiscard]] auto say_to(MemberId to, std::string_view text) noexcept {
    constexpr MemberId nobody{UINT64_MAX};  // no_member would mean all
    return detail::StepOperation<detail::SaySteps>(nullptr, state_, to == no_member ? nobody : to, text);
  }

  /// Has the room say something to this member alone, in order with all else. Never waits. Errors: Error::closed when
  /// the member has ended or the room closes; too_long; queue_full while the room has more than half of max_lag to send;
  /// std::errc::not_enough_memory.
  Result<> tell(std::string_view text, MessageKind kind = MessageKind::notice) {
    return detail::tell(state_.get(), text, kind);
  }
  /// Has the room say something about this member to all others; in a room that echoes, to all. Errors: as tell().
  Result<> announce(std::string_view text) { return detail::announce(state_.get(), text); }

  /// Completes when the stream has taken all that was said before, and the member has left: Result<>. Nothing said later
  /// is sent to it. Use within() to bound it.
  /// Errors: Error::closed when the member ended otherwise; busy for a second leave(); wrong_loop; timed_out, cancelled:
  ///         it has left all the same, and what was not sent is not.
  [[nodiscard]] auto leave() noexcept { return detail::StepOperation<detail::LeaveSteps>(nullptr, state_); }

  /// The stream is about to go away, but the member stays: it keeps its name and number, and what is said to it waits
  /// in the log until attach(). Whoever keeps the Member must bound for how long.
  void make_absent() noexcept {
    if (present()) state_->room->make_absent(*state_);
  }
  /// Goes on over another stream after the message that was received last, without gap or duplicate; what the member
  /// has said itself since then is sent too. Errors: Error::closed; busy when somebody else sends on the stream;
  /// not_found when the log does not reach back so far or is another room's: then nothing has changed.
  template <ByteStream Stream>
  Result<> attach(Stream& stream, const ResumePoint& after) {
    return detail::attach(state_.get(), detail::AnyStream(stream), after);
  }

  /// Errors: Error::closed; busy when the room has unique names and somebody has this one; too_long;
  /// std::errc::not_enough_memory.
  Result<> rename(std::string_view name) { return detail::rename(state_.get(), name); }

  explicit operator bool() const noexcept { return static_cast<bool>(state_); }
  MemberId id() const noexcept { return state_ ? state_->id : no_member; }
  std::string_view name() const noexcept { return state_ ? state_->name : std::string_view(); }
  /// none while it is in the room.
  EndReason reason() const noexcept { return state_ ? state_->reason : EndReason::left; }
  /// How far it is behind, in bytes as RoomLog counts them.
  std::size_t lag() const noexcept { return present() ? state_->room->lag(*state_) : 0; }

 private:
  friend class ChatRoom;
  explicit Member(std::unique_ptr<detail::MemberState> state) noexcept : state_(state.release()) {}

  bool present() const noexcept { return detail::is_present(state_.get()); }
  void leave_now() noexcept {
    if (state_ && state_->room != nullptr) state_->room->remove(*state_);
    state_ = {};
  }

  detail::MemberRef state_;
};

}  // namespace parley::inline PARLEY_ABI
