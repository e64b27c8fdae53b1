// SPDX-License-Identifier: BSL-1.0
#pragma once

// ReliableUdp: messages over UDP that arrive, whole, once and in order, or the connection is declared lost. The wire
// format and the state machine stand in net/detail/reliable/wire.hpp, so that another program can speak to this one.
//
//   auto listener = ReliableListener::bind("0.0.0.0", 7000).value();
//   auto peer = co_await listener.accept();                        // Result<ReliableUdp>
//   auto peer = co_await ReliableUdp::connect(address).within(5s); // the other end
//   co_await peer->send("hello");
//   auto text = co_await peer->recv_text();
//   co_await peer->close().within(2s);
//
// Against TCP: messages have borders; a channel does not wait for what another one misses; a thin stream on a lossy path
// has what was lost again after little more than a round trip. Nothing is encrypted, and nobody is authenticated: whoever
// can read the packets can forge them.
//
// Channels:    48: ordered, unordered and latest-only ones, 16 of each, which need no setting up. What is sent on a
//              latest-only channel replaces what was sent on it before and has not arrived; the newest always arrives.
// Flow:        send() waits while send_buffer is full: because the peer's program does not receive (its window is full),
//              or the path takes no more (congestion control: TCP Illinois, and packets leave at its pace).
// Lost peers:  a peer of which nothing has come for idle_timeout is lost: all operations give Error::peer_lost. Nothing
//              else ends a connection, no loss and no ICMP message; a silent peer is asked for a sign of life.
// Concurrency: on each connection one operation that receives, one that sends and one that closes; a second of these
//              gives Error::busy. One accept() and one all_ended() on each listener.
// Threads:     as of a Socket: the first loop that awaits an operation on a listener, or on one of its connections,
//              owns them all; elsewhere Error::wrong_loop. While it runs, the loop answers, asks and repeats by itself.
//              Without a loop, wait() works for one thread at a time; then all that happens only while it waits, and
//              it looks once in a millisecond. Destroyed on its loop's thread, or after the loop, as a Socket is.
// Memory:      on each connection at most send_buffer, window (twice with latest-only channels) and about 10 KiB, taken
//              as needed; and that for max_connections at most. A stranger whose address is not proven costs none. What
//              goes out or comes in together has about 120 KiB for each thread, and for each socket that is blocked.
// Sharing:     all connections of a listener share its socket, and live on when the listener is closed. One timer serves
//              them all.

#include <parley/core/task_operation.hpp>
#include <parley/net/detail/reliable/held.hpp>
#include <parley/net/resolve.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace parley::inline PARLEY_ABI {

/// Where a message goes. Numbers are 0 to 15; of larger ones the low four bits count.
class ReliableChannel {
 public:
  enum class Kind : std::uint8_t { ordered, unordered, latest };

  /// Ordered channel 0.
  constexpr ReliableChannel() noexcept = default;
  static constexpr ReliableChannel ordered(std::size_t number = 0) noexcept { return {Kind::ordered, number}; }
  static constexpr ReliableChannel unordered(std::size_t number = 0) noexcept { return {Kind::unordered, number}; }
  static constexpr ReliableChannel latest(std::size_t number = 0) noexcept { return {Kind::latest, number}; }

  constexpr Kind kind() const noexcept { return static_cast<Kind>(byte_ >> 5 & 3); }
  constexpr std::size_t number() const noexcept { return byte_ & 15; }
  friend constexpr bool operator==(ReliableChannel, ReliableChannel) noexcept = default;

  /// For the library: as in a message frame.
  constexpr std::uint8_t byte() const noexcept { return byte_; }
  static constexpr ReliableChannel from_byte(std::uint8_t byte) noexcept {
    return {static_cast<Kind>(byte >> 5 & 3), byte};
  }

 private:
  constexpr ReliableChannel(Kind kind, std::size_t number) noexcept
      : byte_(detail::reliable::channel_byte(static_cast<detail::reliable::Kind>(kind), number)) {}
  std::uint8_t byte_ = detail::reliable::channel_byte(detail::reliable::Kind::ordered, 0);
};

/// What recv() returns.
struct ReceivedReliable {
  /// Of the message, as far as it fitted.
  std::size_t bytes = 0;
  ReliableChannel channel;
  /// The message was longer than the buffer, and its rest is lost.
  bool truncated = false;
};

class ReliableListener;

/// One end of a connection. Moving it disturbs nothing.
class ReliableUdp {
  using Held = detail::reliable::Held;
  class ConnectSteps;
  class AcceptSteps;
  class ReceiveSteps;
  class ReceiveTextSteps;
  template <class Steps>
  using Op = detail::StepOperation<Steps>;

 public:
  using Options = ReliableOptions;

  /// Not open: operations give Error::closed.
  ReliableUdp() noexcept = default;

  /// Completes when the connection stands: Result<ReliableUdp>. It asks again and again; the address is borrowed.
  /// Errors:     std::errc::connection_refused where the listener has no room. Error::unsupported where it speaks another
  ///             version. Error::peer_lost after idle_timeout without an answer: that nobody is there cannot be known. A
  ///             network that is unreachable may come back meanwhile: what the system does not send counts as lost.
  ///             std::errc::invalid_argument for port 0.
  ///             not_enough_memory; timed_out, cancelled, no_loop; the system's own.
  /// Cancelling: leaves nothing behind.
  [[nodiscard]] static auto connect(const Address& to, const Options& options = {}) noexcept;
  /// The same by name: the first address that the name has (net/resolve.hpp). Errors: also those of resolve().
  [[nodiscard]] static auto connect(std::string host, std::uint16_t port, const Options& options = {});
  /// For two programs that both know where the other one is, and do the same: of the two that ask one gives in, and one
  /// connection comes of it. `own` and `to` are borrowed. Errors: also those of UdpSocket::bind().
  [[nodiscard]] static auto meet(const Address& own, const Address& to, const Options& options = {}) noexcept;

  bool is_open() const noexcept { return held_ != nullptr; }
  explicit operator bool() const noexcept { return is_open(); }

  /// Completes when the message is in the send buffer: Result<>. Whether it has arrived is not known before close().
  /// Errors:     Error::too_long, over max_message(). Error::closed, peer_lost. std::errc::broken_pipe where the peer
  ///             has closed. not_enough_memory.
  /// Cancelling: then nothing of it is sent.
  /// Buffers:    the bytes are borrowed until it has completed.
  [[nodiscard]] auto send(ReliableChannel channel, ConstBytes message) noexcept {
    return Op<detail::reliable::SendMessageSteps>(nullptr, held_.get(), channel.byte(), message);
  }
  /// The same on ordered channel 0.
  [[nodiscard]] auto send(ConstBytes message) noexcept { return send(ReliableChannel(), message); }

  /// Completes with one message, of whatever channel, the one that has waited longest: Result<ReceivedReliable>. Messages
  /// may be empty.
  /// Errors:     Error::end_of_stream when the peer has closed, after its last message. std::errc::connection_reset
  ///             when it ended without. Error::closed, peer_lost.
  /// Cancelling: takes no message.
  [[nodiscard]] auto recv(MutableBytes buffer) noexcept;
  /// The same as Result<std::string>, whole.
  [[nodiscard]] auto recv_text() noexcept;

  /// Completes when the peer has acknowledged all that was sent, and that nothing follows: Result<>. From its beginning
  /// on nothing is sent or received here; when it has completed, however, this is not open any more.
  /// Errors:     Error::peer_lost, std::errc::connection_reset: not all has arrived for certain.
  /// Cancelling: so does a timeout: this is not open any more, and what has not arrived fares as with reset().
  [[nodiscard]] auto close() noexcept { return Op<detail::reliable::EndSteps>(nullptr, held_); }
  /// Nothing more is sent; the peer is told when all has arrived, and its recv() then says end_of_stream. Receiving goes
  /// on. Error::closed.
  Result<> shutdown_send() noexcept {
    if (!is_open()) return Error::closed;
    held_->connection().end_sending();
    held_->touch();
    return {};
  }
  /// At once: drops what has not arrived, and tells the peer. So does destroying it; but after shutdown_send() what was
  /// sent still goes out, as long as the listener or another of its connections is there. What is in flight completes
  /// with Error::cancelled. The last one on a socket tells its peer three times and is gone: if all are lost, the peer
  /// finds out by its idle_timeout.
  void reset() noexcept { held_.reset(); }

  /// The longest message that both ends take; 0 when it is not open.
  std::size_t max_message() const noexcept { return is_open() ? held_->connection().max_message() : 0; }
  Address peer_address() const noexcept { return is_open() ? held_->peer.address : Address(); }
  Result<Address> local_address() const {
    if (!is_open()) return Error::closed;
    return held_->hub->socket().local_address();
  }
  /// As of now, and since the beginning; all 0 when it is not open.
  ReliableStatus status() const noexcept { return is_open() ? held_->connection().status() : ReliableStatus(); }
  ReliableCounters counters() const noexcept { return is_open() ? held_->connection().counters() : ReliableCounters(); }

  /// For the library: what streams over a channel work on.
  Held* held() const noexcept { return held_.get(); }

 private:
  friend class ReliableListener;
  explicit ReliableUdp(std::unique_ptr<Held> held) noexcept : held_(std::move(held)) {}
  static Task<Result<ReliableUdp>> connect_by_name(std::string host, std::uint16_t port, Options options);

  std::unique_ptr<Held> held_;
};

/// Takes connections at an address.
class ReliableListener {
 public:
  using Options = ReliableOptions;

  ReliableListener() noexcept = default;
  ReliableListener(ReliableListener&&) noexcept = default;
  ReliableListener& operator=(ReliableListener&& other) noexcept {
    if (this != &other) close();
    hub_ = std::move(other.hub_);
    return *this;
  }
  ~ReliableListener() { close(); }

  /// Errors: those of UdpSocket::bind(), and not_enough_memory.
  static Result<ReliableListener> bind(const Address& address, const Options& options = {}) {
    return over(UdpSocket::bind(address), options);
  }
  static Result<ReliableListener> bind(std::string_view host, std::uint16_t port, const Options& options = {}) {
    return over(UdpSocket::bind(host, port), options);
  }
  /// Over a socket that is bound already, with options of its own.
  static Result<ReliableListener> over(Result<UdpSocket> socket, const Options& options = {}) {
    auto hub = detail::reliable::Hub::make(std::move(socket), options, true);
    if (!hub) return hub.error();
    return ReliableListener(std::move(*hub));
  }

  /// Completes when another one has made a connection: Result<ReliableUdp>. Up to `backlog` of them wait to be accepted,
  /// more are refused. Errors: Error::closed. Cancelling: takes none.
  [[nodiscard]] auto accept() noexcept;

  bool is_open() const noexcept { return hub_ != nullptr; }
  Result<Address> local_address() const {
    if (!is_open()) return Error::closed;
    return hub_->socket().local_address();
  }
  /// Connections at present, those included that wait or are ending.
  std::size_t connections() const noexcept { return is_open() ? hub_->endpoint.size() : 0; }
  /// Completes when there is none: Result<>. Those that end have then heard that their peer knows, or that it is lost.
  /// For a server before its last breath. Errors: Error::closed; Error::busy, one at a time. Cancelling: changes
  /// nothing.
  [[nodiscard]] auto all_ended() noexcept {
    return detail::StepOperation<detail::reliable::AllEndedSteps>(nullptr, hub_);
  }
  /// Takes no more, and ends those that nobody has accepted; an accept() in flight completes with Error::cancelled. The
  /// others live on.
  void close() noexcept {
    if (!is_open()) return;
    hub_->endpoint.stop_accepting();
    hub_->flush();
    hub_->acceptor.wake();
    hub_.reset();
  }

 private:
  explicit ReliableListener(std::shared_ptr<detail::reliable::Hub> hub) noexcept : hub_(std::move(hub)) {}
  std::shared_ptr<detail::reliable::Hub> hub_;
};

class ReliableUdp::ConnectSteps : public detail::reliable::OpenSteps {
 public:
  using OpenSteps::OpenSteps;
  Result<ReliableUdp> result(Operation& operation) noexcept {
    if (operation.error()) return operation.error();
    return ReliableUdp(take());
  }
};

class ReliableUdp::AcceptSteps : public detail::reliable::AcceptPeerSteps {
 public:
  using AcceptPeerSteps::AcceptPeerSteps;
  Result<ReliableUdp> result(Operation& operation) noexcept {
    if (operation.error()) return operation.error();
    return ReliableUdp(take());
  }
};

class ReliableUdp::ReceiveSteps : public detail::reliable::ReceiveMessageSteps {
 public:
  ReceiveSteps(Held* held, MutableBytes buffer) noexcept : ReceiveMessageSteps(held), buffer_(buffer) {}
  Result<ReceivedReliable> result(Operation& operation) {
    const auto message = take(operation);
    if (!message) return message.error();
    const std::size_t size = message->bytes.size() < buffer_.size() ? message->bytes.size() : buffer_.size();
    if (size != 0) std::memcpy(buffer_.data(), message->bytes.data(), size);
    return ReceivedReliable{size, ReliableChannel::from_byte(message->channel), size < message->bytes.size()};
  }

 private:
  MutableBytes buffer_;
};

class ReliableUdp::ReceiveTextSteps : public detail::reliable::ReceiveMessageSteps {
 public:
  using ReceiveMessageSteps::ReceiveMessageSteps;
  Result<std::string> result(Operation& operation) {
    const auto message = take(operation);
    if (!message) return message.error();
    return std::string(reinterpret_cast<const char*>(message->bytes.data()), message->bytes.size());
  }
};

inline auto ReliableUdp::connect(const Address& to, const Options& options) noexcept {
  using detail::reliable::Hub;
  return Op<ConnectSteps>(nullptr, Hub::make(UdpSocket::open(to.native_family()), options, false), to);
}
inline auto ReliableUdp::meet(const Address& own, const Address& to, const Options& options) noexcept {
  return Op<ConnectSteps>(nullptr, detail::reliable::Hub::make(UdpSocket::bind(own), options, true), to);
}
inline auto ReliableUdp::connect(std::string host, std::uint16_t port, const Options& options) {
  return as_operation(connect_by_name(std::move(host), port, options));
}
inline Task<Result<ReliableUdp>> ReliableUdp::connect_by_name(std::string host, std::uint16_t port, Options options) {
  const auto addresses = co_await resolve(std::move(host), port);
  if (!addresses) co_return addresses.error();
  co_return co_await connect(addresses->front(), options);
}
inline auto ReliableUdp::recv(MutableBytes buffer) noexcept { return Op<ReceiveSteps>(nullptr, held_.get(), buffer); }
inline auto ReliableUdp::recv_text() noexcept { return Op<ReceiveTextSteps>(nullptr, held_.get()); }
inline auto ReliableListener::accept() noexcept {
  return detail::StepOperation<ReliableUdp::AcceptSteps>(nullptr, hub_);
}

}  // namespace parley::inline PARLEY_ABI
