// SPDX-License-Identifier: BSL-1.0
#pragma once

// The state machines behind a socket's operations.
//
// The system call is tried first, unless the poller has said that it would be in vain. A short read or write of a
// stream has emptied or filled the kernel's buffer, which saves the call that would only say so.

#include <parley/core/bytes.hpp>
#include <parley/core/detail/descriptor.hpp>
#include <parley/core/detail/no_memory.hpp>
#include <parley/core/detail/transfer.hpp>
#include <parley/core/operation.hpp>
#include <parley/core/transferred.hpp>
#include <parley/platform/owned.hpp>
#include <parley/platform/system.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <string>

namespace parley::inline PARLEY_ABI::detail {

using platform::Direction;

/// Sets the status from an errno; done unless the call would have blocked.
inline Step conclude(Operation& operation, Direction direction, int error) noexcept {
  if (error == 0) {
    operation.succeed();
    return Step::done;
  }
  if (platform::would_block(error)) {
    operation.pollable->clear_ready(direction);
    return direction == Direction::read ? Step::want_read : Step::want_write;
  }
  operation.fail(error);
  return Step::done;
}

inline Step fail_closed(Operation& operation) noexcept {
  operation.fail(Error::closed);
  return Step::done;
}

/// Whether a call may be tried now; otherwise `otherwise` is what to return.
inline bool may_try(Operation& operation, Direction direction, Step& otherwise) noexcept {
  if (operation.pollable == nullptr) {
    otherwise = fail_closed(operation);
    return false;
  }
  otherwise = direction == Direction::read ? Step::want_read : Step::want_write;
  return operation.pollable->maybe_ready(direction);
}

/// The same for a direction in which something may have arrived already. Otherwise it is to be waited for as `wanted`.
inline bool may_take(Operation& operation, Step wanted, Step& otherwise) noexcept {
  const bool try_now = may_try(operation, Direction::read, otherwise);
  if (operation.pollable == nullptr) return false;
  otherwise = wanted;
  return try_now || !operation.pollable->arrived.empty();
}

/// What has arrived, or else what the socket has. A listener's connections are not bytes: it has none, and says so.
inline platform::IoOutcome take_bytes(platform::Pollable& pollable, MutableBytes buffer, bool peek) noexcept {
  const bool arrived = !pollable.arrived.empty() && !pollable.arrived.has_connections();
  if (arrived) return pollable.arrived.take(buffer.data(), buffer.size(), peek);
  const auto outcome = platform::receive(pollable.handle.get(), buffer.data(), buffer.size(), peek);
  const bool emptied = outcome.error == 0 && pollable.stream && !peek && outcome.count < buffer.size();
  if (emptied) pollable.clear_ready(Direction::read);
  return outcome;
}

/// How to wait for as many bytes. More are faster when they come straight into the caller's memory.
inline Step wanted_for(std::size_t size) noexcept {
  return size <= BufferPool::buffer_size ? Step::want_bytes : Step::want_read;
}

inline Step receive_some(Operation& operation, MutableBytes buffer, std::size_t& count, bool peek = false) noexcept {
  Step otherwise{};
  const bool try_now = may_take(operation, peek ? Step::want_read : wanted_for(buffer.size()), otherwise);
  if (operation.pollable == nullptr) return otherwise;
  if (buffer.empty()) {
    // Zero bytes mean the end of a stream; asking for none would make it look ended.
    return conclude(operation, Direction::read, platform::invalid_argument);
  }
  if (!try_now) return otherwise;
  const auto outcome = take_bytes(*operation.pollable, buffer, peek);
  count = outcome.count;
  const Step step = conclude(operation, Direction::read, outcome.error);
  return step == Step::want_read ? otherwise : step;
}

inline Step send_some(Operation& operation, ConstBytes bytes, std::size_t& count) noexcept {
  Step step{};
  if (!may_try(operation, Direction::write, step)) return step;
  platform::Pollable& pollable = *operation.pollable;
  const auto outcome = platform::send(pollable.handle.get(), bytes.data(), bytes.size());
  count = outcome.count;
  if (outcome.error == 0 && count < bytes.size()) pollable.clear_ready(Direction::write);
  return conclude(operation, Direction::write, outcome.error);
}

/// Sends from byte `skip` of the pieces on, as much as one call takes.
inline Step send_pieces(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip,
                        std::size_t& count) noexcept {
  if (pieces.size() == 1) return send_some(operation, pieces[0].after(skip), count);  // a cheaper call
  Step step{};
  if (!may_try(operation, Direction::write, step)) return step;
  std::array<platform::IoSlice, platform::max_slices> slices;
  std::size_t used = 0;
  std::size_t total = 0;
  for (const ConstBytes& piece : pieces) {
    const ConstBytes rest = piece.after(skip);
    skip -= piece.size() - rest.size();
    if (rest.empty()) continue;
    if (used == slices.size()) break;
    slices[used++] = {rest.data(), rest.size()};
    total += rest.size();
  }
  platform::Pollable& pollable = *operation.pollable;
  const auto outcome = platform::send_vector(pollable.handle.get(), slices.data(), used);
  count = outcome.count;
  if (outcome.error == 0 && count < total) pollable.clear_ready(Direction::write);
  return conclude(operation, Direction::write, outcome.error);
}

template <bool Peek>
class ReceiveSteps {
 public:
  static constexpr Direction direction = Direction::read;
  explicit ReceiveSteps(MutableBytes buffer) noexcept : data_(buffer.data()), size_(buffer.size()) {}
  Step step(Operation& operation) noexcept {
    std::size_t count = 0;
    const Step step = receive_some(operation, {data_, size_}, count, Peek);
    if (step == Step::done) size_ = count;
    return step;
  }
  Result<std::size_t> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return size_;
  }

 private:
  std::byte* data_;
  std::size_t size_;  // what there is room for; then what was received
};

class ReceiveTextSteps {
 public:
  static constexpr Direction direction = Direction::read;
  explicit ReceiveTextSteps(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}
  Step step(Operation& operation) {
    // Memory is had before anything is received, and only when there may be something.
    Step otherwise{};
    const bool try_now = may_take(operation, wanted_for(max_bytes_), otherwise);
    if (max_bytes_ == 0) return receive_some(operation, {}, max_bytes_);  // refused
    if (!try_now) return otherwise;
    if (!make_room(std::min(max_bytes_, most_at_once))) {
      operation.fail(static_cast<int>(std::errc::not_enough_memory));
      return Step::done;
    }
    std::size_t count = 0;
    const Step step = receive_some(operation, *text_, count);
    if (step == Step::done && !operation.error()) {
      shrink_to(count);
    } else {
      text_.reset();
    }
    return step;
  }
  Result<std::string> result(Operation& operation) {
    if (operation.error()) return operation.error();
    return std::move(*text_);
  }

 private:
  static constexpr std::size_t most_at_once = std::size_t{1} << 20;

  // False where memory has run out.
  bool make_room(std::size_t size) noexcept {
    text_.reset(new (std::nothrow) std::string);
    return text_ != nullptr && without_bad_alloc([&] { text_->resize(size); });
  }
  // So that a short text does not hold on to the room for a long one.
  void shrink_to(std::size_t size) noexcept {
    text_->resize(size);
    if (size < text_->capacity() / 2) static_cast<void>(without_bad_alloc([&] { std::string(*text_).swap(*text_); }));
  }
  std::size_t max_bytes_;
  platform::Owned<std::string> text_;  // a pointer, to be small in the frame
};

class ReceiveExactlySteps {
 public:
  static constexpr Direction direction = Direction::read;
  explicit ReceiveExactlySteps(MutableBytes buffer) noexcept : buffer_(buffer) {}
  Step step(Operation& operation) noexcept {
    if (operation.pollable == nullptr) return fail_closed(operation);
    return receive_rest(operation, buffer_, moved_,
                        [&](MutableBytes rest, std::size_t& count) { return receive_some(operation, rest, count); });
  }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  MutableBytes buffer_;
  std::size_t moved_ = 0;
};

class SendSteps {
 public:
  static constexpr Direction direction = Direction::write;
  explicit SendSteps(ConstBytes bytes) noexcept : data_(bytes.data()), size_(bytes.size()) {}
  Step step(Operation& operation) noexcept {
    std::size_t count = 0;
    const Step step = send_some(operation, {data_, size_}, count);
    if (step == Step::done) size_ = count;
    return step;
  }
  Result<std::size_t> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return size_;
  }

 private:
  const std::byte* data_;
  std::size_t size_;  // what there is to send; then what was sent
};

class SendAllSteps {
 public:
  static constexpr Direction direction = Direction::write;
  explicit SendAllSteps(ConstBytes bytes) noexcept : bytes_(bytes) {}
  Step step(Operation& operation) noexcept {
    if (operation.pollable == nullptr) return fail_closed(operation);
    return send_rest(operation, bytes_.size(), moved_, [&](std::size_t moved, std::size_t& count) {
      return send_some(operation, bytes_.after(moved), count);
    });
  }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  ConstBytes bytes_;
  std::size_t moved_ = 0;
};

class SendVectorSteps {
 public:
  static constexpr Direction direction = Direction::write;
  explicit SendVectorSteps(std::span<const ConstBytes> pieces) noexcept : pieces_(pieces) {}
  Step step(Operation& operation) noexcept {
    if (operation.pollable == nullptr) return fail_closed(operation);
    return send_rest(operation, total_size(pieces_), moved_, [&](std::size_t moved, std::size_t& count) {
      return send_pieces(operation, pieces_, moved, count);
    });
  }
  Transferred result(Operation& operation) const noexcept { return Transferred(moved_, operation.error()); }

 private:
  std::span<const ConstBytes> pieces_;
  std::size_t moved_ = 0;
};

}  // namespace parley::inline PARLEY_ABI::detail
