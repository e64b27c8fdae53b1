// SPDX-License-Identifier: BSL-1.0
#pragma once

// Socket: owns one socket of the system, of whatever family, type and protocol.
//
// The verbs are those of Berkeley sockets. Calls that may wait return operations (core/operation.hpp): `co_await` them
// on an event loop, or call `.wait()` on a plain thread; with `.within(duration)` and `.stop(token)` as needed. Sockets
// are always in non-blocking mode and not inherited by child processes.
//
// Concurrency: one operation that reads and one that writes may be in flight; a second of the same direction gives
//              Error::busy.
// Threads:     a socket belongs to the first loop that awaits one of its operations; elsewhere it gives
//              Error::wrong_loop. One that no loop has used may be waited on by plain threads, a reader and a writer
//              at a time.
// Errors:      of every operation: Error::closed, busy, wrong_loop, no_loop, would_block_loop, timed_out, cancelled; and
//              the system's own, such as std::errc::connection_reset, broken_pipe (never SIGPIPE), connection_refused.
// Buffers:     are borrowed until the operation has completed.
// Cancelling:  an operation that ends with timed_out or cancelled has moved no bytes, unless its result counts them.
// close():     on the owner's thread; what is in flight completes with Error::cancelled. So does destroying the socket.
//              Moving a socket disturbs nothing. From another thread: stop a token, or shutdown().

#include <parley/core/event_loop.hpp>
#include <parley/net/address.hpp>
#include <parley/net/detail/datagram_steps.hpp>
#include <parley/net/detail/option_access.hpp>
#include <parley/net/socket_options.hpp>
#include <parley/platform/owned.hpp>

#include <span>
#include <utility>

namespace parley::inline PARLEY_ABI {

class ConnectByName;

/// Families and types for Socket::open(). Any other number that the system knows will do as well (CAN, RDS, packet
/// ...).
namespace family {
inline constexpr int ipv4 = platform::family_ipv4;
inline constexpr int ipv6 = platform::family_ipv6;
inline constexpr int unix_domain = platform::family_unix;
}  // namespace family
namespace type {
inline constexpr int stream = platform::type_stream;
inline constexpr int datagram = platform::type_datagram;
inline constexpr int raw = platform::type_raw;
inline constexpr int sequenced_packet = platform::type_seqpacket;
}  // namespace type

using NativeSocket = platform::NativeSocket;
using ShutdownWay = platform::ShutdownWay;

class Socket {
  class AcceptSteps;
  template <class Steps>
  using Op = detail::StepOperation<Steps>;

 public:
  /// Not open: operations give Error::closed.
  Socket() noexcept = default;
  Socket(Socket&&) noexcept = default;
  Socket& operator=(Socket&&) noexcept = default;
  ~Socket() = default;

  /// socket(2). Errors: the system's own.
  static Result<Socket> open(int family, int type, int protocol = 0) {
    auto opened = platform::open_socket(family, type, protocol);
    if (opened.error != 0) return system_error(opened.error);
    return own(std::move(opened.handle), type == type::stream && family != platform::family_unix);
  }

  /// Takes over a socket that was made elsewhere, and puts it into non-blocking mode. It is closed here on failure too.
  static Result<Socket> adopt(NativeSocket handle) {
    platform::NativeHandle owned(handle);
    if (const int error = platform::set_non_blocking(handle)) return system_error(error);
    return own(std::move(owned), platform::is_stream(handle));
  }

  /// Resolves the name and connects to the first of its addresses that answers (RFC 8305). See net/connect.hpp, which
  /// must be included. A template so that only those who connect pay for compiling it.
  template <class Connect = ConnectByName>
  static Connect connect(std::string_view host, std::uint16_t port);

  bool is_open() const noexcept { return descriptor_ != nullptr; }
  explicit operator bool() const noexcept { return is_open(); }
  void close() noexcept { descriptor_.reset(); }
  /// Still owned by the socket; -1 when it is not open. Whoever receives by it beside our operations may miss what came
  /// between; see received_ahead().
  NativeSocket native_handle() const noexcept {
    return is_open() ? descriptor_->handle.get() : platform::invalid_socket;
  }
  /// Bytes (of a listener: connections) that came before they were asked for, as they do on a loop with io_uring once
  /// somebody has waited for some; elsewhere there are none. Every operation that receives or accepts takes them first.
  /// They do not go with release(): to go on by other means, receive until this says 0, and release the socket before
  /// anything else is awaited, since more may come at each await.
  std::size_t received_ahead() const noexcept { return is_open() ? descriptor_->arrived.count() : 0; }
  /// Gives up ownership; operations in flight complete with Error::cancelled.
  NativeSocket release() noexcept {
    if (!is_open()) return platform::invalid_socket;
    if (detail::Driver* loop = descriptor_->owner) loop->release(*descriptor_);
    const NativeSocket handle = descriptor_->handle.release();
    descriptor_.reset();
    return handle;
  }

  Result<> bind(const Address& address) {
    if (!is_open()) return Error::closed;
    return system_error(platform::bind(native_handle(), address.native_data(), address.native_size()));
  }
  /// The system limits the backlog (net.core.somaxconn); connections beyond it are dropped or refused by it.
  Result<> listen(int backlog = platform::default_backlog) {
    if (!is_open()) return Error::closed;
    return system_error(platform::listen(native_handle(), backlog));
  }
  /// What waits to receive (or to accept) completes with Error::cancelled, and loses nothing. On the owner's thread.
  void cancel_receive() noexcept {
    if (!is_open()) return;
    if (auto* waiting = static_cast<Operation*>(descriptor_->waiting(platform::Direction::read))) {
      waiting->driver().cancel(*waiting);
    }
  }
  /// Tells the peer, and what is in flight here, that no more is sent or received. Safe from any thread.
  Result<> shutdown(ShutdownWay way) noexcept {
    if (!is_open()) return Error::closed;
    return system_error(platform::shut_down(native_handle(), way));
  }

  template <class Option>
  Result<> set(const Option& option) {
    if (!is_open()) return Error::closed;
    return detail::set_option(native_handle(), option);
  }
  template <class Option>
  Result<Option> get() const {
    if (!is_open()) return Error::closed;
    return detail::get_option<Option>(native_handle());
  }

  Result<Address> local_address() const { return address(platform::local_address); }
  Result<Address> peer_address() const { return address(platform::peer_address); }

  /// Completes when a connection has come in: Result<Socket>, which belongs to no loop yet. Goes on by itself when a
  /// peer has given up meanwhile, and after a pause of 100 ms when descriptors or memory have run out.
  [[nodiscard]] auto accept() noexcept;
  /// The same, and says who it is; `from` is borrowed.
  [[nodiscard]] auto accept(Address& from) noexcept;

  /// Completes when the connection stands or has failed: Result<>. The address is borrowed. After a failure, a timeout
  /// or a cancellation the socket is good for nothing but closing. For datagrams it only sets where send() goes.
  [[nodiscard]] auto connect(const Address& to) noexcept { return Op<detail::ConnectSteps>(descriptor_.get(), to); }

  /// Sends as much as the kernel takes, at least one byte: Result<std::size_t>. Datagrams are sent whole or not at all.
  [[nodiscard]] auto send(ConstBytes bytes) noexcept { return Op<detail::SendSteps>(descriptor_.get(), bytes); }
  /// Completes when the kernel has taken all, or with an error: Transferred, which counts what it took either way.
  [[nodiscard]] auto send_all(ConstBytes bytes) noexcept { return Op<detail::SendAllSteps>(descriptor_.get(), bytes); }
  /// send_all() of several pieces in a row, without copying them together; their array is borrowed too.
  [[nodiscard]] auto sendv(std::span<const ConstBytes> pieces) noexcept {
    return Op<detail::SendVectorSteps>(descriptor_.get(), pieces);
  }

  /// Completes when at least one byte is there: Result<std::size_t>. 0 is the end of the stream, and only that (of
  /// datagrams: an empty one). An empty buffer is std::errc::invalid_argument.
  [[nodiscard]] auto recv(MutableBytes buffer) noexcept {
    return Op<detail::ReceiveSteps<false>>(descriptor_.get(), buffer);
  }
  /// recv() of what is there, at most so many bytes and at most 1 MiB, as Result<std::string>; an empty string is the
  /// end of the stream.
  [[nodiscard]] auto recv_text(std::size_t max_bytes) noexcept {
    return Op<detail::ReceiveTextSteps>(descriptor_.get(), max_bytes);
  }
  /// Completes when the buffer is full: Transferred, which counts what was received either way. The end of the stream
  /// gives Error::end_of_stream before the first byte and Error::truncated after it.
  [[nodiscard]] auto recv_exactly(MutableBytes buffer) noexcept {
    return Op<detail::ReceiveExactlySteps>(descriptor_.get(), buffer);
  }
  /// recv() that leaves the bytes where they are.
  [[nodiscard]] auto peek(MutableBytes buffer) noexcept {
    return Op<detail::ReceiveSteps<true>>(descriptor_.get(), buffer);
  }

  /// One datagram to that address, which is borrowed: Result<std::size_t>.
  [[nodiscard]] auto send_to(ConstBytes bytes, const Address& to) noexcept {
    return Op<detail::SendToSteps>(descriptor_.get(), bytes, to);
  }
  /// One datagram and where it came from: Result<ReceivedFrom>. This operation holds the address: about 250 bytes of
  /// frame.
  [[nodiscard]] auto recv_from(MutableBytes buffer) noexcept {
    return Op<detail::ReceiveFromSteps>(descriptor_.get(), buffer);
  }

  // What makes it a ByteStream (io/byte_stream.hpp): one step of a transfer, inside an operation on this descriptor.
  Step poll_recv(Operation& operation, MutableBytes buffer, std::size_t& count) noexcept {
    return detail::receive_some(operation, buffer, count);
  }
  Step poll_send(Operation& operation, std::span<const ConstBytes> pieces, std::size_t skip,
                 std::size_t& count) noexcept {
    return detail::send_pieces(operation, pieces, skip, count);
  }
  detail::Descriptor* descriptor() const noexcept { return descriptor_.get(); }

 private:
  static Result<Socket> own(platform::NativeHandle handle, bool stream) {
    Socket socket;
    socket.descriptor_.reset(new (std::nothrow) detail::Descriptor(std::move(handle), stream));
    if (!socket.is_open()) return std::make_error_code(std::errc::not_enough_memory);
    return socket;
  }

  static std::error_code system_error(int error) noexcept { return {error, std::system_category()}; }

  Result<Address> address(int (*query)(NativeSocket, void*, std::size_t, std::size_t&)) const {
    if (!is_open()) return Error::closed;
    Address address;
    std::size_t size = 0;
    if (const int error = query(native_handle(), address.native_buffer(), Address::native_capacity, size)) {
      return system_error(error);
    }
    address.set_native_size(size);
    return address;
  }

  platform::Owned<detail::Descriptor> descriptor_;
};

class Socket::AcceptSteps {
 public:
  static constexpr auto direction = platform::Direction::read;
  explicit AcceptSteps(Address* from) noexcept : from_(from) {}
  Step step(Operation& operation) { return detail::AcceptRetry::step(operation, from_, accepted_.descriptor_); }
  Result<Socket> result(Operation& operation) {
    if (operation.error()) return operation.error();
    return std::move(accepted_);
  }

 private:
  Address* from_;
  Socket accepted_;
};

inline auto Socket::accept() noexcept { return Op<AcceptSteps>(descriptor_.get(), nullptr); }
inline auto Socket::accept(Address& from) noexcept { return Op<AcceptSteps>(descriptor_.get(), &from); }

}  // namespace parley::inline PARLEY_ABI
