// SPDX-License-Identifier: BSL-1.0
#pragma once

// The state machines of operations that name an address: datagrams, accepting, connecting.

#include <parley/net/address.hpp>
#include <parley/net/detail/socket_steps.hpp>
#include <parley/platform/owned.hpp>

#include <chrono>
#include <new>

namespace parley::inline PARLEY_ABI {

/// What recv_from() returns.
struct ReceivedFrom {
  /// Of the datagram, as far as it fitted.
  std::size_t bytes = 0;
  Address from;
  /// The datagram was longer than the buffer, and its rest is lost.
  bool truncated = false;
};

namespace detail {

class SendToSteps {
 public:
  static constexpr Direction direction = Direction::write;
  SendToSteps(ConstBytes bytes, const Address& to) noexcept : data_(bytes.data()), size_(bytes.size()), to_(&to) {}
  Step step(Operation& operation) noexcept {
    Step step{};
    if (!may_try(operation, direction, step)) return step;
    const auto outcome =
        platform::send_to(operation.pollable->handle.get(), data_, size_, to_->native_data(), to_->native_size());
    if (outcome.error == 0) size_ = outcome.count;
    return conclude(operation, direction, outcome.error);
  }
  Result<std::size_t> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return size_;
  }

 private:
  const std::byte* data_;
  std::size_t size_;
  const Address* to_;
};

class ReceiveFromSteps {
 public:
  static constexpr Direction direction = Direction::read;
  explicit ReceiveFromSteps(MutableBytes buffer) noexcept : buffer_(buffer) {}
  Step step(Operation& operation) noexcept {
    Step step{};
    if (!may_take(operation, Step::want_read, step)) return step;
    if (!operation.pollable->arrived.empty()) return receive_some(operation, buffer_, received_.bytes);  // of a stream
    const auto outcome = platform::receive_from(operation.pollable->handle.get(), buffer_.data(), buffer_.size(),
                                                received_.from.native_buffer(), Address::native_capacity);
    if (outcome.error == 0) {
      received_.from.set_native_size(outcome.address_size);
      received_.bytes = outcome.count;
      received_.truncated = outcome.truncated;
    }
    return conclude(operation, direction, outcome.error);
  }
  Result<ReceivedFrom> result(Operation& operation) const noexcept {
    if (operation.error()) return operation.error();
    return received_;
  }

 private:
  MutableBytes buffer_;
  ReceivedFrom received_;
};

class ConnectSteps {
 public:
  static constexpr Direction direction = Direction::write;
  explicit ConnectSteps(const Address& to) noexcept : to_(&to) {}
  Step step(Operation& operation) noexcept {
    if (operation.pollable == nullptr) {
      operation.fail(Error::closed);
      return Step::done;
    }
    return started_ ? finish(operation) : begin(operation);
  }
  Result<> result(Operation& operation) const noexcept { return operation.error(); }

 private:
  Step begin(Operation& operation) noexcept {
    const int error = platform::connect(operation.pollable->handle.get(), to_->native_data(), to_->native_size());
    if (platform::would_block(error)) {
      // A Unix listener's backlog is full. The system offers nothing to wait for, so try again a little later.
      operation.driver().pause(operation.driver().now() + std::chrono::milliseconds(10));
      return Step::paused;
    }
    if (!platform::connect_in_progress(error)) return conclude(operation, direction, error);
    started_ = true;
    operation.pollable->clear_ready(direction);
    return Step::want_write;
  }
  Step finish(Operation& operation) noexcept {
    const auto handle = operation.pollable->handle.get();
    int error = platform::pending_error(handle);
    if (error == 0) error = why_not_connected(handle);
    operation.fail(error);  // 0 is success
    return Step::done;
  }
  // Somebody else may have read the attempt's error before; waiting on would be in vain, since one that ended stays
  // ended. Or the connection stood and has been reset since, which then is the reason, and not that there is none.
  static int why_not_connected(platform::NativeSocket handle) noexcept {
    Address peer;
    std::size_t size = 0;
    const int error = platform::peer_address(handle, peer.native_buffer(), Address::native_capacity, size);
    if (error == 0) return 0;
    const int reason = platform::pending_error(handle);
    return reason != 0 ? reason : error;
  }
  const Address* to_;
  bool started_ = false;
};

/// Accepts one connection. What concerns only the peer that gave up is retried at once; without descriptors or memory
/// it tries again after a pause, so that neither a busy loop nor a deaf listener comes of it.
class AcceptRetry {
 public:
  static Step step(Operation& operation, Address* from, platform::Owned<Descriptor>& accepted) noexcept {
    // Made first, so that no connection is lost for want of memory.
    if (accepted == nullptr) accepted.reset(new (std::nothrow) Descriptor(platform::NativeHandle(), false));
    if (accepted == nullptr) return pause(operation);
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
      Step otherwise{};
      if (!may_take(operation, Step::want_connection, otherwise)) return otherwise;
      auto outcome = take_connection(*operation.pollable, from);
      if (outcome.error == 0) {
        accepted->handle = std::move(outcome.handle);
        accepted->stream = operation.pollable->stream;
      } else if (platform::out_of_resources(outcome.error)) {
        return pause(operation);
      } else if (platform::accept_failed_for_this_peer(outcome.error)) {
        continue;
      }
      const Step step = conclude(operation, Direction::read, outcome.error);
      return step == Step::want_read ? otherwise : step;
    }
    return pause(operation);
  }

 private:
  static constexpr int max_attempts = 64;

  // One that has arrived, or else the next of the listener's. What a stream has received is no connection, whatever the
  // bytes may say.
  static platform::AcceptOutcome take_connection(platform::Pollable& listener, Address* from) noexcept {
    Address ignored;
    Address& address = from != nullptr ? *from : ignored;
    platform::AcceptOutcome outcome{};
    if (!listener.arrived.has_connections()) {
      outcome = platform::accept(listener.handle.get(), address.native_buffer(), Address::native_capacity);
    } else {
      outcome.handle = listener.arrived.take_connection();
      if (from == nullptr) return outcome;
      outcome.error = platform::peer_address(outcome.handle.get(), address.native_buffer(), Address::native_capacity,
                                             outcome.address_size);
      if (outcome.error == platform::not_connected) outcome.error = platform::connection_aborted;  // reset meanwhile
    }
    if (outcome.error == 0) address.set_native_size(outcome.address_size);
    return outcome;
  }

  static Step pause(Operation& operation) noexcept {
    operation.driver().pause(operation.driver().now() + std::chrono::milliseconds(100));
    return Step::paused;
  }
};

}  // namespace detail

}  // namespace parley::inline PARLEY_ABI
