// SPDX-License-Identifier: BSL-1.0
#pragma once

// A UDP socket with the connections on it: reads what comes, sends what they have to say, and wakes who waits.
//
// On a loop an operation of its own reads, another one waits for the time at which something is due, and what the
// program does goes out at the end of the turn, so that many messages share a datagram, and many datagrams a system
// call. Without a loop whoever waits does all that, looking once in a millisecond.

#include <parley/core/detail/no_memory.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/net/detail/reliable/batch_pool.hpp>
#include <parley/net/detail/reliable/endpoint.hpp>
#include <parley/net/udp_socket.hpp>
#include <parley/platform/random.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
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
    bool sits() const noexcept { return seat_ != nullptr; }
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
        coalesces_(platform::set_coalescing(socket_.socket().native_handle(), true)),
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
  Seat leaver;  // whoever waits until no connection is left

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
  /// The same of the last one, after which nobody is there to say it again.
  void release_last(Peer& peer) noexcept {
    static_cast<void>(without_bad_alloc([&] {
      endpoint.release(peer);
      say_last_words();
    }));
  }
  void flush() noexcept {
    send_what_is_due();
    set_timer();
  }

 private:
  static constexpr Duration retry_pause = std::chrono::milliseconds(1);
  static constexpr Duration next_turn = std::chrono::microseconds(1);
  static constexpr std::size_t datagrams_a_turn = BatchPool::max_datagrams;

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

  class LoopEnd final : public LoopEndHook {
   public:
    explicit LoopEnd(Hub& hub) noexcept : hub_(hub) {}
    void loop_ends() noexcept override { hub_.detach(); }

   private:
    Hub& hub_;
  };

  bool attach(EventLoop& loop, Operation& operation) noexcept {
    loop_ = &loop;
    if (reader_.start_unbudgeted(loop.driver()) && timer_.start_unbudgeted(loop.driver())) {
      loop.at_loop_end(loop_end_);
      return true;
    }
    loop_ = nullptr;
    operation.fail(reader_.error() ? Error::busy : Error::closed);
    return false;
  }

  // From now on as before there was a loop.
  void detach() noexcept {
    reader_.abandon();
    timer_.abandon();
    unlink();
    timer_due_ = TimePoint::max();
    loop_ = nullptr;
  }

  bool attend_on_thread(Operation& operation) noexcept {
    if (loop_ != nullptr) {
      operation.fail(Error::wrong_loop);
      return false;
    }
    static_cast<void>(receive_a_share());
    flush();
    return true;
  }

  // ---- What comes in

  // After how long there may be more; zero: all is read.
  Duration receive_a_share() noexcept {
    auto batch = BatchPool::take();
    if (batch == nullptr) return retry_pause;
    bool all = false;
    for (std::size_t count = 0; count < datagrams_a_turn && !all;) {
      const auto outcome = batch->receive_some(socket_.socket().native_handle(), coalesces_);
      all = platform::would_block(outcome.error);
      // Any other error, such as the refusal of an earlier datagram, says nothing for certain about anybody.
      count += outcome.error != 0 ? 1 : outcome.count;
      const TimePoint time = now();
      for (std::size_t i = 0; i < batch->runs().end(); ++i) receive(batch->runs()[i], time);
    }
    BatchPool::give(std::move(batch));
    return all ? Duration::zero() : next_turn;
  }
  void receive(const DatagramRun& run, TimePoint time) noexcept {
    for (std::size_t i = 0; i < run.count; ++i) {
      if (!run.was_cut(i)) receive(run.datagram(i), run.peer, time);
    }
  }
  void receive(ConstBytes datagram, const Address& from, TimePoint time) noexcept {
    std::array<std::byte, Endpoint::max_reply> reply;
    std::size_t size = 0;
    // Without memory it counts as lost.
    static_cast<void>(without_bad_alloc([&] { size = endpoint.receive(datagram, from, time, reply); }));
    if (size != 0) transmit(ConstBytes(reply.data(), size), from);
  }

  Step read(Operation& operation) noexcept {
    Step step{};
    if (!may_try(operation, platform::Direction::read, step)) return step;
    loop_->at_turn_end(*this);
    const Duration pause = receive_a_share();
    if (pause == Duration::zero()) {
      operation.pollable->clear_ready(platform::Direction::read);
      return Step::want_read;
    }
    operation.driver().pause(now() + pause);
    return Step::paused;
  }

  // ---- What goes out

  void send_what_is_due() noexcept {
    if (now() < blocked_until_) return;
    if (unsent_ == nullptr) unsent_ = BatchPool::take();
    if (unsent_ == nullptr || !send_batch() || !without_bad_alloc([this] { write_batch(); }) || !send_batch()) {
      blocked_until_ = now() + retry_pause;
    } else if (endpoint.has_touched() && loop_ != nullptr) {
      loop_->at_turn_end(*this);
    }
    if (unsent_ != nullptr && unsent_->runs().datagrams() == 0) BatchPool::give(std::move(unsent_));
    if (endpoint.size() == 0) leaver.wake();
  }
  // A turn's share.
  void write_batch() {
    Address to;
    const TimePoint time = now();
    DatagramRuns& runs = unsent_->runs();
    while (runs.datagrams() < datagrams_a_turn && runs.room().size() >= max_datagram) {
      const std::size_t size = endpoint.write(runs.room().first(max_datagram), to, time);
      if (size == 0) return;
      static_cast<void>(runs.add(size, to, platform::PacketInfo()));
    }
  }
  // False: the rest not now. What the system refuses for any other reason counts as lost on the way.
  bool send_batch() noexcept {
    unsent_->set_way(way_);
    while (unsent_->runs().datagrams() != 0) {
      const auto outcome = unsent_->send_some(socket_.socket().native_handle());
      if (platform::would_block(outcome.error)) return false;
      if (outcome.error != 0 && !unsent_->retries(outcome.error)) unsent_->drop_refused();
    }
    way_ = unsent_->way();
    return true;
  }

  // The very last datagram goes three times, so that hardly ever all are lost.
  void say_last_words() {
    std::array<std::byte, max_datagram> datagram;
    std::size_t last_size = 0;
    Address to;
    for (std::size_t i = 0; i < datagrams_a_turn; ++i) {
      const std::size_t size = endpoint.write(datagram, to, now());
      if (size == 0) break;
      last_size = size;
      transmit(ConstBytes(datagram.data(), size), to);
    }
    for (int i = 0; i < 2 && last_size != 0; ++i) transmit(ConstBytes(datagram.data(), last_size), to);
  }
  // What the system refuses counts as lost.
  void transmit(ConstBytes datagram, const Address& to) noexcept {
    static_cast<void>(platform::send_to(socket_.socket().native_handle(), datagram.data(), datagram.size(),
                                        to.native_data(), to.native_size()));
  }

  void turn_ended() noexcept override { flush(); }

  TimePoint due() const noexcept {
    const bool blocked = unsent_ != nullptr || blocked_until_ > now();
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
      send_what_is_due();
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
  const bool coalesces_;
  BatchWay way_ = BatchWay::segments;
  EventLoop* loop_ = nullptr;
  Reader reader_;
  Timer timer_;
  LoopEnd loop_end_{*this};
  TimePoint timer_due_ = TimePoint::max();
  TimePoint blocked_until_{};
  std::unique_ptr<BatchCore> unsent_;  // what the system did not take yet; else nothing
};

}  // namespace parley::inline PARLEY_ABI::detail::reliable
