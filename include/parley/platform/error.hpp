// SPDX-License-Identifier: BSL-1.0
#pragma once

// The errors that are parley's own. What the system reports keeps its number in std::system_category().

#include <parley/platform/config.hpp>

#include <string>
#include <system_error>

namespace parley::inline PARLEY_ABI {

enum class Error {
  end_of_stream = 1,  // a reader of records met the end of the stream between two records
  truncated,          // the stream ended inside a record
  timed_out,          // the time given with within() has passed
  cancelled,          // a stop was requested, or the object was closed meanwhile
  busy,               // another operation of the same direction is in flight on this object
  wrong_loop,         // the object belongs to another event loop
  would_block_loop,   // wait() was called on a loop's own thread, which it would block
  no_loop,            // awaited on a thread that runs no event loop
  closed,             // the object is not open
  queue_full,         // a bounded queue has no room
  too_long,           // a line or frame is longer than its limit
  malformed,          // text or bytes that do not follow their format
  unsupported,        // this system has no such thing
  not_found,          // a name has no address
  exception,          // an exception that carries no error code ended a task
  file_changed,       // a file is not what it was when the work on it began
  peer_lost,          // nothing has come from the peer for its idle timeout
};

class ErrorCategory final : public std::error_category {
 public:
  constexpr ErrorCategory() noexcept = default;
  const char* name() const noexcept override { return "parley"; }
  std::string message(int value) const override { return text(static_cast<Error>(value)); }

  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<Error>(value)) {
      case Error::timed_out: return std::errc::timed_out;
      case Error::cancelled: return std::errc::operation_canceled;
      case Error::closed: return std::errc::bad_file_descriptor;
      case Error::too_long: return std::errc::message_size;
      case Error::unsupported: return std::errc::not_supported;
      default: return {value, *this};
    }
  }

 private:
  static const char* text(Error error) noexcept {
    switch (error) {
      case Error::end_of_stream: return "End of stream";
      case Error::truncated: return "The stream ended inside a record";
      case Error::timed_out: return "Timed out";
      case Error::cancelled: return "Cancelled";
      case Error::busy: return "Another operation of this kind is in flight";
      case Error::wrong_loop: return "Belongs to another event loop";
      case Error::would_block_loop: return "Waiting here would block the event loop";
      case Error::no_loop: return "No event loop runs on this thread";
      case Error::closed: return "Not open";
      case Error::queue_full: return "The queue is full";
      case Error::too_long: return "Longer than the limit";
      case Error::malformed: return "Malformed";
      case Error::unsupported: return "Not supported by this system";
      case Error::not_found: return "No such name or address";
      case Error::exception: return "Ended by an exception";
      case Error::file_changed: return "The file has changed meanwhile";
      case Error::peer_lost: return "Nothing has come from the peer for too long";
    }
    return "Unknown error";
  }
};

inline const std::error_category& error_category() noexcept {
  static const ErrorCategory category;
  return category;
}

inline std::error_code make_error_code(Error error) noexcept { return {static_cast<int>(error), error_category()}; }

}  // namespace parley::inline PARLEY_ABI

template <>
struct std::is_error_code_enum<parley::Error> : std::true_type {};
