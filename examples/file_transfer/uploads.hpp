// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which names are being received now, and by whom: two senders of one name do not mix, whatever loops they are on.

#include <parley/core/event_loop.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "wire.hpp"

namespace file_transfer {

/// Threads: any. A holder is told and asked only on the loop where it was made, and ends there.
class Uploads {
 public:
  class Holder {
   public:
    parley::EventLoop& loop() const { return loop_; }
    /// Somebody else gets the name: lets go of it, keeping what a resume needs. Must not call the registry.
    virtual void lose(std::uint32_t id, Code code) = 0;
    /// Whether its sender has not been heard for so long that it is taken for dead.
    virtual bool is_silent() const = 0;

   protected:
    ~Holder() = default;

   private:
    parley::EventLoop& loop_ = *parley::EventLoop::current();
  };

 private:
  struct Upload {
    Holder* holder;
    std::uint32_t id;
    std::uint64_t source;
    std::uint64_t number;
    bool is_whole;
    bool is_of(const Holder& one, std::uint32_t its) const { return holder == &one && id == its; }
  };
  using Names = std::map<std::string, Upload>;

 public:
  /// A name that is held, until it is released or lost.
  using Place = Names::iterator;

  struct Claim {
    std::optional<Place> place;              // nothing where another has it
    parley::EventLoop* holder_at = nullptr;  // who may give it up: it is to be claimed there
  };
  /// Of an offer that comes now: those that come later have higher numbers.
  std::uint64_t number_offer() {
    const std::lock_guard lock(mutex_);
    return ++offers_;
  }
  /// The same file again takes over, since its sender was started again, and so does any where the other is dead; but
  /// not from an offer that came later, however long it took to ask. A file that has come whole is not given up any more.
  /// What it has already, it gets again.
  Claim claim(const std::string& name, Holder& holder, std::uint32_t id, std::uint64_t source, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    note(holder);
    const auto [at, is_new] = held_.try_emplace(name, Upload{&holder, id, source, number, false});
    Upload& upload = at->second;
    if (is_new || upload.is_of(holder, id)) return {at};
    if (upload.is_whole || upload.holder == &holder || upload.number > number) return {};
    parley::EventLoop& its = upload.holder->loop();
    if (&its != parley::EventLoop::current()) return {std::nullopt, &its};
    const bool same = source != 0 && upload.source == source;
    if (!same && !upload.holder->is_silent()) return {};
    upload.holder->lose(upload.id, Code::taken_over);
    upload = Upload{&holder, id, source, number, false};
    return {at};
  }
  void set_whole(Place place) {
    const std::lock_guard lock(mutex_);
    place->second.is_whole = true;
  }
  void release(Place place) {
    const std::lock_guard lock(mutex_);
    held_.erase(place);
  }
  /// The same, unless it was lost meanwhile.
  void release(const std::string& name, const Holder& holder, std::uint32_t id) {
    const std::lock_guard lock(mutex_);
    const auto at = held_.find(name);
    if (at != held_.end() && at->second.is_of(holder, id)) held_.erase(at);
  }

  /// The same number as before where nobody else has claimed a name meanwhile.
  std::uint64_t turn_of(const Holder& holder) {
    const std::lock_guard lock(mutex_);
    return note(holder);
  }

 private:
  std::uint64_t note(const Holder& holder) {
    if (last_ != &holder) ++turn_;
    last_ = &holder;
    return turn_;
  }

  std::mutex mutex_;
  Names held_;
  std::uint64_t offers_ = 0;
  const Holder* last_ = nullptr;  // that has claimed a name; it may have ended since
  std::uint64_t turn_ = 0;
};

}  // namespace file_transfer
