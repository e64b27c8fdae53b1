// SPDX-License-Identifier: BSL-1.0
#pragma once

// RoomReplica: a chat room on another loop than its home. How it works is said in chat/room_home.hpp.
//
//   Task<Result<>> serve_there(RoomDoor door) {
//     RoomReplica room(door);
//     co_return co_await room.serve(TcpListener::bind(address, {.reuse_port = true}).value());  // chat/serve_replica.hpp
//   }
//
// or with sessions of one's own, which differ from those on the home's loop in that join() and all that a member does
// is awaited:
//
//   auto member = co_await room.join(peer, *name);
//   while (auto line = co_await lines.next())
//     if (!co_await member->say(*line)) break;

#include <parley/chat/detail/remote_steps.hpp>
#include <parley/chat/room_home.hpp>

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI {

namespace detail {
class RemoteJoinSteps;
}

/// Made by RoomReplica::join(): what a Member is on the home's loop, with the same rules, limits and errors, but that
/// the home is asked. Where Member's functions return a result, these are operations; all of them also
/// Errors:    Error::closed when the home is gone; wrong_loop on another loop than the replica's; cancelled, timed_out:
///            nothing was said or done then, but for leave().
/// Buffers:   texts are borrowed until completion.
/// The stream must stay where it is while the member exists, and nothing else may send on it.
///
/// Threads: the replica's loop, for all of it.
class RemoteMember {
  using Kind = detail::HomeRequest::Kind;

 public:
  RemoteMember() noexcept = default;
  RemoteMember(RemoteMember&& other) noexcept = default;
  RemoteMember& operator=(RemoteMember&& other) noexcept {
    leave_now();
    seat_ = std::move(other.seat_);
    return *this;
  }
  ~RemoteMember() { leave_now(); }

  /// Result<std::uint64_t>, the sequence number. Waits while the member says more than its rate, or any loop has more
  /// than a quarter of max_lag to send.
  [[nodiscard]] auto say(std::string_view text) noexcept {
    return detail::StepOperation<detail::RemoteSaySteps>(nullptr, seat_, no_member, text);
  }
  [[nodiscard]] auto say_to(MemberId to, std::string_view text) noexcept {
    constexpr MemberId nobody{UINT64_MAX};  // no_member would mean all
    return detail::StepOperation<detail::RemoteSaySteps>(nullptr, seat_, to == no_member ? nobody : to, text);
  }
  /// Result<>. They wait for the home's answer, not for the budget.
  [[nodiscard]] auto tell(std::string_view text, MessageKind kind = MessageKind::notice) noexcept {
    return detail::StepOperation<detail::RemoteCallSteps>(nullptr, seat_, Kind::tell, text, kind);
  }
  [[nodiscard]] auto announce(std::string_view text) noexcept {
    return detail::StepOperation<detail::RemoteCallSteps>(nullptr, seat_, Kind::announce, text);
  }
  [[nodiscard]] auto rename(std::string_view name) noexcept {
    return detail::StepOperation<detail::RemoteCallSteps>(nullptr, seat_, Kind::rename, name);
  }
  /// As Member::leave(): completes when the stream has taken all that was said before, on whichever loop.
  [[nodiscard]] auto leave() noexcept { return detail::StepOperation<detail::RemoteLeaveSteps>(nullptr, seat_); }

  /// As Member::make_absent(); at once.
  void make_absent() noexcept {
    if (detail::is_present(here())) here()->room->make_absent(*here());
  }
  /// As Member::attach(), over another stream on this loop: Result<>. On another loop, join anew with
  /// JoinOptions::after.
  template <ByteStream Stream>
  [[nodiscard]] auto attach(Stream& stream, const ResumePoint& after) noexcept {
    return detail::StepOperation<detail::RemoteAttachSteps>(nullptr, seat_, detail::AnyStream(stream), after);
  }

  explicit operator bool() const noexcept { return seat_ != nullptr; }
  MemberId id() const noexcept { return seat_ == nullptr ? no_member : seat_->id; }
  std::string_view name() const noexcept { return seat_ == nullptr ? std::string_view() : seat_->name; }
  /// none while it is in the room, as far as is known here.
  EndReason reason() const noexcept { return here() == nullptr ? EndReason::left : here()->reason; }
  /// How far it is behind what has come to this loop, in bytes as RoomLog counts them.
  std::size_t lag() const noexcept { return detail::is_present(here()) ? here()->room->lag(*here()) : 0; }

 private:
  friend class detail::RemoteJoinSteps;
  explicit RemoteMember(std::shared_ptr<detail::Seat> seat) noexcept : seat_(std::move(seat)) {}

  detail::MemberState* here() const noexcept { return seat_ == nullptr ? nullptr : seat_->here.get(); }
  void leave_now() noexcept {
    if (seat_ != nullptr) detail::RoomCopy::release(*seat_);
    seat_ = nullptr;
  }

  std::shared_ptr<detail::Seat> seat_;
};

namespace detail {

/// RoomReplica::join().
class RemoteJoinSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  RemoteJoinSteps(RoomCopy& copy, AnyStream stream, std::string_view name, const JoinOptions& options) noexcept
      : copy_(copy),
        link_(copy.link()),
        stream_(stream),
        options_(options),
        request_(HomeRequest::Kind::join, nullptr) {
    request_.text = name;
  }
  RemoteJoinSteps(const RemoteJoinSteps&) = delete;
  RemoteJoinSteps& operator=(const RemoteJoinSteps&) = delete;
  // It may have come in, and nobody has asked for the result.
  ~RemoteJoinSteps() {
    if (seat_ != nullptr && seat_->here) RoomCopy::release(*seat_);
  }

  Step step(Operation& operation) noexcept {
    if (state_ == nullptr) {
      fail_with(operation, ask(operation));
      return state_ != nullptr && !operation.error() ? Step::parked : Step::done;
    }
    if (!link_->is_answered(request_)) return Step::parked;
    fail_with(operation, come_in());
    return Step::done;
  }
  Step interrupt(Operation& operation, Drive how) noexcept {
    if (state_ != nullptr && !link_->withdraw(request_)) return step(operation);
    give_back_stream();
    operation.fail(how == Drive::expire ? Error::timed_out : Error::cancelled);
    return Step::done;
  }
  void leave(Operation&) noexcept {
    if (state_ == nullptr) return;
    const bool withdrawn = link_->withdraw(request_);
    give_back_stream();
    if (withdrawn || request_.error) return;
    if (is_there())
      copy_.turn_away(*seat_);
    else
      link_->tell_gone(*seat_);
  }
  Result<RemoteMember> result(Operation& operation) noexcept {
    if (operation.error()) return operation.error();
    return RemoteMember(std::move(seat_));
  }

 private:
  std::error_code ask(Operation& operation) noexcept {
    if (&operation.driver() != &link_->driver) return Error::wrong_loop;
    if (!is_there()) return Error::closed;
    if (!may_send_on(stream_.descriptor())) return Error::busy;
    if (request_.text.size() > copy_.core().options().max_name) return Error::too_long;
    std::unique_ptr<MemberState> state;
    const bool made = without_bad_alloc([&] {
      seat_ = std::make_shared<Seat>(link_);
      seat_->name = request_.text;
      state = std::make_unique<MemberState>();
    });
    if (!made) return std::make_error_code(std::errc::not_enough_memory);
    seat_->format = options_.format;
    seat_->after = options_.after;
    seat_->copy = &copy_;
    state->stream = stream_;
    state->resumed = options_.after.has_value();
    state->stays_when_broken = options_.stays_when_broken;
    request_.seat = seat_.get();
    if (!link_->ask(request_, operation)) return Error::closed;
    state_ = std::move(state);
    state_->lend(true);
    return {};
  }

  std::error_code come_in() noexcept {
    give_back_stream();
    if (request_.error) return request_.error;
    if (!is_there()) {
      link_->tell_gone(*seat_);
      return Error::closed;
    }
    if (copy_.take() && copy_.admit(*seat_, state_)) return {};
    copy_.turn_away(*seat_);
    return std::make_error_code(std::errc::not_enough_memory);
  }

  // The replica may have gone, which is on this thread.
  bool is_there() noexcept {
    const std::lock_guard lock(link_->mutex);
    return link_->copy != nullptr;
  }
  void give_back_stream() noexcept {
    if (state_ != nullptr) state_->lend(false);
  }

  RoomCopy& copy_;
  std::shared_ptr<RoomLink> link_;
  AnyStream stream_;
  JoinOptions options_;
  HomeRequest request_;
  std::shared_ptr<Seat> seat_;
  std::unique_ptr<MemberState> state_;
};

}  // namespace detail

/// Made and destroyed on the loop whose members it serves; it does not move. Destroying it ends them with
/// EndReason::closed, and what waits for the home completes with Error::closed. Its memory is that of a ChatRoom.
///
/// Threads: its loop.
class RoomReplica {
 public:
  /// Takes what the home has of the log as soon as the two loops have turned.
  explicit RoomReplica(const RoomDoor& door) : copy_(door.door_) {}
  RoomReplica(const RoomReplica&) = delete;
  RoomReplica& operator=(const RoomReplica&) = delete;
  ~RoomReplica() = default;

  /// As ChatRoom::join(), but waits for the home: Result<RemoteMember>. The stream is lent from the beginning.
  /// Errors:  those of ChatRoom::join(); Error::closed also when the home is gone; cancelled, timed_out: nobody joined.
  /// Buffers: the name and the options' format are borrowed, the name until completion.
  template <ByteStream Stream>
  [[nodiscard]] auto join(Stream& stream, std::string_view name, const JoinOptions& options = {}) noexcept {
    return detail::StepOperation<detail::RemoteJoinSteps>(nullptr, copy_, detail::AnyStream(stream), name, options);
  }

  /// Accepts connections, and has all who connect chat, until it is stopped; once the home is gone or closing, they are
  /// told so. See chat/serve_replica.hpp, which must be included.
  template <class Listener>
  Task<Result<>> serve(Listener listener, ServeOptions options);
  template <class Listener>
  Task<Result<>> serve(Listener listener);

  const RoomOptions& options() const noexcept { return copy_.core().options(); }
  /// Members on this loop.
  std::size_t size() const noexcept { return copy_.core().present(); }
  /// Up to where the log reaches on this loop.
  ResumePoint newest() const noexcept { return {copy_.core().epoch(), copy_.core().log().next() - 1}; }

 private:
  detail::RoomCopy copy_;
};

}  // namespace parley::inline PARLEY_ABI
