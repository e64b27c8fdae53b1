// SPDX-License-Identifier: BSL-1.0
#pragma once

// ChatRoom: what one member says, all others get, in the same order.
//
// A room is a log, and a member is a cursor into it. A member that takes no more stops moving and delays nobody; when it
// lags too far behind, the room's policy applies (RoomOptions::slow).
//
// Loops:   a room belongs to the loop on which members join; when the last one is gone it may go over to another.
// Threads: that loop's, for all but publish(). Destroy a room there, or when it has no members.
// Memory:  the history and one and a half times max_lag, for each wire format in use and once more for the texts
//          themselves; for each member a cursor and its name.

#include <parley/chat/member.hpp>
#include <parley/chat/room_options.hpp>
#include <parley/chat/wire_format.hpp>
#include <parley/core/task.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI {

struct JoinOptions {
  const WireFormat* format = &plain_lines;
  /// Go on after this message instead of beginning with the history.
  std::optional<ResumePoint> after = std::nullopt;
  /// A stream that breaks does not end the member: it is shut down, and the member is as after make_absent().
  bool stays_when_broken = false;
};

struct ServeOptions;

class ChatRoom {
  class CloseSteps;

 public:
  using Options = RoomOptions;

  explicit ChatRoom(const Options& options = {}) : core_(options) {}
  ChatRoom(const ChatRoom&) = delete;
  ChatRoom& operator=(const ChatRoom&) = delete;
  /// Members are ended with EndReason::closed.
  ~ChatRoom() = default;

  /// Makes whoever is behind the stream a member. The stream is borrowed, and lent to the room for sending, until the
  /// Member has gone. Never waits.
  /// Errors: Error::busy when somebody has the name (unique_names), or somebody sends on the stream; queue_full when
  ///         max_members are there; too_long for a name over max_name; closed when the room closes; no_loop; wrong_loop;
  ///         not_found when the log does not reach back to `after`, or is another room's; std::errc::not_enough_memory.
  template <ByteStream Stream>
  Result<Member> join(Stream& stream, std::string_view name, const JoinOptions& options = {}) {
    if (const Error error = refusal(name); error != Error{}) return error;
    if (!detail::may_send_on(stream.descriptor())) return Error::busy;
    std::unique_ptr<detail::MemberState> state;
    bool found = false;
    const bool done = detail::without_bad_alloc([&] {
      core_.belong_here();
      const std::uint64_t cursor = options.after ? core_.after(*options.after) : newcomers_begin();
      found = cursor != 0;
      if (found) state = add(detail::AnyStream(stream), name, options, cursor);
    });
    core_.belong_nowhere_if_empty();
    if (!done) return std::make_error_code(std::errc::not_enough_memory);
    if (!found) return Error::not_found;
    return Member(std::move(state));
  }

  /// Accepts connections, and has all who connect chat, until it is stopped. See chat/serve.hpp, which must be included.
  template <class Listener>
  Task<Result<>> serve(Listener listener, ServeOptions options);
  template <class Listener>
  Task<Result<>> serve(Listener listener);

  /// Says something in the room's name. From any thread; never waits.
  /// Errors: Error::too_long; closed when the room closes; queue_full when the room has more than half of max_lag to
  ///         send, or 1,024 texts of other threads wait (while the room has no members, the oldest of them are dropped);
  ///         std::errc::not_enough_memory.
  Result<> publish(std::string_view text, MessageKind kind = MessageKind::notice) {
    if (text.size() > core_.options().max_message) return Error::too_long;
    Result<> published;
    if (detail::without_bad_alloc([&] { published = core_.publish(text, kind); })) return published;
    return std::make_error_code(std::errc::not_enough_memory);
  }

  /// Says something to one member in the name of somebody who is none, in order with all else. Never waits. Errors: as
  /// Member::tell(); Error::not_found when it is not there.
  Result<> say_to(MemberId to, std::string_view name, std::string_view text) {
    const detail::MemberState* reader = core_.members().find(to);
    if (reader == nullptr || reader->ended()) return Error::not_found;
    Message message;
    message.kind = MessageKind::direct;
    message.recipient = to;
    message.name = name;
    message.text = text;
    return core_.append_now(message, reader->log);
  }

  /// The member of that name; no_member: there is none.
  MemberId find(std::string_view name) const noexcept {
    const detail::MemberState* member = core_.members().find(name);
    return member == nullptr || member->ended() ? no_member : member->id;
  }
  /// Calls visit(MemberId, std::string_view name) for each member. It must not add or remove any.
  template <class Visit>
  void for_each(Visit visit) const {
    core_.members().for_each([&](const detail::MemberState& member) {
      if (!member.ended()) visit(member.id, std::string_view(member.name));
    });
  }
  std::size_t size() const noexcept { return core_.present(); }
  /// Calls visit(const Message&) for the newest texts that were said to all, at most so many, the oldest first.
  template <class Visit>
  void for_each_recent(std::size_t most, Visit visit) const {
    const RoomLog& log = core_.log();
    std::uint64_t from = log.recent(most, SIZE_MAX);
    for (; from != log.next(); ++from) {
      if (log.kind(from) == MessageKind::text) visit(log.at(from));
    }
  }

  /// Ends a member: its stream is shut down, so that its session ends, and its reason() says why. What it was to get
  /// and its stream has not taken is lost. False: it is not there.
  bool remove(MemberId id) noexcept {
    detail::MemberState* member = core_.members().find(id);
    if (member == nullptr || member->ended()) return false;
    core_.end(*member, EndReason::removed);
    return true;
  }

  /// Lets nobody in and nothing be said any more; completes when all members have got what was said: Result<>. They
  /// are then ended with EndReason::closed. Use within() to bound it.
  /// Errors: Error::timed_out, cancelled: members were ended with something left to send. busy for a second close();
  ///         wrong_loop; then nothing was done.
  [[nodiscard]] auto close() noexcept;

  RoomCounters counters() const noexcept { return core_.counters(); }
  const Options& options() const noexcept { return core_.options(); }
  /// Up to where the room's log reaches now, for a reader who has got all of it.
  ResumePoint newest() const noexcept { return {core_.epoch(), core_.log().next() - 1}; }

 private:
  friend class Member;
  friend class RoomHome;

  // Error{}: none.
  Error refusal(std::string_view name) const noexcept {
    const EventLoop* here = EventLoop::current();
    if (here == nullptr) return Error::no_loop;
    if (core_.loop() != nullptr && core_.loop() != here) return Error::wrong_loop;
    if (core_.closing()) return Error::closed;
    if (name.size() > core_.options().max_name) return Error::too_long;
    if (size() >= core_.options().max_members) return Error::queue_full;
    if (core_.options().unique_names && core_.members().find(name) != nullptr) return Error::busy;
    return Error{};
  }

  std::uint64_t newcomers_begin() const noexcept {
    return core_.log().recent(options().history_messages, options().history_bytes);
  }

  std::unique_ptr<detail::MemberState> add(detail::AnyStream stream, std::string_view name, const JoinOptions& options,
                                           std::uint64_t cursor) {
    auto state = std::make_unique<detail::MemberState>();
    state->stream = stream;
    state->name = name;
    state->cursor = cursor;
    state->joined_at = core_.log().next();
    state->resumed = options.after.has_value();
    state->stays_when_broken = options.stays_when_broken;
    core_.add(*state, *options.format);
    return state;
  }

  detail::RoomCore core_;
};

class ChatRoom::CloseSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit CloseSteps(detail::RoomCore& room) noexcept : room_(room) {}

  Step step(Operation& operation) noexcept {
    if (room_.loop() != nullptr && &operation.driver() != &room_.loop()->driver()) {
      operation.fail(Error::wrong_loop);
      return Step::done;
    }
    room_.stop_admitting();
    if (room_.closer() != nullptr && room_.closer() != &operation) {
      operation.fail(Error::busy);
      return Step::done;
    }
    operation.succeed();
    const bool done = room_.all_caught_up();
    room_.set_closer(done ? nullptr : &operation);
    return done ? Step::done : Step::parked;
  }
  void leave(Operation& operation) noexcept {
    if (room_.closer() == &operation) room_.set_closer(nullptr);
  }
  Result<> result(Operation& operation) noexcept {
    const std::error_code error = operation.error();
    if (!error || error == Error::timed_out || error == Error::cancelled) room_.end_all();
    return error;
  }

 private:
  detail::RoomCore& room_;
};

inline auto ChatRoom::close() noexcept { return detail::StepOperation<CloseSteps>(nullptr, core_); }

}  // namespace parley::inline PARLEY_ABI
