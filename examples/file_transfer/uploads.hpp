// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which names are being received now, and by whom: two senders of one name do not mix.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

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

  enum class Claim : std::uint8_t { granted, busy };

  /// The same file again takes over, since its sender was started again, and so does any where the other is dead. A
  /// file that has come whole is not given up any more.
  Claim claim(const std::string& name, Holder& holder, std::uint32_t id, std::uint64_t source) {
    const auto [at, is_new] = held_.try_emplace(name, Upload{&holder, id, source, false});
    if (is_new) return Claim::granted;
    Upload& upload = at->second;
    const bool same = source != 0 && upload.source == source;
    if (upload.is_whole || upload.holder == &holder || !(same || upload.holder->is_silent())) return Claim::busy;
    upload.holder->lose(upload.id, Code::taken_over);
    upload = Upload{&holder, id, source, false};
    return Claim::granted;
  }
  void set_whole(std::string_view name) {
    if (const auto at = held_.find(name); at != held_.end()) at->second.is_whole = true;
  }
  void release(std::string_view name) {
    if (const auto at = held_.find(name); at != held_.end()) held_.erase(at);
  }
  std::size_t size() const { return held_.size(); }

 private:
  struct Upload {
    Holder* holder;
    std::uint32_t id;
    std::uint64_t source;
    bool is_whole;
  };
  std::map<std::string, Upload, std::less<>> held_;
};

}  // namespace file_transfer
