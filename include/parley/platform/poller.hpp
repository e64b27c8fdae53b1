// SPDX-License-Identifier: BSL-1.0
#pragma once

// What every poller offers: requests are submitted, and come out of wait() once each.
//
// A reactor (epoll, kqueue) returns a request when it is worth another try; a proactor (io_uring, IOCP) may return it
// when the kernel has carried it out. The layer above steps a request in the same way after either.

#include <parley/platform/arrived.hpp>
#include <parley/platform/clock.hpp>
#include <parley/platform/file_read.hpp>
#include <parley/platform/native_handle.hpp>
#include <parley/platform/send_batch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI::platform {

enum class Direction : std::uint8_t { read = 0, write = 1 };

/// What a request waits for, so that a poller may have the kernel do it meanwhile. Where it does, bytes or connections
/// are in Pollable::arrived.
enum class WaitsFor : std::uint8_t { readiness, bytes, connection };

class Pollable;

/// Something that waits for a descriptor: the base of every operation.
struct Request {
  Pollable* pollable = nullptr;
};
static_assert(alignof(Request) >= 4, "Arrived marks its address");

/// A descriptor with what a poller must know of it: who waits for it, and what was last heard of its readiness.
class Pollable {
 public:
  explicit Pollable(NativeHandle owned, bool is_a_stream) noexcept : handle(std::move(owned)), stream(is_a_stream) {}

  Request* waiting(Direction direction) const noexcept {
    return direction == Direction::read ? arrived.waiting() : writer;
  }
  void set_waiting(Direction direction, Request* request) noexcept {
    if (direction == Direction::read) return arrived.set_waiting(request);
    writer = request;
  }

  // Readiness is a hint that saves system calls: true means "try", false means "a new edge will be reported".
  bool maybe_ready(Direction direction) const noexcept {
    return direction == Direction::read ? maybe_readable && !read_ahead : maybe_writable;
  }
  void set_ready(Direction direction) noexcept {
    (direction == Direction::read ? maybe_readable : maybe_writable) = true;
  }
  /// After EAGAIN, or after a short read of a stream. Not once a hang-up or urgent data was seen: there may be more to
  /// read that no further edge will tell of.
  void clear_ready(Direction direction) noexcept {
    if (registered && !no_more_edges) (direction == Direction::read ? maybe_readable : maybe_writable) = false;
  }

  Arrived arrived;            // with whoever waits to read
  Request* writer = nullptr;  // who waits to write
  NativeHandle handle;
  std::uint32_t slot = 0;  // of the poller's, once registered
  bool stream : 1;
  bool registered : 1 = false;
  bool read_ahead : 1 = false;  // the kernel receives or accepts: a call beside it would take what comes later
  bool maybe_readable = true;
  bool maybe_writable = true;
  bool no_more_edges = false;
};

/// What one wait returns at most.
struct Finished {
  static constexpr std::size_t capacity = 512;
  void add(Request* request) noexcept {
    if (request != nullptr) requests[count++] = request;
  }
  std::array<Request*, capacity> requests;
  std::size_t count = 0;
};

class Poller {
 public:
  virtual ~Poller() = default;
  virtual const char* name() const noexcept = 0;

  /// Gets what it needs from the system. An errno, or 0.
  virtual int open() noexcept = 0;
  /// Waits for the request's descriptor. An errno, or 0; the request then comes out of wait() once, unless cancelled.
  virtual int submit(Request& request, Direction direction, WaitsFor what) noexcept = 0;
  /// True: it will not come out of wait() any more. False (proactors): it still will, so its memory must live until
  /// then.
  virtual bool cancel(Request& request, Direction direction) noexcept = 0;
  /// Must be called before a registered descriptor is closed or moves to another poller. What has arrived stays with it.
  virtual void forget(Pollable& pollable) noexcept = 0;
  /// Waits until requests finish, wake() is called or the time is over (Duration::max(): no limit). An errno, or 0. It
  /// may end early, as at a signal.
  virtual int wait(Duration timeout, Finished& finished) noexcept = 0;
  /// Ends the present or the next wait(). From any thread.
  virtual void wake() noexcept = 0;

  /// An empty batch for carry_out(), the poller's own; null where sends gain nothing by being made together, or there is
  /// no memory.
  virtual SendBatch* send_batch() noexcept { return nullptr; }
  /// Makes all sends of that batch, none of which waits, and sets their outcomes.
  virtual void carry_out(SendBatch&) noexcept {}

  /// Reads while the loop goes on; wait() tells when it has ended. False where that cannot be had, or not so many at a
  /// time. It cannot be cancelled.
  virtual bool read_file(FileRead&) noexcept { return false; }
};

}  // namespace parley::inline PARLEY_ABI::platform
