// SPDX-License-Identifier: BSL-1.0
#pragma once

// What other threads publish in a room, on its way to the room's loop.

#include <parley/chat/message.hpp>
#include <parley/core/detail/ring.hpp>
#include <parley/core/operation.hpp>

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI::detail {

/// What is published, as the room says it: nobody's.
inline Message published(std::string_view text, MessageKind kind) noexcept {
  Message message;
  message.kind = kind;
  message.text = text;
  return message;
}

class RoomInbox {
 public:
  struct Item {
    std::string text;
    MessageKind kind = MessageKind::notice;
  };

  /// Holds at most so many texts. More are refused, but while nobody reads the oldest make room.
  static constexpr std::size_t capacity = 1024;

  /// Has `deliver` called on the loop's thread with what comes, as long as the object lives. Where it returns false, the
  /// rest waits for drain(). It must not publish.
  class Reader final : private Operation {
   public:
    using Deliver = bool (*)(void* context, const Item& item) noexcept;
    Reader(RoomInbox& inbox, Deliver deliver, void* context) noexcept
        : Operation(&Reader::drive, platform::Direction::read), inbox_(inbox), deliver_(deliver), context_(context) {
      start_unbudgeted(*Driver::current());
    }
    ~Reader() { abandon(); }
    /// What has come by now is delivered.
    void drain() noexcept { static_cast<void>(read()); }
    /// Something was not delivered.
    bool has_more() const noexcept { return has_more_; }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    friend class RoomInbox;
    static Step drive(Operation& operation, Drive how) {
      auto& self = static_cast<Reader&>(operation);
      if (how == Drive::advance) return self.read();
      const std::lock_guard lock(self.inbox_.mutex_);
      self.inbox_.reader_ = nullptr;
      return Step::done;
    }

    Step read() noexcept {
      const std::lock_guard lock(inbox_.mutex_);
      inbox_.reader_ = this;
      while (!inbox_.items_.empty() && deliver_(context_, inbox_.items_.front())) inbox_.items_.pop_front();
      has_more_ = !inbox_.items_.empty();
      return Step::parked;
    }

    RoomInbox& inbox_;
    Deliver deliver_;
    void* context_;
    bool has_more_ = false;
  };

  /// True on the thread on which the reader has its items delivered.
  bool is_read_here() noexcept {
    const std::lock_guard lock(mutex_);
    return reader_ != nullptr && &reader_->driver() == Driver::current();
  }

  /// From any thread. May throw std::bad_alloc.
  Result<> push(std::string_view text, MessageKind kind) {
    Item item{std::string(text), kind};
    const std::lock_guard lock(mutex_);
    if (closed_) return Error::closed;
    if (items_.size() >= capacity && reader_ != nullptr) return Error::queue_full;
    if (items_.size() >= capacity) items_.pop_front();
    items_.push_back(std::move(item));
    if (reader_ != nullptr) wake(*reader_);
    return {};
  }

  /// Takes nothing any more.
  void close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  std::mutex mutex_;
  Ring<Item> items_;
  Operation* reader_ = nullptr;
  bool closed_ = false;
};

}  // namespace parley::inline PARLEY_ABI::detail
