// SPDX-License-Identifier: BSL-1.0
#pragma once

// A UDP socket with the connections on it: reads what comes, sends what they have to say, and wakes who waits.
//
// On a loop an operation of its own reads, another one waits for the time at which something is due, and what the
// program does goes out at the end of the turn, so that many messages share a datagram. Without a loop whoever waits does
// all that, looking once in a millisecond.

#include <parley/core/detail/no_memory.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/net/detail/reliable/endpoint.hpp>
#include <parley/net/udp_socket.hpp>
#include <parley/platform/random.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace parley::inline PARLEY_ABI::detail::reliable {

class Hub;

/// A place for the one operation of a kind that waits. Whoever sits there is told when the place goes away.
class Seat {
 public:
  /// Part of an operation's state machine, and as small as it can be.
  class Guest {
   public:
    Guest() noexcept = default;
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    ~Guest() { stand_up(); }

    /// False where another one sits there.
    bool sit(Seat& seat, Operation& operation) noexcept {
      if (seat.guest_ != nullptr && seat.operation_ != &operation) return false;
      seat.guest_ = this;
      seat.operation_ = &operation;
      seat_ = &seat;
      return true;
    }
    void stand_up() noexcept {
      if (seat_ == nullptr || was_thrown_out()) return;
      seat_->guest_ = nullptr;
      seat_->waits_ = false;
      seat_ = nullptr;
    }
    /// The same where it is this operation that sits there.
    void stand_up(const Operation& operation) noexcept {
      if (seat_ != nullptr && !was_thrown_out() && seat_->operation_ == &operation) stand_up();
    }
    /// It sat, and its place has gone.
    bool was_thrown_out() const noexcept { return seat_ == nowhere(); }
    void forget() noexcept { seat_ = nullptr; }
    /// From now on it is to be woken.
    void wait() noexcept { seat_->waits_ = true; }

   private:
    friend class Seat;
    static Seat* nowhere() noexcept {
      static Seat seat;
      return &seat;
    }
    Seat* seat_ = nullptr;
  };

  Seat() noexcept = default;
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() {
    if (guest_ == nullptr) return;
    guest_->seat_ = Guest::nowhere();
    wake();
  }

  void wake() noexcept {
    if (std::exchange(waits_, false)) parley::wake(*operation_);
  }

 private:
  Guest* guest_ = nullptr;
  Operation* operation_ = nullptr;
  bool waits_ = false;
};

class Hub final : public TurnEndHook, private EndpointEvents {
 public:
  /// What holds a connection on behalf of the program.
  class Holder {
   public:
    virtual void peer_changed() noexcept = 0;

   protected:
    ~Holder() = default;
  };

  Hub(UdpSocket socket, const ReliableOptions& options, const SipKey& key, bool accepts)
      : endpoint(options, key, accepts, *this),
        socket_(std::move(socket)),
        reader_(*this, socket_.socket().descriptor()),
        timer_(*this) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub() = default;

  static Result<std::shared_ptr<Hub>> make(Result<UdpSocket> socket, const ReliableOptions& options, bool accepts) {
    if (!socket) return socket.error();
    SipKey key;
    if (const int error = platform::random_bytes(&key, sizeof(key)))
      return std::error_code(error, std::system_category());
    std::shared_ptr<Hub> hub;
    if (!without_bad_alloc([&] { hub = std::make_shared<Hub>(std::move(*socket), options, key, accepts); })) {
      return std::make_error_code(std::errc::not_enough_memory);
    }
    return hub;
  }

  Endpoint endpoint;
  Seat acceptor;

  UdpSocket& socket() noexcept { return socket_; }

  /// The operation's first step here: binds the hub to its loop, or looks what has come. False: the operation has failed.
  bool attend(Operation& operation) noexcept {
    if (Driver::current() != &operation.driver()) return attend_on_thread(operation);
    EventLoop& loop = *EventLoop::current();
    if (loop_ == nullptr) return attach(loop, operation);
    if (loop_ == &loop) return true;
    operation.fail(Error::wrong_loop);
    return false;
  }
  /// What a step returns that has to wait.
  Step wait(Operation& operation, Seat::Guest& guest) noexcept {
    guest.wait();
    if (loop_ != nullptr) return Step::parked;
    operation.driver().pause(operation.driver().now() + std::chrono::milliseconds(1));
    return Step::paused;
  }
  TimePoint now() const noexcept { return loop_ != nullptr ? loop_->now() : Clock::now(); }

  /// The program has done something with the connection.
  void touch(Peer& peer) noexcept {
    endpoint.touch(peer);
    if (loop_ != nullptr) {
      loop_->at_turn_end(*this);
    } else {
      flush();
    }
  }
  /// The program lets go of it.
  void release(Peer& peer) noexcept {
    endpoint.release(peer);
    flush();
  }
  void flush() noexcept {
    if (!without_bad_alloc([this] { send_what_is_due(); })) blocked_until_ = now() + retry_pause;
    set_timer();
  }

 private:
  static constexpr Duration retry_pause = std::chrono::milliseconds(1);
  static constexpr int datagrams_a_turn = 64;
  static constexpr std::size_t room_for_any = 2048;  // longer than every datagram that could be good

  class Reader final : public Operation {
   public:
    Reader(Hub& hub, Descriptor* descriptor) noexcept
        : Operation(&Reader::drive, platform::Direction::read, descriptor), hub_(hub) {}
    ~Reader() { abandon(); }

   private:
    static Step drive(Operation& operation, Drive how) {
      if (how == Drive::advance) return static_cast<Reader&>(operation).hub_.read(operation);
      operation.fail(Error::cancelled);
      return Step::done;
    }
    Hub& hub_;
  };
  class Timer final : public Operation {
   public:
    explicit Timer(Hub& hub) noexcept : Operation(&Timer::drive, platform::Direction::read), hub_(hub) {}
    ~Timer() { abandon(); }

   private:
    static Step drive(Operation& operation, Drive how) {
      if (how == Drive::advance) return static_cast<Timer&>(operation).hub_.timed(operation);
      operation.fail(Error::cancelled);
      return Step::done;
    }
    Hub& hub_;
  };

  bool attach(EventLoop& loop, Operation& operation) noexcept {
    loop_ = &loop;
    if (reader_.start_unbudgeted(loop.driver()) && timer_.start_unbudgeted(loop.driver())) return true;
    loop_ = nullptr;
    operation.fail(reader_.error() ? Error::busy : Error::closed);
    return false;
  }

  bool attend_on_thread(Operation& operation) noexcept {
    if (loop_ != nullptr) {
      operation.fail(Error::wrong_loop);
      return false;
    }
    for (int i = 0; i < datagrams_a_turn && receive_one() != Received::nothing; ++i) {
    }
    flush();
    return true;
  }

  // ---- What comes in

  enum class Received : std::uint8_t { one, nothing };
  Received receive_one() noexcept {
    Address from;
    std::array<std::byte, room_for_any> buffer;
    const auto outcome = platform::receive_from(socket_.socket().native_handle(), buffer.data(), buffer.size(),
                                                from.native_buffer(), Address::native_capacity);
    if (platform::would_block(outcome.error)) return Received::nothing;
    // Any other error, such as the refusal of an earlier datagram, says nothing for certain about anybody.
    if (outcome.error != 0 || outcome.truncated) return Received::one;
    from.set_native_size(outcome.address_size);
    std::array<std::byte, Endpoint::max_reply> reply;
    std::size_t size = 0;
    // Without memory it counts as lost.
    static_cast<void>(without_bad_alloc(
        [&] { size = endpoint.receive(ConstBytes(buffer.data(), outcome.count), from, now(), reply); }));
    if (size != 0) transmit(ConstBytes(reply.data(), size), from);
    return Received::one;
  }

  Step read(Operation& operation) noexcept {
    Step step{};
    if (!may_try(operation, platform::Direction::read, step)) return step;
    loop_->at_turn_end(*this);
    for (int i = 0; i < datagrams_a_turn; ++i) {
      if (receive_one() == Received::nothing) {
        operation.pollable->clear_ready(platform::Direction::read);
        return Step::want_read;
      }
    }
    operation.driver().pause(now() + std::chrono::microseconds(1));  // the rest in the next turn
    return Step::paused;
  }

  // ---- What goes out

  // False: not now. What the system refuses for any other reason counts as lost on the way.
  bool transmit(ConstBytes datagram, const Address& to) noexcept {
    const auto outcome = platform::send_to(socket_.socket().native_handle(), datagram.data(), datagram.size(),
                                           to.native_data(), to.native_size());
    return !platform::would_block(outcome.error);
  }

  void send_what_is_due() {
    if (now() < blocked_until_) return;
    for (int i = 0; i < datagrams_a_turn; ++i) {
      if (held_size_ == 0) held_size_ = endpoint.write(held_, held_to_, now());
      if (held_size_ == 0) return;
      if (!transmit(ConstBytes(held_.data(), held_size_), held_to_)) {
        blocked_until_ = now() + retry_pause;
        return;
      }
      held_size_ = 0;
    }
    if (loop_ != nullptr) loop_->at_turn_end(*this);
  }

  void turn_ended() noexcept override { flush(); }

  TimePoint due() const noexcept {
    const bool blocked = held_size_ != 0 || blocked_until_ > now();
    return blocked ? blocked_until_ : endpoint.due();
  }
  // The timer is set anew only where it would fire too late.
  void set_timer() noexcept {
    if (loop_ == nullptr || due() >= timer_due_) return;
    timer_due_ = due();
    parley::wake(timer_);
  }
  Step timed(Operation& operation) noexcept {
    if (timer_due_ <= now() || due() <= now()) {
      timer_due_ = TimePoint::max();
      if (!without_bad_alloc([this] { send_what_is_due(); })) blocked_until_ = now() + retry_pause;
    }
    timer_due_ = due();
    if (timer_due_ == TimePoint::max()) return Step::parked;
    operation.driver().pause(std::max(timer_due_, now() + std::chrono::microseconds(1)));
    return Step::paused;
  }

  // ---- Who waits

  void changed(Peer& peer) noexcept override {
    if (peer.user != nullptr) static_cast<Holder*>(peer.user)->peer_changed();
  }
  void incoming() noexcept override { acceptor.wake(); }

  UdpSocket socket_;
  EventLoop* loop_ = nullptr;
  Reader reader_;
  Timer timer_;
  TimePoint timer_due_ = TimePoint::max();
  TimePoint blocked_until_{};
  std::array<std::byte, max_datagram> held_;
  std::size_t held_size_ = 0;
  Address held_to_;
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
