// SPDX-License-Identifier: BSL-1.0
#pragma once

// What two programs say to each other over a reliable connection, version 1 (README.md has the layout), and what each
// has to remember so that every text is shown once, though connections come and go. No input and no output.
//
// A connection that breaks leaves open how much of what was sent has arrived. So texts are numbered, and kept until the
// other program says that it has shown them; on the next connection both say first how far they have come.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "numbers.hpp"

namespace udp_chat {

/// The first message of each end.
struct PeerGreeting {
  std::uint64_t program = 0;  // drawn at random when it starts
  std::uint64_t heard = 0;    // the program whose texts it has heard last, 0: nobody's yet
  std::uint64_t shown = 0;    // the number of that program's last text

  static constexpr std::string_view magic{"PlyP\1", 5};
  static constexpr std::size_t size = magic.size() + 24;

  std::string write() const {
    std::string bytes(magic);
    append_number(bytes, program);
    append_number(bytes, heard);
    append_number(bytes, shown);
    return bytes;
  }
  static std::optional<PeerGreeting> read(std::string_view bytes) {
    if (bytes.size() != size || !bytes.starts_with(magic)) return std::nullopt;
    bytes.remove_prefix(magic.size());
    return PeerGreeting{read_number(bytes), read_number(bytes.substr(8)), read_number(bytes.substr(16))};
  }
};

/// Of one's own texts those that the other one has not shown yet, as far as is known.
class KeptTexts {
 public:
  static constexpr std::size_t most = 1024;

  bool empty() const noexcept { return texts_.empty(); }
  bool full() const noexcept { return texts_.size() >= most; }
  std::size_t size() const noexcept { return texts_.size(); }
  std::uint64_t added() const noexcept { return first_ + texts_.size() - 1; }

  /// Must not be full.
  void add(std::string text) { texts_.push_back(std::move(text)); }
  /// The next that is to be sent on this connection, as a message. It counts as sent from now on: the other one may
  /// have shown it, and said so, before the sender hears that it is out.
  std::optional<std::string> take_next() {
    if (next_ == first_ + texts_.size()) return std::nullopt;
    std::string message;
    append_number(message, next_);
    message += texts_[static_cast<std::size_t>(next_ - first_)];
    ++next_;
    return message;
  }

  /// There is another connection, to a program that has shown as much. False: it has not, for there was less.
  bool begin(std::uint64_t shown) {
    next_ = first_ + texts_.size();
    if (!confirm(shown)) return false;
    next_ = first_;
    return true;
  }
  /// The other one has shown all up to this one. False: that was not sent yet.
  bool confirm(std::uint64_t number) {
    if (number >= next_) return false;
    while (first_ <= number) {
      texts_.pop_front();
      ++first_;
    }
    return true;
  }

 private:
  std::deque<std::string> texts_;
  std::uint64_t first_ = 1;  // the number of the first that is kept
  std::uint64_t next_ = 1;   // to be sent
};

/// How far one has come with the texts of the other program.
class ShownTexts {
 public:
  enum class Taken : std::uint8_t { fresh, known, made_up };

  std::uint64_t heard() const noexcept { return program_; }
  std::uint64_t last() const noexcept { return last_; }

  /// Who is there now.
  void begin(std::uint64_t program) noexcept {
    if (program != program_) last_ = 0;
    program_ = program;
  }
  Taken take(std::uint64_t number) noexcept {
    if (number == 0) return Taken::made_up;
    if (last_ != 0 && number <= last_) return Taken::known;
    // A program that was there before this one begins with what nobody has heard.
    if (last_ != 0 && number != last_ + 1) return Taken::made_up;
    last_ = number;
    return Taken::fresh;
  }

 private:
  std::uint64_t program_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace udp_chat
