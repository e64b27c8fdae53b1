// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which names are being received now, and by whom: two senders of one name do not mix.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "wire.hpp"

namespace file_transfer {

class Uploads {
 public:
  class Holder {
   public:
    /// Somebody else gets the name: lets go of it, keeping what a resume needs. Must not call the registry.
    virtual void lose(std::uint32_t id, Code code) = 0;
    /// Whether its sender has not been heard for so long that it is taken for dead.
    virtual bool is_silent() const = 0;

   protected:
    ~Holder() = default;
  };

 private:
  struct Upload {
    Holder* holder;
    std::uint32_t id;
    std::uint64_t source;
    bool is_whole;
  };
  using Names = std::map<std::string, Upload>;

 public:
  /// A name that is held, until it is released or lost.
  using Place = Names::iterator;

  /// Nothing where another has it. The same file again takes over, since its sender was started again, and so does any
  /// where the other is dead. A file that has come whole is not given up any more.
  std::optional<Place> claim(const std::string& name, Holder& holder, std::uint32_t id, std::uint64_t source) {
    static_cast<void>(turn_of(holder));
    const auto [at, is_new] = held_.try_emplace(name, Upload{&holder, id, source, false});
    if (is_new) return at;
    Upload& upload = at->second;
    const bool same = source != 0 && upload.source == source;
    if (upload.is_whole || upload.holder == &holder || !(same || upload.holder->is_silent())) return std::nullopt;
    upload.holder->lose(upload.id, Code::taken_over);
    upload = Upload{&holder, id, source, false};
    return at;
  }
  void set_whole(Place place) { place->second.is_whole = true; }
  void release(Place place) { held_.erase(place); }
  std::size_t size() const { return held_.size(); }

  /// The same number as before where nobody else has claimed a name meanwhile.
  std::uint64_t turn_of(const Holder& holder) {
    if (last_ != &holder) ++turn_;
    last_ = &holder;
    return turn_;
  }

 private:
  Names held_;
  const Holder* last_ = nullptr;  // that has claimed a name; it may have ended since
  std::uint64_t turn_ = 0;
};

}  // namespace file_transfer
