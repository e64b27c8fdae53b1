// SPDX-License-Identifier: BSL-1.0
#pragma once

// UdpSocket: sends and receives datagrams (RFC 768): each arrives whole or not at all, perhaps twice, perhaps out of
// order.

#include <parley/net/socket.hpp>

#include <cstdint>
#include <string_view>

namespace parley::inline PARLEY_ABI {

class UdpSocket {
 public:
  UdpSocket() noexcept = default;

  /// Receives at an address of this machine; port 0 has the system choose.
  static Result<UdpSocket> bind(const Address& address) {
    auto opened = open(address.native_family());
    if (!opened) return opened;
    if (auto bound = opened->socket_.bind(address); !bound) return bound.error();
    return opened;
  }
  /// The same for a numeric host; "" is all IPv4 interfaces. Errors: also Error::malformed.
  static Result<UdpSocket> bind(std::string_view host, std::uint16_t port) {
    if (host.empty()) return bind(Address::any_v4(port));
    const auto address = Address::ip(host, port);
    if (!address) return address.error();
    return bind(*address);
  }
  /// Not bound: the system chooses a port at the first send.
  static Result<UdpSocket> open(int address_family = family::ipv4) {
    auto opened = Socket::open(address_family, type::datagram);
    if (!opened) return opened.error();
    return UdpSocket(std::move(*opened));
  }

  /// Fixes the peer: send() goes there, recv() takes from there only, and an ICMP refusal is reported as
  /// std::errc::connection_refused by the next call, which does not end the socket. Completes at once.
  Result<> connect(const Address& peer) {
    if (!is_open()) return Error::closed;
    const int error = platform::connect(socket_.native_handle(), peer.native_data(), peer.native_size());
    return std::error_code(error, std::system_category());
  }

  /// Completes when the kernel has taken the datagram, whole: Result<std::size_t>. The bytes and the address are
  /// borrowed.
  [[nodiscard]] auto send_to(ConstBytes bytes, const Address& to) noexcept { return socket_.send_to(bytes, to); }
  /// The same to the connected peer.
  [[nodiscard]] auto send(ConstBytes bytes) noexcept { return socket_.send(bytes); }
  /// Completes with one datagram and its source: Result<ReceivedFrom>, which also tells whether it was cut. Cancelling
  /// loses no datagram. Empty datagrams are legal.
  [[nodiscard]] auto recv_from(MutableBytes buffer) noexcept { return socket_.recv_from(buffer); }
  /// One datagram, without its source: Result<std::size_t>. What does not fit is lost without notice: see recv_from().
  [[nodiscard]] auto recv(MutableBytes buffer) noexcept { return socket_.recv(buffer); }

  Result<Address> local_address() const { return socket_.local_address(); }
  bool is_open() const noexcept { return socket_.is_open(); }
  void close() noexcept { socket_.close(); }
  template <class Option>
  Result<> set(const Option& option) {
    return socket_.set(option);
  }
  template <class Option>
  Result<Option> get() const {
    return socket_.get<Option>();
  }
  Socket& socket() noexcept { return socket_; }

 private:
  explicit UdpSocket(Socket socket) noexcept : socket_(std::move(socket)) {}
  Socket socket_;
};

}  // namespace parley::inline PARLEY_ABI
