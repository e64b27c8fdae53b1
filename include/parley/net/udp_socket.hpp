// SPDX-License-Identifier: BSL-1.0
#pragma once

// UdpSocket: sends and receives datagrams (RFC 768): each arrives whole or not at all, perhaps twice, perhaps out of
// order.
//
// Concurrency: one operation that receives and one that sends; a second of the same direction gives Error::busy.
// Threads:     those of a Socket (net/socket.hpp): the first loop that awaits an operation owns it, elsewhere it gives
//              Error::wrong_loop; plain threads may wait on one that no loop has used.
// Errors:      of every operation: those of net/socket.hpp. Sending: also std::errc::message_size for more than 65,507
//              bytes by IPv4, permission_denied for a broadcast address (see Broadcast), network_unreachable.
// Buffers:     bytes, buffers and addresses are borrowed until the operation has completed.
// Cancelling:  an operation that ends with timed_out or cancelled has sent nothing, and has taken no datagram.
// Refusals:    what ICMP reports (std::errc::connection_refused, host_unreachable ...) is the result of the next operation
//              of a connected socket, whichever it is, and does not end the socket. One that is not connected does not
//              hear of it, since nothing would say which of its peers was meant: send_to() has only sent.
// The other calls never block. Their errors: Error::closed, and the system's own.

#include <parley/net/datagram_options.hpp>
#include <parley/net/detail/details_steps.hpp>
#include <parley/net/interface.hpp>
#include <parley/net/socket.hpp>

#include <cstdint>
#include <string_view>

namespace parley::inline PARLEY_ABI {

class UdpSocket {
 public:
  UdpSocket() noexcept = default;

  /// Receives at an address of this machine; port 0 has the system choose. Errors: the system's own, such as
  /// std::errc::address_in_use, address_not_available, permission_denied.
  static Result<UdpSocket> bind(const Address& address) {
    auto opened = open(address.native_family());
    if (!opened) return opened;
    if (auto bound = opened->socket_.bind(address); !bound) return bound.error();
    return opened;
  }
  /// The same for a numeric host; "" is all IPv4 interfaces. No name is looked up. Errors: also those of Address::ip():
  /// Error::malformed, and not_found for an interface that is not there.
  static Result<UdpSocket> bind(std::string_view host, std::uint16_t port) {
    if (host.empty()) return bind(Address::any_v4(port));
    const auto address = Address::ip(host, port);
    if (!address) return address.error();
    return bind(*address);
  }
  /// bind() of an address and port that others of this machine may have as well, all by this call: members of a group,
  /// say, who listen at Address::any_v4(port). What each then receives: see SharedPort.
  static Result<UdpSocket> bind_shared(const Address& address) {
    auto opened = open(address.native_family());
    if (!opened) return opened;
    if (auto shared = opened->set(SharedPort{}); !shared) return shared.error();
    if (auto bound = opened->socket_.bind(address); !bound) return bound.error();
    return opened;
  }
  /// Not bound: the system chooses a port at the first send or connect(). Errors: the system's own.
  static Result<UdpSocket> open(int address_family = family::ipv4) {
    auto opened = Socket::open(address_family, type::datagram);
    if (!opened) return opened.error();
    return UdpSocket(std::move(*opened));
  }

  /// Takes over a datagram socket that was made elsewhere, and puts it into non-blocking mode. It is closed here on
  /// failure too.
  static Result<UdpSocket> adopt(NativeSocket handle) {
    auto adopted = Socket::adopt(handle);
    if (!adopted) return adopted.error();
    return UdpSocket(std::move(*adopted));
  }

  /// Fixes the peer: send() goes there, recv() takes from there only (and what had come before), and an ICMP refusal is
  /// reported as std::errc::connection_refused by the next call, which does not end the socket. No packet is sent, so
  /// it does not tell whether anybody is there. Errors: also std::errc::network_unreachable and the like.
  Result<> connect(const Address& peer) {
    if (!is_open()) return Error::closed;
    const int error = platform::connect(socket_.native_handle(), peer.native_data(), peer.native_size());
    return std::error_code(error, std::system_category());
  }

  /// Receives what is sent to a multicast group and this socket's port, from then on and until leave_group() or close()
  /// (RFC 1112, RFC 3810). The group's port does not count; its IPv6 scope does where no interface is given. Groups of
  /// both versions of IP can be joined by a dual-stack socket. A socket that has joined one gets no group that it did
  /// not join itself; of an IPv6 group, Linux also gives it what came in by another interface (see ReportDestination). To
  /// send to a group, no membership is needed: see MulticastInterface, MulticastTtl, MulticastLoop. Errors:
  /// std::errc::invalid_argument for what is no group, address_in_use for one that is joined already, no_such_device
  /// where there is no such interface or none has a route for it; no_buffer_space for more than 20 groups of IPv4
  /// (net.ipv4.igmp_max_memberships).
  Result<> join_group(const Address& group, Interface over = {}) {
    const auto joined = change_membership(platform::Membership::join, group, over);
    // Where the system has no such option it does not deliver what was not joined.
    if (joined) static_cast<void>(platform::set_ip_option(socket_.native_handle(), platform::option_multicast_all, 0));
    return joined;
  }
  /// The same on the interface that has this address: 127.0.0.1, fe80::1%eth0. Errors: also Error::not_found.
  Result<> join_group(const Address& group, const Address& interface_address) {
    const auto over = Interface::with_address(interface_address);
    return over ? join_group(group, *over) : Result<>(over.error());
  }
  /// Ends a membership, named as it was joined. Errors: std::errc::address_not_available where there is none.
  Result<> leave_group(const Address& group, Interface over = {}) {
    return change_membership(platform::Membership::leave, group, over);
  }
  Result<> leave_group(const Address& group, const Address& interface_address) {
    const auto over = Interface::with_address(interface_address);
    return over ? leave_group(group, *over) : Result<>(over.error());
  }
  /// join_group() for what one sender, of the same version of IP, sends to the group (RFC 4607); further calls add
  /// senders.
  Result<> join_source(const Address& group, const Address& source, Interface over = {}) {
    const auto joined = change_membership(platform::Membership::join, group, over, &source);
    if (joined) static_cast<void>(platform::set_ip_option(socket_.native_handle(), platform::option_multicast_all, 0));
    return joined;
  }
  Result<> leave_source(const Address& group, const Address& source, Interface over = {}) {
    return change_membership(platform::Membership::leave, group, over, &source);
  }

  /// Completes when the kernel has taken the datagram, whole: Result<std::size_t>, its bytes. Whether it arrives is not
  /// known.
  [[nodiscard]] auto send_to(ConstBytes bytes, const Address& to) noexcept { return socket_.send_to(bytes, to); }
  /// The same from that address of this machine, which need not be the one that the socket is bound to; its port does
  /// not count. For servers that are reached by several addresses, and answer from the one they were asked at. Errors:
  /// also std::errc::invalid_argument for a group or an address of another version of IP than the destination, and that
  /// or network_unreachable for one that is not this machine's.
  [[nodiscard]] auto send_to(ConstBytes bytes, const Address& to, const Address& source) noexcept {
    return detail::StepOperation<detail::SendFromSteps>(socket_.descriptor(), bytes, to, source);
  }
  /// The same to the connected peer. Errors: also std::errc::destination_address_required where there is none.
  [[nodiscard]] auto send(ConstBytes bytes) noexcept { return socket_.send(bytes); }
  /// Completes with one datagram and its source: Result<ReceivedFrom>, which also tells whether it was cut. Empty
  /// datagrams are legal.
  [[nodiscard]] auto recv_from(MutableBytes buffer) noexcept { return socket_.recv_from(buffer); }
  /// The same, and tells what was asked for by ReportDestination, ReportHops and ReportTrafficClass in a DatagramDetails
  /// (net/datagram_details.hpp, which must be included). It is borrowed, and written where a datagram is received.
  template <class Details>
  [[nodiscard]] auto recv_from(MutableBytes buffer, Details& details) noexcept {
    return detail::StepOperation<detail::ReceiveWithDetailsSteps<Details>>(socket_.descriptor(), buffer, details);
  }
  /// One datagram, without its source: Result<std::size_t>, where 0 is an empty one. What does not fit is lost without
  /// notice: see recv_from(). An empty buffer is std::errc::invalid_argument.
  [[nodiscard]] auto recv(MutableBytes buffer) noexcept { return socket_.recv(buffer); }

  /// Completes when the kernel has taken all datagrams of a DatagramBatch (net/datagram_batch.hpp, which must be
  /// included), in order, or with an error: BatchSent, which counts what it took either way. What was sent has left the
  /// batch, and what was not has stayed in it, none of it was sent twice: call again to go on, after
  /// batch.drop_front() where the first one is what cannot be sent.
  template <class Batch>
  [[nodiscard]] auto send_batch(Batch& batch) noexcept {
    return batch.send_on(socket_);
  }
  /// Completes with what has come, at least one datagram: Result<std::size_t>, how many, which then are in the batch
  /// instead of what was there. From the first time on a socket coalesces where the kernel can and the batch has 64 KiB
  /// or more (`way` not limiting it): then only batches of as much receive on it, recv() and recv_from() give
  /// Error::busy, and smaller batches std::errc::no_buffer_space. Errors, ICMP's too: with none in the batch.
  template <class Batch>
  [[nodiscard]] auto recv_batch(Batch& batch) noexcept {
    return batch.recv_on(socket_);
  }

  /// Before a port is chosen, port 0.
  Result<Address> local_address() const { return socket_.local_address(); }
  bool is_open() const noexcept { return socket_.is_open(); }
  /// What is in flight completes with Error::cancelled. On the owner's thread.
  void close() noexcept { socket_.close(); }
  // Options: see net/socket_options.hpp and net/datagram_options.hpp.
  template <class Option>
  Result<> set(const Option& option) {
    return socket_.set(option);
  }
  template <class Option>
  Result<Option> get() const {
    return socket_.get<Option>();
  }
  /// For everything else that a Socket can do.
  Socket& socket() noexcept { return socket_; }

 private:
  explicit UdpSocket(Socket socket) noexcept : socket_(std::move(socket)) {}

  Result<> change_membership(platform::Membership change, const Address& group, Interface over,
                             const Address* source = nullptr) {
    if (!is_open()) return Error::closed;
    if (!group.is_multicast()) return std::make_error_code(std::errc::invalid_argument);
    const std::uint32_t index = over == Interface() ? group.scope_id() : over.index();
    const auto handle = socket_.native_handle();
    const int error = source == nullptr ? platform::change_membership(handle, change, group.unmapped().native(), index)
                                        : platform::change_source_membership(handle, change, group.unmapped().native(),
                                                                             source->unmapped().native(), index);
    return std::error_code(error, std::system_category());
  }

  Socket socket_;
};

}  // namespace parley::inline PARLEY_ABI
