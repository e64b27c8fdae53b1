// SPDX-License-Identifier: BSL-1.0
#pragma once

// Asking operations to end early.
//
// Like std::stop_source and std::stop_token, but reaching an operation costs no allocation and no callback object.
// core/std_stop.hpp connects the two worlds.

#include <parley/core/detail/operation_base.hpp>

#include <utility>

namespace parley::inline PARLEY_ABI {

/// Tells whether a stop was requested, and carries the request to the operations that were given the token. An empty
/// token never stops anything. Copying is cheap. Threads: each token may be used from any thread.
class StopToken {
 public:
  StopToken() noexcept = default;
  StopToken(const StopToken& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->retain();
  }
  StopToken(StopToken&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StopToken& operator=(StopToken other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StopToken() { detail::StopState::release(state_); }

  bool stop_requested() const noexcept { return state_ != nullptr && state_->requested(); }
  bool stop_possible() const noexcept { return state_ != nullptr; }

  /// For the library: the state, borrowed.
  detail::StopState* state() const noexcept { return state_; }
  /// For the library: a token of a state.
  explicit StopToken(detail::StopState* state) noexcept : state_(state) {
    if (state_ != nullptr) state_->retain();
  }

 private:
  detail::StopState* state_ = nullptr;
};

/// Owns a stop request. Destroying it requests nothing.
class StopSource {
 public:
  StopSource() : state_(new detail::StopState) {}
  StopSource(StopSource&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StopSource& operator=(StopSource&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StopSource() { detail::StopState::release(state_); }

  /// Requests the stop: operations that were given the token end with Error::cancelled unless they finish first. They
  /// end on their own loop or thread, not inside this call. From any thread, any number of times; true the first time.
  bool request_stop() noexcept { return state_ != nullptr && state_->request(); }
  bool stop_requested() const noexcept { return state_ != nullptr && state_->requested(); }
  StopToken token() const noexcept { return StopToken(state_); }

 private:
  detail::StopState* state_;
};

}  // namespace parley::inline PARLEY_ABI
