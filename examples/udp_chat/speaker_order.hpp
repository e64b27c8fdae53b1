// SPDX-License-Identifier: BSL-1.0
#pragma once

// The texts of one speaker, which come in any order, more than once or not at all, put in order.
//
// A text that comes before its time is held, until those before it have come, or `patience` has passed since it came:
// then they count as lost. It never holds more than `window` texts: what is further ahead ends the waiting at once. No
// input and no output; the caller has the clock.

#include <parley/platform/clock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace udp_chat {

class SpeakerOrder {
 public:
  static constexpr parley::Duration patience = std::chrono::milliseconds(300);
  static constexpr std::uint64_t window = 64;
  /// A speaker who is heard now and then cannot be further ahead than this: it is made up.
  static constexpr std::uint64_t furthest = 4096;

  enum class Taken : std::uint8_t { in_order, out_of_order, duplicate, too_late, made_up };

  /// Either a text, or how many were lost in front of the next one.
  struct Ready {
    std::string text;
    std::uint64_t lost = 0;
  };

  /// Numbers count from 1.
  Taken take_text(std::uint64_t number, std::string_view text, parley::TimePoint now) {
    if (is_made_up(number)) return Taken::made_up;
    begin_with(number, now);
    if (number < next_) return was_delivered(number) ? Taken::duplicate : Taken::too_late;
    if (!held_.try_emplace(number, Held{std::string(text), now}).second) return Taken::duplicate;
    held_bytes_ += text.size();
    const bool in_order = number > highest_;
    highest_ = std::max(highest_, number);
    return in_order ? Taken::in_order : Taken::out_of_order;
  }

  /// The speaker says that this was the last text so far: what is missing up to there is under way, or lost.
  Taken take_last(std::uint64_t number, parley::TimePoint now) {
    if (is_made_up(number)) return Taken::made_up;
    begin_with(number + 1, now);
    // Nothing is under way from before.
    if (number == 0) settled_at_ = now;
    if (number <= last_) return Taken::in_order;
    last_ = number;
    last_since_ = now;
    return Taken::in_order;
  }

  /// What is to be shown next, if it is time: to be called until there is nothing. With `at_once` the time has come
  /// for everything.
  std::optional<Ready> next(parley::TimePoint now, bool at_once = false) {
    if (is_idle()) return std::nullopt;
    const bool waits = now < due() && !at_once;
    if (is_settling(now) && waits) return std::nullopt;
    if (!held_.empty() && held_.begin()->first == next_) {
      Ready ready{std::move(held_.begin()->second.text)};
      held_bytes_ -= ready.text.size();
      held_.erase(held_.begin());
      advance(1);
      delivered_ |= 1;
      return ready;
    }
    if (waits) return std::nullopt;
    const std::uint64_t lost = (held_.empty() ? last_ + 1 : held_.begin()->first) - next_;
    advance(lost);
    return Ready{{}, lost};
  }

  /// When next() has something because of the time that has passed; never: the end of time.
  parley::TimePoint due() const noexcept {
    if (is_idle()) return parley::TimePoint::max();
    if (!held_.empty() && held_.rbegin()->first - next_ >= window) return parley::TimePoint::min();
    if (!held_.empty() && held_.begin()->first == next_) return settled_at_;
    parley::TimePoint since = last_ >= next_ && held_.empty() ? last_since_ : parley::TimePoint::max() - patience;
    for (const auto& [number, held] : held_) since = std::min(since, held.since);
    return since + patience;
  }

  /// Nothing is held and nothing is known to be missing.
  bool is_idle() const noexcept { return held_.empty() && last_ < next_; }
  std::size_t held_bytes() const noexcept { return held_bytes_; }

 private:
  struct Held {
    std::string text;
    parley::TimePoint since;
  };

  bool is_made_up(std::uint64_t number) const noexcept {
    return next_ != 0 && (number > next_ + furthest || number + furthest < next_);
  }

  // Who is new here has missed what was said before. The first that is heard of a speaker need not be the first that
  // was sent: for a while an earlier one moves the beginning.
  void begin_with(std::uint64_t number, parley::TimePoint now) {
    if (next_ == 0) settled_at_ = now + patience;
    if (next_ == 0 || (is_settling(now) && number < next_)) next_ = number;
  }
  bool is_settling(parley::TimePoint now) const noexcept { return now < settled_at_; }

  void advance(std::uint64_t count) noexcept {
    next_ += count;
    delivered_ = count >= 64 ? 0 : delivered_ << count;
    settled_at_ = parley::TimePoint::min();
  }
  bool was_delivered(std::uint64_t number) const noexcept {
    const std::uint64_t back = next_ - 1 - number;
    return back >= 64 || (delivered_ >> back & 1) != 0;
  }

  std::uint64_t next_ = 0;       // to be shown; 0: nothing was heard yet
  std::uint64_t highest_ = 0;    // that came
  std::uint64_t last_ = 0;       // that the speaker told of
  std::uint64_t delivered_ = 0;  // bit i: whether next_ - 1 - i was
  parley::TimePoint settled_at_{}, last_since_{};
  std::map<std::uint64_t, Held> held_;
  std::size_t held_bytes_ = 0;
};

}  // namespace udp_chat
