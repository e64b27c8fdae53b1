// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a room's home and its copy on another loop hand each other, in batches: each writes under the link's lock and
// wakes the other, which takes all there is. See room_home.hpp for the rules.

#include <parley/chat/detail/seat.hpp>
#include <parley/chat/room_options.hpp>
#include <parley/core/detail/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

class RoomLink;

/// Where new copies report to the home.
struct HomeDoor {
  HomeDoor(const RoomOptions& room_options, std::uint64_t room_epoch) : options(room_options), epoch(room_epoch) {}

  const RoomOptions options;
  const std::uint64_t epoch;

  std::mutex mutex;
  Operation* reader = nullptr;  // the home; null once it is gone
  std::vector<std::shared_ptr<RoomLink>> fresh;

  void knock() noexcept {
    const std::lock_guard lock(mutex);
    if (reader != nullptr) wake(*reader);
  }
};

/// Messages as they were said, one after the other.
class Handover {
 public:
  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }
  std::uint64_t first() const noexcept { return first_; }

  /// May throw std::bad_alloc; nothing is in it then that was not before.
  void push(const Message& message) {
    const std::size_t begin = texts_.size();
    texts_.append(message.name);
    texts_.append(message.text);
    entries_.push_back({message.sender, message.recipient, message.time_ms, begin,
                        static_cast<std::uint32_t>(message.name.size()),
                        static_cast<std::uint32_t>(message.text.size()), message.kind});
    if (entries_.size() == 1) first_ = message.sequence;
  }
  Message at(std::size_t i) const noexcept {
    const Entry& entry = entries_[i];
    const std::string_view texts = std::string_view(texts_).substr(entry.begin);
    Message message;
    message.kind = entry.kind;
    message.sender = entry.sender;
    message.recipient = entry.recipient;
    message.time_ms = entry.time_ms;
    message.name = texts.substr(0, entry.name_size);
    message.text = texts.substr(entry.name_size, entry.text_size);
    return message;
  }
  void clear() noexcept {
    entries_.clear();
    texts_.clear();
  }

 private:
  struct Entry {
    MemberId sender;
    MemberId recipient;
    std::int64_t time_ms;
    std::size_t begin;
    std::uint32_t name_size;
    std::uint32_t text_size;
    MessageKind kind;
  };
  std::vector<Entry> entries_;
  std::string texts_;
  std::uint64_t first_ = 0;
};

/// The fields are guarded by the lock, but where it says otherwise. Locks are taken in this order: a link's, the door's,
/// those of loops.
class RoomLink {
 public:
  RoomLink(std::shared_ptr<HomeDoor> to_home, Driver& copys_driver) noexcept
      : door(std::move(to_home)), driver(copys_driver) {}
  RoomLink(const RoomLink&) = delete;
  RoomLink& operator=(const RoomLink&) = delete;

  const std::shared_ptr<HomeDoor> door;
  const Driver& driver;  // the copy's; for comparing only
  std::mutex mutex;

  // For the copy.
  Operation* copy = nullptr;  // null once it is gone
  bool home_gone = false;
  bool wants_report = false;  // the home waits to hear what the copy has sent
  Handover said;
  List<SeatNode> orders;

  // For the home.
  List<HomeRequest> says;  // which may have to wait for the room's budget
  List<HomeRequest> requests;
  List<SeatNode> news;
  bool caught_up = true;   // all of the copy's members, with all before:
  std::uint64_t sent = 0;  // the record after those that were sent to all who take them
  RoomCounters counters;   // of the copy

  // The home's alone.
  std::uint64_t handed = 0;       // the record that is handed over next
  std::uint64_t sent_before = 0;  // `sent` when it was looked at last
  List<SeatNode> seats;

  // What the copy calls.

  /// False: nobody is there to be asked.
  bool ask(HomeRequest& request, Operation& waiter) noexcept {
    const std::lock_guard lock(mutex);
    if (home_gone) return false;
    request.waiter = &waiter;
    request.state = HomeRequest::State::asked;
    (request.kind == HomeRequest::Kind::say ? says : requests).push_back(request);
    door->knock();
    return true;
  }
  /// What was asked is not to be done any more. False: it has been done.
  bool withdraw(HomeRequest& request) noexcept {
    const std::lock_guard lock(mutex);
    if (request.state == HomeRequest::State::answered) return false;
    request.unlink();
    request.state = HomeRequest::State::idle;
    return true;
  }
  bool is_answered(const HomeRequest& request) noexcept {
    const std::lock_guard lock(mutex);
    return request.state == HomeRequest::State::answered;
  }
  void tell_ended(Seat& seat, EndReason reason) noexcept {
    const std::lock_guard lock(mutex);
    seat.ended_here = reason;
    tell(seat);
  }
  void tell_gone(Seat& seat) noexcept {
    const std::lock_guard lock(mutex);
    seat.gone = true;
    seat.order.unlink();
    tell(seat);
  }
  void report(std::uint64_t next, bool all_caught_up, const RoomCounters& counted) noexcept {
    const std::lock_guard lock(mutex);
    sent = next;
    caught_up = all_caught_up;
    counters = counted;
    if (wants_report) door->knock();
  }

  // With the lock held.

  static void answer(HomeRequest& request, std::error_code error, std::uint64_t sequence = 0) noexcept {
    request.unlink();
    request.error = error;
    request.sequence = sequence;
    request.state = HomeRequest::State::answered;
    wake(*request.waiter);
  }
  void refuse_all() noexcept {
    while (HomeRequest* request = says.front()) answer(*request, Error::closed);
    while (HomeRequest* request = requests.front()) answer(*request, Error::closed);
  }
  void wake_copy() noexcept {
    if (copy != nullptr) wake(*copy);
  }

 private:
  void tell(Seat& seat) noexcept {
    if (home_gone) return;
    if (!seat.news.linked()) news.push_back(seat.news);
    door->knock();
  }
};

}  // namespace parley::inline PARLEY_ABI::detail
