// SPDX-License-Identifier: BSL-1.0
#pragma once

// A connection in the hands of the program, and the operations on it.

#include <parley/net/detail/reliable/hub.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace parley::inline PARLEY_ABI::detail::reliable {

class Held final : public Hub::Holder {
 public:
  Held(std::shared_ptr<Hub> with, Peer& one) noexcept : hub(std::move(with)), peer(one) { peer.user = this; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (given_back_) return;
    hub.use_count() == 1 ? hub->release_last(peer) : hub->release(peer);
  }

  void peer_changed() noexcept override {
    receiver.wake();
    sender.wake();
    ender.wake();
  }
  Connection& connection() const noexcept { return *peer.connection; }
  void touch() noexcept { hub->touch(peer); }
  /// It waits to be accepted again, by somebody else.
  void give_back() noexcept {
    given_back_ = true;
    peer.user = nullptr;
    hub->endpoint.give_back(peer);
  }

  const std::shared_ptr<Hub> hub;
  Peer& peer;
  Seat receiver;
  Seat sender;
  Seat ender;  // whoever makes or ends the connection

 private:
  bool given_back_ = false;
};

/// Sits down and binds the hub. False: the operation has failed.
inline bool begin(Operation& operation, Held* held, Seat Held::*seat, Seat::Guest& guest) noexcept {
  if (held == nullptr || guest.was_thrown_out()) {
    operation.fail(guest.was_thrown_out() ? Error::cancelled : Error::closed);
    guest.forget();
    return false;
  }
  if (!guest.sit(held->*seat, operation)) {
    operation.fail(Error::busy);
    return false;
  }
  if (held->hub->attend(operation)) return true;
  guest.stand_up();
  return false;
}

/// The same at a seat of the hub itself.
inline bool begin(Operation& operation, Hub* hub, Seat Hub::*seat, Seat::Guest& guest) noexcept {
  if (hub == nullptr) {
    operation.fail(Error::closed);
    return false;
  }
  if (!guest.sit(hub->*seat, operation)) {
    operation.fail(Error::busy);
    return false;
  }
  if (hub->attend(operation)) return true;
  guest.stand_up();
  return false;
}

inline Step finish(Operation& operation, Seat::Guest& guest, std::error_code error) noexcept {
  guest.stand_up();
  if (!error) {
    operation.succeed();
  } else if (error.category() == error_category()) {
    operation.fail(static_cast<Error>(error.value()));
  } else {
    operation.fail(error.value());
  }
  return Step::done;
}

/// Why nothing comes any more; no error while something may.
inline std::error_code end_of_receiving(const Connection& connection) noexcept {
  if (connection.lost()) return make_error_code(Error::peer_lost);
  if (connection.peer_ended()) return make_error_code(Error::end_of_stream);
  if (connection.peer_gone()) return std::make_error_code(std::errc::connection_reset);
  return {};
}

/// Queues a message, whole. Step::done with the operation's status, or what to return while there is no room.
inline Step queue(Operation& operation, Held& held, Seat::Guest& guest, std::uint8_t channel,
                  ConstBytes bytes) noexcept {
  Connection& connection = held.connection();
  Result<> outcome = std::make_error_code(std::errc::not_enough_memory);
  static_cast<void>(without_bad_alloc([&] { outcome = connection.send(channel, bytes); }));
  if (outcome) {
    held.touch();
    return finish(operation, guest, {});
  }
  if (outcome.error() == Error::queue_full) return held.hub->wait(operation, guest);
  if (outcome.error() != Error::closed) return finish(operation, guest, outcome.error());
  if (connection.lost()) return finish(operation, guest, make_error_code(Error::peer_lost));
  if (connection.peer_gone()) return finish(operation, guest, std::make_error_code(std::errc::broken_pipe));
  return finish(operation, guest, make_error_code(Error::closed));
}

class SendMessageSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  SendMessageSteps(Held* held, std::uint8_t channel, ConstBytes bytes) noexcept
      : held_(held),
        data_(bytes.data()),
        size_(static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), UINT32_MAX))),
        channel_(channel) {}
  Step step(Operation& operation) noexcept {
    if (!begin(operation, held_, &Held::sender, guest_)) return Step::done;
    return queue(operation, *held_, guest_, channel_, {data_, size_});
  }
  void leave(Operation&) noexcept { guest_.stand_up(); }
  Result<> result(Operation& operation) const noexcept { return operation.error(); }

 private:
  Held* held_;
  const std::byte* data_;
  Seat::Guest guest_;
  std::uint32_t size_;  // more than the longest message where it is too long
  std::uint8_t channel_;
};

/// Waits for a message. It is taken when the result is, so that an operation which is destroyed before takes nothing.
class ReceiveMessageSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit ReceiveMessageSteps(Held* held) noexcept : held_(held) {}
  Step step(Operation& operation) noexcept {
    if (!begin(operation, held_, &Held::receiver, guest_)) return Step::done;
    if (held_->connection().has_message()) {
      operation.succeed();
      return Step::done;  // still sitting: nobody else takes it meanwhile
    }
    const auto end = end_of_receiving(held_->connection());
    return end ? finish(operation, guest_, end) : held_->hub->wait(operation, guest_);
  }
  void leave(Operation&) noexcept { guest_.stand_up(); }

 protected:
  // Nothing where the connection has gone between the last step and now.
  Result<ReceivedMessage> take(Operation& operation) {
    if (operation.error()) return operation.error();
    if (guest_.was_thrown_out()) return Error::cancelled;
    ReceivedMessage message = held_->connection().pop();
    guest_.stand_up();
    held_->touch();
    return message;
  }

 private:
  Held* held_;
  Seat::Guest guest_;
};

class EndSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  explicit EndSteps(std::unique_ptr<Held>& held) noexcept : held_(&held) {}
  Step step(Operation& operation) noexcept {
    if (!begin(operation, held_->get(), &Held::ender, guest_)) return Step::done;
    Held& held = **held_;
    held.connection().end();
    held.touch();
    if (!held.connection().over()) return held.hub->wait(operation, guest_);
    std::error_code error;
    if (!held.connection().drained()) error = std::make_error_code(std::errc::connection_reset);
    if (held.connection().lost()) error = make_error_code(Error::peer_lost);
    finish(operation, guest_, error);
    held_->reset();
    return Step::done;
  }
  Step interrupt(Operation& operation, Drive how) noexcept {
    const auto reason = how == Drive::expire ? Error::timed_out : Error::cancelled;
    const bool there = !guest_.was_thrown_out();
    guest_.stand_up();
    if (there) held_->reset();
    operation.fail(reason);
    return Step::done;
  }
  void leave(Operation&) noexcept { guest_.stand_up(); }
  Result<> result(Operation& operation) const noexcept { return operation.error(); }

 private:
  std::unique_ptr<Held>* held_;
  Seat::Guest guest_;
};

/// Makes a connection: asks, and where both ends ask takes the one that the other has made.
class OpenSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  OpenSteps(Result<std::shared_ptr<Hub>> hub, const Address& to) noexcept : hub_(std::move(hub)), to_(&to) {}
  Step step(Operation& operation) noexcept {
    if (!hub_) return finish(operation, guest_, hub_.error());
    if (held_ == nullptr && !start(operation)) return Step::done;
    if (!begin(operation, held_.get(), &Held::ender, guest_)) return Step::done;
    Peer& peer = held_->peer;
    if (peer.connection != nullptr) {
      hub().endpoint.stop_accepting();
      return finish(operation, guest_, {});
    }
    if (Peer* const other = hub().endpoint.accept_from(*to_)) return go_over(operation, *other);
    switch (peer.opening->state()) {
      case Opening::State::refused:
        return finish(operation, guest_, std::make_error_code(std::errc::connection_refused));
      case Opening::State::unsupported: return finish(operation, guest_, make_error_code(Error::unsupported));
      case Opening::State::unanswered: return finish(operation, guest_, make_error_code(Error::peer_lost));
      default: return hub().wait(operation, guest_);
    }
  }
  void leave(Operation&) noexcept { guest_.stand_up(); }

 protected:
  std::unique_ptr<Held> take() noexcept { return std::move(held_); }

 private:
  Hub& hub() const noexcept { return **hub_; }
  bool start(Operation& operation) noexcept {
    if (to_->port() == 0) {
      finish(operation, guest_, std::make_error_code(std::errc::invalid_argument));
      return false;
    }
    if (!hub().attend(operation)) return false;
    Result<Peer*> peer = std::make_error_code(std::errc::not_enough_memory);
    static_cast<void>(without_bad_alloc([&] { peer = hub().endpoint.connect(*to_, hub().now()); }));
    if (peer) {
      held_.reset(new (std::nothrow) Held(*hub_, **peer));
      if (held_ != nullptr) {
        held_->touch();
        return true;
      }
      hub().endpoint.release(**peer);
      peer = std::make_error_code(std::errc::not_enough_memory);
    }
    finish(operation, guest_, peer.error());
    return false;
  }
  Step go_over(Operation& operation, Peer& peer) noexcept {
    guest_.stand_up();
    held_.reset(new (std::nothrow) Held(*hub_, peer));
    if (held_ == nullptr) hub().endpoint.release(peer);
    hub().endpoint.stop_accepting();
    return finish(operation, guest_,
                  held_ == nullptr ? std::make_error_code(std::errc::not_enough_memory) : std::error_code());
  }

  Result<std::shared_ptr<Hub>> hub_;  // why there is none, if so
  const Address* to_;
  std::unique_ptr<Held> held_;
  Seat::Guest guest_;
};

/// Waits for a connection that another has made. One that was not taken after all goes back.
class AcceptPeerSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit AcceptPeerSteps(std::shared_ptr<Hub> hub) noexcept : hub_(std::move(hub)) {}
  AcceptPeerSteps(const AcceptPeerSteps&) = delete;
  AcceptPeerSteps& operator=(const AcceptPeerSteps&) = delete;
  ~AcceptPeerSteps() { give_back(); }

  Step step(Operation& operation) noexcept {
    const bool waited = guest_.sits();
    if (!begin(operation, hub_.get(), &Hub::acceptor, guest_)) return Step::done;
    if (!hub_->endpoint.accepts()) {
      return finish(operation, guest_, make_error_code(waited ? Error::cancelled : Error::closed));
    }
    Peer* const peer = hub_->endpoint.accept();
    if (peer == nullptr) return hub_->wait(operation, guest_);
    held_.reset(new (std::nothrow) Held(hub_, *peer));
    if (held_ == nullptr) hub_->endpoint.give_back(*peer);
    return finish(operation, guest_,
                  held_ == nullptr ? std::make_error_code(std::errc::not_enough_memory) : std::error_code());
  }
  void leave(Operation&) noexcept { guest_.stand_up(); }

 protected:
  std::unique_ptr<Held> take() noexcept { return std::move(held_); }

 private:
  void give_back() noexcept {
    if (held_ == nullptr) return;
    held_->give_back();
  }

  std::shared_ptr<Hub> hub_;
  std::unique_ptr<Held> held_;
  Seat::Guest guest_;
};

/// Waits until no connection is left.
class AllEndedSteps {
 public:
  static constexpr auto direction = platform::Direction::write;
  explicit AllEndedSteps(std::shared_ptr<Hub> hub) noexcept : hub_(std::move(hub)) {}
  Step step(Operation& operation) noexcept {
    if (!begin(operation, hub_.get(), &Hub::leaver, guest_)) return Step::done;
    if (hub_->endpoint.size() != 0) return hub_->wait(operation, guest_);
    return finish(operation, guest_, {});
  }
  void leave(Operation&) noexcept { guest_.stand_up(); }
  Result<> result(Operation& operation) const noexcept { return operation.error(); }

 private:
  std::shared_ptr<Hub> hub_;
  Seat::Guest guest_;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
