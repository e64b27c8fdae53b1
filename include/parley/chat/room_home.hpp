// SPDX-License-Identifier: BSL-1.0
#pragma once

// RoomHome: lets members on other loops into a room. The loop that makes it is the room's home; every other loop makes
// a RoomReplica (chat/room_replica.hpp), which serves the members there.
//
//   ChatRoom room;                                    // on the home's loop
//   RoomHome home(room);
//   pool[0].spawn([door = home.door()] { return serve_there(door); });    // which makes a RoomReplica(door)
//
// The rules, for one room:
// - The home numbers the messages, and has all names, numbers and limits of members: who may join, what may be said.
// - At the end of its turn it hands what was said to a copy of the log on every other loop, as it was said: the copy
//   has the same records under the same numbers, and drops them at the same time. There each member is a cursor, and
//   has its stream, its lag, its policy; the turn's end of that loop flushes it as the home's does its own.
// - A member elsewhere asks the home for all else: to join, to say something, to be renamed. The request stands in the
//   operation that waits, and is done by the home or withdrawn, never both. What was handed over before the answer is
//   in the copy when the answer is. So all see the same messages in the same order, and who resumes on whichever loop
//   finds the log there as everywhere.
// - Whoever ends a member first has ended it: its loop (too slow, broken, left) or the home (removed, closed), which
//   says up to which message it is to count what was not delivered.
// - A copy reports how far it has sent. What the slowest has not sent counts against the room's budget, so that say()
//   waits on all loops, and publish() and tell() give Error::queue_full, when one of them cannot keep up. A loop that
//   does not turn at all holds up the room.
// - No queue is longer than the budget (messages), the members (their ends) or the operations that wait (requests).

#include <parley/chat/chat_room.hpp>
#include <parley/chat/detail/room_link.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI {

/// Lets a loop make a RoomReplica. May be copied, and used on any thread; keeps nothing alive but itself.
class RoomDoor {
 private:
  friend class RoomHome;
  friend class RoomReplica;
  explicit RoomDoor(std::shared_ptr<detail::HomeDoor> door) noexcept : door_(std::move(door)) {}
  std::shared_ptr<detail::HomeDoor> door_;
};

/// Made and destroyed on the loop that is to be the room's home, where no member of the room is on another; it must not
/// outlive the room. It does not move. Destroying it ends the members on other loops with EndReason::closed; in what
/// order homes and replicas go does not matter.
/// ChatRoom::find(), for_each(), remove(), size(), counters() and close() then mean the members on all loops; the
/// counters of other loops are as of their last turn.
class RoomHome final : private detail::Elsewhere, private Operation {
  using HomePart = detail::HomePart;
  using HomeRequest = detail::HomeRequest;
  using RoomLink = detail::RoomLink;
  using Seat = detail::Seat;

 public:
  explicit RoomHome(ChatRoom& room)
      : Operation(&RoomHome::drive, platform::Direction::read),
        room_(room),
        core_(room.core_),
        door_(std::make_shared<detail::HomeDoor>(room.options(), room.core_.epoch())) {
    assert(EventLoop::current() != nullptr && (core_.loop() == nullptr || core_.loop() == EventLoop::current()));
    core_.belong_here();
    start_unbudgeted(*detail::Driver::current());
    core_.set_elsewhere(this);
    const std::lock_guard lock(door_->mutex);
    door_->reader = this;
  }
  RoomHome(const RoomHome&) = delete;
  RoomHome& operator=(const RoomHome&) = delete;
  ~RoomHome() {
    close_door();
    for (const auto& link : links_) part_from(*link);
    core_.wait_no_more(*this);
    abandon();
    core_.set_elsewhere(nullptr);
  }

  RoomDoor door() const noexcept { return RoomDoor(door_); }

 private:
  static Step drive(Operation& operation, detail::Drive how) {
    return how == detail::Drive::advance ? static_cast<RoomHome&>(operation).read() : Step::done;
  }

  // Something has come from another loop.
  Step read() noexcept {
    adopt_fresh();
    bool members_ended = false;
    for (const auto& link : links_) {
      members_ended |= read_news(*link);
      const std::lock_guard lock(link->mutex);
      look_at_progress(*link);
    }
    std::erase_if(links_, [this](const auto& link) { return is_over(*link); });
    core_.went_on_elsewhere();
    // Each loop is the first in its turn to use the budget.
    if (!links_.empty()) std::rotate(links_.begin(), links_.begin() + 1, links_.end());
    bool waits = false;
    for (const auto& link : links_) waits |= answer_requests(*link, members_ended);
    if (waits && !detail::without_bad_alloc([&] { core_.wait_for_budget(*this); })) wake(*this);
    if (incomplete_) hand_over();
    return Step::parked;
  }

  void adopt_fresh() noexcept {
    const std::size_t known = links_.size();
    {
      const std::lock_guard lock(door_->mutex);
      std::vector<std::shared_ptr<RoomLink>>& fresh = door_->fresh;
      if (!detail::without_bad_alloc([&] { links_.insert(links_.end(), fresh.begin(), fresh.end()); })) wake(*this);
      if (links_.size() != known) fresh.clear();
    }
    for (std::size_t i = known; i != links_.size(); ++i) {
      RoomLink& link = *links_[i];
      const std::lock_guard lock(link.mutex);
      link.handed = core_.log().first();
      link.sent = core_.log().next();  // what is there already is no lag of the new loop's
      incomplete_ = true;
    }
  }

  // Members that have ended on their loop, or are no more.
  bool read_news(RoomLink& link) noexcept {
    for (bool any = false;; any = true) {
      Seat* seat = nullptr;
      EndReason reason = EndReason::none;
      bool gone = false;
      {
        const std::lock_guard lock(link.mutex);
        detail::SeatNode* node = link.news.pop_front();
        if (node == nullptr) return any;
        seat = node->seat;
        reason = seat->ended_here;
        gone = seat->gone;
      }
      seat->home.told = true;
      if (reason != EndReason::none) core_.end(seat->home, reason);
      if (gone) forget(*seat);
    }
  }

  void forget(Seat& seat) noexcept {
    seat.home.told = true;
    seat.at_home.unlink();
    core_.remove(seat.home);
    seat.kept.reset();
  }

  // The copy is gone, and so are all its members.
  bool is_over(RoomLink& link) noexcept {
    const std::lock_guard lock(link.mutex);
    if (link.copy != nullptr || !link.seats.empty() || !link.news.empty()) return false;
    add(gone_, link.counters);
    return true;
  }

  void look_at_progress(RoomLink& link) noexcept {
    link.sent_before = link.copy == nullptr ? UINT64_MAX : link.sent;
    link.wants_report = unsent(link) >= detail::max_lag(core_.options()) / 8;
  }

  // True: some must wait for the room's budget.
  bool answer_requests(RoomLink& link, bool members_ended) noexcept {
    const std::lock_guard lock(link.mutex);
    while (HomeRequest* request = link.requests.front()) answer(link, *request);
    if (core_.budget_spent() && !members_ended && !core_.closing()) return !link.says.empty();
    detail::List<HomeRequest> before;
    before.take(link.says);
    while (HomeRequest* request = before.pop_front()) {
      if (!say(*request)) link.says.push_back(*request);
    }
    return !link.says.empty();
  }

  void answer(RoomLink& link, HomeRequest& request) noexcept {
    HomePart& member = request.seat->home;
    Result<> done;
    switch (request.kind) {
      case HomeRequest::Kind::join: done = join(link, request); break;
      case HomeRequest::Kind::tell: done = detail::tell(&member, request.text, request.message_kind); break;
      case HomeRequest::Kind::announce: done = detail::announce(&member, request.text); break;
      case HomeRequest::Kind::rename: done = detail::rename(&member, request.text); break;
      default:
        if (!detail::is_present(&member)) done = Error::closed;
        core_.read_inbox();  // what was published before is handed over, too
        if (done && !hand_over(link)) done = std::make_error_code(std::errc::not_enough_memory);
    }
    RoomLink::answer(request, done.error());
  }

  // False: not yet.
  bool say(HomeRequest& request) noexcept {
    HomePart& member = request.seat->home;
    member.said = {};  // its own loop has seen to its rate
    detail::Speech speech(&member, request.to, request.text);
    if (speech.attempt(driver()) == detail::Speech::Outcome::no_budget) return false;
    const auto said = speech.result();
    RoomLink::answer(request, said.error(), said ? *said : 0);
    return true;
  }

  Result<> join(RoomLink& link, HomeRequest& request) noexcept {
    if (const Error error = room_.refusal(request.text); error != Error{}) return error;
    Seat& seat = *request.seat;
    seat.cursor = seat.after ? core_.after(*seat.after) : room_.newcomers_begin();
    if (seat.cursor == 0) return Error::not_found;
    const bool added = hand_over(link) && detail::without_bad_alloc([&] {
                         seat.home.name = request.text;
                         seat.home.elsewhere = true;
                         seat.home.cursor = UINT64_MAX;
                         core_.add(seat.home, *seat.format);
                       });
    if (!added) return std::make_error_code(std::errc::not_enough_memory);
    seat.kept = seat.shared_from_this();
    link.seats.push_back(seat.at_home);
    link.caught_up = false;  // until it has been let in there
    seat.id = seat.home.id;
    seat.joined_at = core_.log().next();
    return {};
  }

  // Under the link's lock. False: memory has run out.
  bool hand_over(RoomLink& link) noexcept {
    if (link.copy == nullptr || link.handed == core_.log().next()) return true;
    const bool all = detail::without_bad_alloc([&] {
      for (; link.handed != core_.log().next(); ++link.handed) link.said.push(core_.log().at(link.handed));
    });
    link.wake_copy();
    return all;
  }

  void hand_over() noexcept override {
    incomplete_ = false;
    for (const auto& link : links_) {
      const std::lock_guard lock(link->mutex);
      incomplete_ |= !hand_over(*link);
      look_at_progress(*link);
    }
    if (incomplete_) wake(*this);
  }

  // Reads nothing that the link's lock guards.
  std::size_t unsent(const RoomLink& link) const noexcept {
    return core_.log().retained(std::max(link.sent_before, core_.log().first()));
  }
  std::size_t unsent() const noexcept override {
    std::size_t most = 0;
    for (const auto& link : links_) most = std::max(most, unsent(*link));
    return most;
  }

  bool caught_up() noexcept override {
    bool all = true;
    for (const auto& link : links_) {
      const std::lock_guard lock(link->mutex);
      if (link->copy == nullptr || (link->caught_up && link->sent == core_.log().next())) continue;
      link->wants_report = true;
      all = false;
    }
    return all;
  }

  void add_to(RoomCounters& sum) const noexcept override {
    add(sum, gone_);
    for (const auto& link : links_) {
      const std::lock_guard lock(link->mutex);
      add(sum, link->counters);
    }
  }
  static void add(RoomCounters& sum, const RoomCounters& one) noexcept {
    sum.bytes += one.bytes;
    sum.deliveries += one.deliveries;
    sum.dropped += one.dropped;
    sum.disconnected += one.disconnected;
    sum.largest_lag = std::max(sum.largest_lag, one.largest_lag);
  }

  // Its loop is to end it, too.
  void ended(detail::MemberState& member) noexcept override {
    if (!member.elsewhere) return;
    auto& part = static_cast<HomePart&>(member);
    if (std::exchange(part.told, true)) return;
    Seat& seat = *part.seat;
    RoomLink& link = *seat.link;
    const std::lock_guard lock(link.mutex);
    if (link.copy == nullptr || seat.gone) return;
    static_cast<void>(hand_over(link));
    seat.ended_by_home = member.reason;
    seat.goal = core_.log().next();
    link.orders.push_back(seat.order);
    link.wake_copy();
  }

  void close_door() noexcept {
    std::vector<std::shared_ptr<RoomLink>> fresh;
    {
      const std::lock_guard lock(door_->mutex);
      door_->reader = nullptr;
      fresh.swap(door_->fresh);
    }
    for (const auto& link : fresh) part_from(*link);
  }

  void part_from(RoomLink& link) noexcept {
    {
      const std::lock_guard lock(link.mutex);
      link.home_gone = true;
      link.refuse_all();
    }
    static_cast<void>(read_news(link));
    while (detail::SeatNode* node = link.seats.front()) {
      core_.end(node->seat->home, EndReason::closed);  // its loop hears of it
      forget(*node->seat);
    }
    const std::lock_guard lock(link.mutex);
    link.wake_copy();
  }

  ChatRoom& room_;
  detail::RoomCore& core_;
  const std::shared_ptr<detail::HomeDoor> door_;
  std::vector<std::shared_ptr<RoomLink>> links_;
  RoomCounters gone_;        // of loops that take no part any more
  bool incomplete_ = false;  // not all could be handed over, for want of memory
};

}  // namespace parley::inline PARLEY_ABI
