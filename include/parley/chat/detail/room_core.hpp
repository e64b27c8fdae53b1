// SPDX-License-Identifier: BSL-1.0
#pragma once

// The part of a chat room that delivers: at the end of a turn of the loop each member that is behind gets one vectored
// send, from its cursor to the end of the log.
//
// A member is in one of three lists: caught up, behind, or blocked (its stream takes no more just now). Appending moves
// all that are caught up behind, at once. The flush serves those behind in the order in which they were served last,
// for as long as max_flush allows; the others come first in the next turn. A blocked member has an operation of its own
// that waits for its stream; it moves nobody else's. Where there is no memory for such an operation, the member is
// starved: it is behind again after a pause.

#include <parley/chat/detail/batch.hpp>
#include <parley/chat/detail/delivery.hpp>
#include <parley/chat/detail/elsewhere.hpp>
#include <parley/chat/detail/fetch_ahead.hpp>
#include <parley/chat/detail/member_state.hpp>
#include <parley/chat/detail/member_table.hpp>
#include <parley/chat/detail/retry_pause.hpp>
#include <parley/chat/detail/room_inbox.hpp>
#include <parley/chat/detail/room_state.hpp>
#include <parley/chat/detail/sends_together.hpp>
#include <parley/chat/detail/skip.hpp>
#include <parley/chat/room_log.hpp>
#include <parley/chat/room_options.hpp>
#include <parley/core/detail/no_memory.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/result.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <memory>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

class RoomCore final : public RoomState, private TurnEndHook, private Completion, private Deliverer {
 public:
  using RoomState::RoomState;
  RoomCore(const RoomCore&) = delete;
  RoomCore& operator=(const RoomCore&) = delete;
  ~RoomCore() {
    assert(elsewhere_ == nullptr);  // destroy the RoomHome first
    end_all();
    table_.for_each([](MemberState& member) { member.room = nullptr; });
  }

  /// What was published before is still said.
  void stop_admitting() noexcept {
    if (closing_) return;
    closing_ = true;
    inbox_.close();
    if (reader_ != nullptr) reader_->drain();
  }

  /// While it is set the room belongs to this loop, members or not. Null: no more.
  void set_elsewhere(Elsewhere* elsewhere) noexcept {
    elsewhere_ = elsewhere;
    belong_nowhere_if_empty();
  }
  /// Other loops have sent more, or have fewer members.
  void went_on_elsewhere() noexcept {
    if (!budget_spent()) {
      if (reader_ != nullptr && reader_->has_more()) reader_->drain();
      wake_speakers();
    }
    wake_closer();
  }

  /// The room belongs to this thread's loop from here on. May throw std::bad_alloc.
  void belong_here() {
    loop_ = EventLoop::current();
    if (reader_ == nullptr) reader_ = std::make_unique<RoomInbox::Reader>(inbox_, &RoomCore::take_published, this);
  }
  void belong_nowhere_if_empty() noexcept {
    if (table_.size() != 0 || elsewhere_ != nullptr) return;
    unlink();
    retry_.stop();
    reader_.reset();
    loop_ = nullptr;
    unflushed_ = 0;
  }

  /// What other threads have published by now is in the log, as far as there is room for it.
  void read_inbox() noexcept {
    if (reader_ != nullptr) reader_->drain();
  }
  /// From any thread. May throw std::bad_alloc.
  Result<> publish(std::string_view text, MessageKind kind) {
    if (!inbox_.is_read_here()) return inbox_.push(text, kind);
    reader_->drain();  // what was published before comes before
    return append_now(published(text, kind));
  }

  /// May throw std::bad_alloc; nothing has changed then.
  void add(MemberState& member, const WireFormat& format) {
    table_.reserve();
    member.log = &log_.use(format);
    member.room = this;
    table_.add(member);
    ++present_;
    member.lend(true);
    place(member);
  }

  /// The member's stream is gone; it stays, and gets nothing until it has another one.
  void make_absent(MemberState& member) noexcept {
    member.unlink();
    deliveries_.give_back(std::exchange(member.delivery, nullptr));
    member.lend(false);
    member.stream = AnyStream();
    member.aside.reset();
    wake_if(std::exchange(member.leaver, nullptr));
    wake_closer();
  }
  void attach(MemberState& member, AnyStream stream, std::uint64_t cursor) noexcept {
    make_absent(member);
    member.stream = stream;
    member.cursor = cursor;
    member.within = 0;
    member.joined_at = log_.next();
    member.resumed = true;
    member.lend(true);
    place(member);
  }

  /// The member is no more.
  void remove(MemberState& member) noexcept {
    end(member, EndReason::left);
    log_.release(*member.log);
    table_.remove(member);
    member.room = nullptr;
    belong_nowhere_if_empty();
  }

  /// The member gets nothing any more. What it holds stays until remove().
  void end_all() noexcept {
    table_.for_each([this](MemberState& member) { end(member, EndReason::closed); });
  }
  void end(MemberState& member, EndReason reason) noexcept {
    if (member.ended()) return;
    member.reason = reason;
    member.unlink();
    table_.remove_name(member);
    --present_;
    counters_.dropped += count_visible(member, log_, member.cursor, goal(member), options_.echo);
    deliveries_.give_back(std::exchange(member.delivery, nullptr));
    member.lend(false);
    if (reason != EndReason::left && member.stream) member.stream.shut_down();
    if (elsewhere_ != nullptr) elsewhere_->ended(member);
    wake_if(std::exchange(member.leaver, nullptr));
    wake_speakers();
    wake_closer();
  }

  /// May throw std::bad_alloc; nothing has changed then.
  std::uint64_t append(Message message, const RoomLog::Encoded* only = nullptr) {
    message.time_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    return append_as_said(message, only);
  }
  /// The same with the time that the message has.
  std::uint64_t append_as_said(const Message& message, const RoomLog::Encoded* only = nullptr) {
    const std::uint64_t sequence = log_.append(message, only);
    unflushed_ += RoomLog::record_overhead + message.name.size() + message.text.size();
    ++counters_.messages;
    behind_.take(caught_up_);
    flush_soon();
    return sequence;
  }

  /// The same for what nobody waits for; refused rather than that members fall behind because of it.
  Result<> append_now(const Message& message, const RoomLog::Encoded* only = nullptr) noexcept {
    if (closing_) return Error::closed;
    if (message.text.size() > options_.max_message) return Error::too_long;
    return append_within_budget(message, only);
  }

  /// It is to get nothing beyond what is in the log now; UINT64_MAX: it is to go on.
  void set_goal(MemberState& member, std::uint64_t goal) noexcept {
    member.goal = goal;
    if (member.ended() || member.delivery != nullptr || !member.stream) return;
    member.unlink();
    place(member);
  }
  bool all_caught_up() noexcept {
    return behind_.empty() && starved_.empty() && blocked_.empty() && (reader_ == nullptr || !reader_->has_more()) &&
           (elsewhere_ == nullptr || elsewhere_->caught_up());
  }

 private:
  static constexpr int max_sends = 8;
  static constexpr int sends_between_looks_at_the_clock = 16;

  // Sends what there is for the member.
  Step deliver(MemberState& member, Operation& operation) noexcept override {
    for (int i = 0; i < max_sends; ++i) {
      Batch batch;
      const bool aside = gather(member, batch);
      std::size_t count = 0;
      if (batch.bytes() != 0) {
        const Step step = member.stream.poll_send(operation, batch.pieces(), count);
        if (step != Step::done || operation.error()) return step;
      }
      note_taken(member, batch, aside, count);
      if (is_caught_up(member)) break;
    }
    operation.succeed();
    return Step::done;
  }

  // True: what comes next is not of the log.
  bool gather(MemberState& member, Batch& batch) noexcept {
    const bool aside = prepare_aside(member);
    if (aside) {
      batch.gather_aside(*member.aside);
    } else {
      batch.gather(member, log_, goal(member), options_.echo);
    }
    return aside;
  }

  Result<> append_within_budget(const Message& message, const RoomLog::Encoded* only = nullptr) noexcept {
    if (unsent() >= max_lag() / 2) return Error::queue_full;
    if (without_bad_alloc([&] { append(message, only); })) return {};
    return std::make_error_code(std::errc::not_enough_memory);
  }

  // What there is no room for now stays where it is until this turn's end.
  static bool take_published(void* self, const RoomInbox::Item& item) noexcept {
    return static_cast<RoomCore*>(self)->append_within_budget(published(item.text, item.kind)).has_value();
  }

  void place(MemberState& member) noexcept {
    if (member.elsewhere) return;
    if (is_caught_up(member)) {
      caught_up_.push_back(member);
      wake_if(std::exchange(member.leaver, nullptr));
    } else {
      behind_.push_back(member);
      flush_soon();
    }
  }

  void flush_soon() noexcept {
    if (loop_ != nullptr) loop_->at_turn_end(*this);
  }

  void turn_ended() noexcept override {
    if (elsewhere_ != nullptr) elsewhere_->hand_over();
    flush();
    apply_policy();
    const bool sent = behind_.empty() && starved_.empty();
    if (sent) {
      unflushed_ = 0;
      if (reader_ != nullptr && reader_->has_more()) reader_->drain();
      wake_speakers();
      wake_closer();
    } else if (!behind_.empty()) {
      flush_soon();
    }
    starved_.empty() ? retry_.shorten() : retry_.begin(*loop_);
    if (elsewhere_ != nullptr) elsewhere_->flushed(sent);
  }

  // Each member that is behind now, once.
  void flush() noexcept {
    List<MemberState> now;
    now.take(behind_);
    if (!retry_.is_running()) now.take(starved_);
    const bool looks_at_the_clock = present_ >= sends_between_looks_at_the_clock;
    const TimePoint start = looks_at_the_clock ? Clock::now() : TimePoint();
    const TimePoint until = start + std::min(options_.max_flush, TimePoint::max() - start);
    const bool together = together_.begin(loop_->driver());
    int sends = 0;
    while (MemberState* member = now.pop_front()) {
      fetch_ahead(now);
      const bool alone = now.empty() && (!together || together_.empty());
      if (alone || !together || !serve_later(*member)) serve(*member);
      if (together && together_.full()) serve_together();
      if (++sends % sends_between_looks_at_the_clock == 0 && Clock::now() >= until) break;
    }
    if (together) serve_together();
    now.take(behind_);
    behind_.take(now);
  }

  void serve(MemberState& member) noexcept {
    if (member.cursor < log_.first() && !catch_up(member)) return end_slow(member);
    Delivery* delivery = deliveries_.take(*this, member);
    if (delivery == nullptr) return starved_.push_back(member);
    if (delivery->start_unbudgeted(loop_->driver())) {
      member.delivery = delivery;
      delivery->set_continuation(Continuation(static_cast<Completion&>(*this)));
      return blocked_.push_back(member);
    }
    const bool failed = static_cast<bool>(delivery->error());
    deliveries_.give_back(delivery);
    if (failed) return stream_broke(member);
    place(member);
  }

  // False: it is to be served by itself.
  bool serve_later(MemberState& member) noexcept {
    if (member.cursor < log_.first() || !together_.takes(member)) return false;
    SendsTogether::Item& item = together_.next(member);
    item.aside = gather(member, item.batch);
    if (item.batch.bytes() == 0) return false;
    together_.add(item);
    return true;
  }
  void serve_together() noexcept {
    if (together_.empty()) return;
    together_.carry_out([this](const SendsTogether::Item& item, std::size_t count, bool failed) {
      MemberState& member = *item.member;
      if (member.ended()) return;  // because of another's end
      if (failed) return stream_broke(member);
      note_taken(member, item.batch, item.aside, count);
      if (is_caught_up(member)) return place(member);
      serve(member);
    });
  }

  void stream_broke(MemberState& member) noexcept {
    if (!member.stays_when_broken) return end(member, EndReason::broken);
    member.stream.shut_down();
    make_absent(member);
  }

  using Completion::finished;
  void finished(Operation& operation) noexcept override {
    auto& delivery = static_cast<Delivery&>(operation);
    MemberState& member = delivery.member();
    const bool failed = static_cast<bool>(delivery.error());
    member.unlink();
    deliveries_.give_back(std::exchange(member.delivery, nullptr));
    if (failed) return stream_broke(member);
    place(member);
    wake_closer();
  }

  // Those who do not take more, and are further behind than they may be.
  void apply_policy() noexcept {
    List<MemberState> looked_at;
    while (MemberState* member = blocked_.pop_front()) {
      const std::size_t behind = lag(*member);
      counters_.largest_lag = std::max<std::uint64_t>(counters_.largest_lag, behind);
      // What was said before it came is no lag of its own.
      const std::size_t own = log_.retained(std::max({member->cursor, member->joined_at, log_.first()}));
      const bool too_far = own > max_lag() || member->cursor < log_.first();
      if (too_far && !catch_up(*member)) {
        end_slow(*member);
      } else {
        looked_at.push_back(*member);
      }
    }
    blocked_.take(looked_at);
  }

  void end_slow(MemberState& member) noexcept {
    ++counters_.disconnected;
    end(member, EndReason::too_slow);
  }

  // False: the member cannot or must not skip.
  bool catch_up(MemberState& member) noexcept {
    return options_.slow == SlowPolicy::skip && skip_to_newest(member, log_, options_.echo, counters_.dropped);
  }

  void note_taken(MemberState& member, const Batch& batch, bool aside, std::size_t count) noexcept {
    counters_.bytes += count;
    if (aside) {
      member.aside->sent += count;
      if (!member.has_aside()) member.aside.reset();
    } else {
      counters_.deliveries += batch.taken(count, member, log_, options_.echo);
    }
  }

  void wake_closer() noexcept {
    if (closer() != nullptr && all_caught_up()) wake(*closer());
    if (elsewhere_ != nullptr) elsewhere_->went_on();
  }

  List<MemberState> caught_up_;
  List<MemberState> behind_;
  List<MemberState> blocked_;
  List<MemberState> starved_;
  RetryPause retry_{static_cast<TurnEndHook&>(*this)};
  DeliveryPool deliveries_;
  SendsTogether together_;
  RoomInbox inbox_;
  std::unique_ptr<RoomInbox::Reader> reader_;  // while the room belongs to a loop
};

}  // namespace parley::inline PARLEY_ABI::detail
