// SPDX-License-Identifier: BSL-1.0
#pragma once

// RoomLog: what was said in a room, in order, as it goes over the wire.
//
// A record is kept as it was said, and once more in each wire format that is in use: when a format is first asked for,
// what is retained is encoded for it. The oldest records are dropped as soon as the log is over its limit.
//
// Threads: one at a time.

#include <parley/chat/detail/byte_log.hpp>
#include <parley/chat/message.hpp>
#include <parley/chat/wire_format.hpp>
#include <parley/core/detail/ring.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace parley::inline PARLEY_ABI {

class RoomLog {
 public:
  /// What keeps a record costs beside its name and text, as it counts against the limit.
  static constexpr std::size_t record_overhead = 64;

  /// The records in one format. For whoever sends them: record i takes up the bytes from begins[i] to begins[i + 1].
  class Encoded {
   public:
    explicit Encoded(const WireFormat& format) noexcept : format_(&format) {}
    const WireFormat& format() const noexcept { return *format_; }
    std::uint64_t begin(std::uint64_t sequence) const noexcept {
      return sequence == begins_.next() ? bytes_.end() : begins_[sequence];
    }
    ConstBytes view(std::uint64_t from, std::uint64_t to) const noexcept { return bytes_.view(from, to); }

   private:
    friend class RoomLog;
    const WireFormat* format_;
    detail::ByteLog bytes_;
    detail::Ring<std::uint64_t> begins_;
    std::size_t users_ = 0;
  };

  /// Keeps at least the newest records of so many bytes together (names, texts and record_overhead each), and no more
  /// than that and one record.
  explicit RoomLog(std::size_t retained_bytes) noexcept : retained_bytes_(retained_bytes) {}
  RoomLog(const RoomLog&) = delete;
  RoomLog& operator=(const RoomLog&) = delete;

  /// The sequence number of the oldest record that is kept; of the next to come.
  std::uint64_t first() const noexcept { return records_.first(); }
  std::uint64_t next() const noexcept { return records_.next(); }

  /// The next record has this number. Only for a log that holds nothing and is in no format yet.
  void begin_at(std::uint64_t sequence) noexcept { records_ = detail::Ring<Record>(sequence); }

  /// Gives the message its sequence number, which it returns. A direct one is kept only in `only`, its reader's format.
  /// std::bad_alloc, and nothing has changed, where memory has run out.
  std::uint64_t append(const Message& message, const Encoded* only = nullptr) {
    const std::uint64_t sequence = next();
    Undo undo(*this);
    records_.push_back({message.sender, message.recipient, message.time_ms, texts_.end(),
                        static_cast<std::uint32_t>(message.name.size()), message.kind});
    texts_.append(message.name, message.text);
    for (const auto& encoded : formats_) {
      encode(*encoded, sequence, only == nullptr || only == encoded.get() ? &message : nullptr);
    }
    undo.dismiss();
    while (retained(first()) > retained_bytes_ && retained(first() + 1) >= retained_bytes_) drop_oldest();
    return sequence;
  }

  /// The record, which must be there. The texts are views.
  Message at(std::uint64_t sequence) const noexcept {
    const Record& record = records_[sequence];
    const std::uint64_t end = sequence + 1 == next() ? texts_.end() : records_[sequence + 1].text_begin;
    const std::string_view text = end == record.text_begin ? "" : texts_.view(record.text_begin, end).text();
    Message message;
    message.kind = record.kind;
    message.sequence = sequence;
    message.sender = record.sender;
    message.recipient = record.recipient;
    message.time_ms = record.time_ms;
    message.name = text.substr(0, record.name_size);
    message.text = text.substr(record.name_size);
    return message;
  }
  MemberId sender(std::uint64_t sequence) const noexcept { return records_[sequence].sender; }
  MemberId recipient(std::uint64_t sequence) const noexcept { return records_[sequence].recipient; }
  MessageKind kind(std::uint64_t sequence) const noexcept { return records_[sequence].kind; }

  /// What the records from that one on count against the limit.
  std::size_t retained(std::uint64_t from) const noexcept {
    if (from >= next()) return 0;
    return static_cast<std::size_t>(texts_.end() - records_[from].text_begin) +
           static_cast<std::size_t>(next() - from) * record_overhead;
  }

  /// The first of the newest records with so many texts to all, in at most so many bytes.
  std::uint64_t recent(std::size_t texts, std::size_t bytes) const noexcept {
    std::uint64_t begin = next();
    for (std::uint64_t i = begin; i != first() && texts > 0 && retained(i - 1) <= bytes; --i) {
      if (kind(i - 1) != MessageKind::text) continue;
      begin = i - 1;
      --texts;
    }
    return begin;
  }

  /// Has the records encoded in the format, those that are kept and those to come, until release(). std::bad_alloc, and
  /// nothing has changed, where memory has run out.
  Encoded& use(const WireFormat& format) {
    for (const auto& encoded : formats_) {
      if (encoded->format_ == &format) return ++encoded->users_, *encoded;
    }
    auto encoded = std::make_unique<Encoded>(format);
    encoded->begins_ = detail::Ring<std::uint64_t>(first());
    for (std::uint64_t i = first(); i != next(); ++i) {
      const Message message = at(i);
      encode(*encoded, i, &message);
    }
    encoded->users_ = 1;
    formats_.push_back(std::move(encoded));
    return *formats_.back();
  }
  void release(Encoded& encoded) noexcept {
    if (--encoded.users_ != 0) return;
    for (auto& one : formats_) {
      if (one.get() != &encoded) continue;
      std::swap(one, formats_.back());
      return formats_.pop_back();
    }
  }

 private:
  struct Record {
    MemberId sender = no_member;
    MemberId recipient = no_member;
    std::int64_t time_ms = 0;
    std::uint64_t text_begin = 0;
    std::uint32_t name_size = 0;
    MessageKind kind = MessageKind::text;
  };

  // Takes back a record that could not be appended everywhere.
  class Undo {
   public:
    explicit Undo(RoomLog& log) noexcept : log_(log), sequence_(log.next()), text_end_(log.texts_.end()) {}
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo() {
      if (!dismissed_) log_.take_back(sequence_, text_end_);
    }
    void dismiss() noexcept { dismissed_ = true; }

   private:
    RoomLog& log_;
    std::uint64_t sequence_;
    std::uint64_t text_end_;
    bool dismissed_ = false;
  };

  void encode(Encoded& encoded, std::uint64_t sequence, const Message* message) {
    scratch_.clear();
    if (message != nullptr) {
      Message numbered = *message;
      numbered.sequence = sequence;
      encoded.format_->encode(numbered, scratch_);
    }
    encoded.begins_.push_back(encoded.bytes_.end());
    encoded.bytes_.append(scratch_);
  }

  void take_back(std::uint64_t sequence, std::uint64_t text_end) noexcept {
    for (const auto& encoded : formats_) {
      if (encoded->begins_.next() == sequence) continue;
      encoded->bytes_.truncate(encoded->begins_[sequence]);
      encoded->begins_.pop_back();
    }
    texts_.truncate(text_end);
    if (next() != sequence) records_.pop_back();
  }

  void drop_oldest() noexcept {
    for (const auto& encoded : formats_) {
      encoded->begins_.pop_front();
      encoded->bytes_.drop(encoded->begin(first() + 1));
    }
    records_.pop_front();
    texts_.drop(records_.empty() ? texts_.end() : records_.front().text_begin);
  }

  const std::size_t retained_bytes_;
  detail::Ring<Record> records_{1};
  detail::ByteLog texts_;
  std::vector<std::unique_ptr<Encoded>> formats_;
  std::string scratch_;
};

}  // namespace parley::inline PARLEY_ABI
