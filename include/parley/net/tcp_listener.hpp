// SPDX-License-Identifier: BSL-1.0
#pragma once

// TcpListener: accepts TCP connections (RFC 9293).
//
// Concurrency: one accept() at a time; a second gives Error::busy. To accept on several loops, give each a listener of
//              its own, all with reuse_port.
// Threads:     those of a Socket (net/socket.hpp): the first loop that awaits accept() owns it, elsewhere it gives
//              Error::wrong_loop; a plain thread may wait on one that no loop has used.
// The other calls complete at once; only bind() by a name may block its thread.

#include <parley/net/detail/look_up.hpp>
#include <parley/net/socket.hpp>

#include <cstdint>
#include <string_view>

namespace parley::inline PARLEY_ABI {

struct ListenOptions {
  /// Connections that the system holds until they are accepted. It applies its own limit; beyond it, it drops or
  /// refuses.
  int backlog = platform::default_backlog;
  /// So that a restarted server need not wait for old connections to fade (TIME_WAIT).
  bool reuse_address = true;
  /// Several listeners share the port, and the system spreads the connections over them; all of them must say so. Where
  /// the system cannot, bind() gives Error::unsupported.
  bool reuse_port = false;
};

class TcpListener {
 public:
  using Options = ListenOptions;

  TcpListener() noexcept = default;

  /// Listens on an address of this machine; port 0 has the system choose (see port()). IPv6 listeners take IPv6 only
  /// (RFC 3493, 5.3). Never blocks. Errors: Error::malformed where it is no IP address; the system's own, such as
  /// std::errc::address_in_use, address_not_available, permission_denied.
  static Result<TcpListener> bind(const Address& address, Options options = {}) {
    if (!address.is_ip()) return Error::malformed;
    return listen_on(address, options, true);
  }

  /// "" and "*": all interfaces, IPv4 and IPv6 in one socket where the machine has both. A numeric address: as above;
  /// with "127.0.0.1" only this machine can connect. A name, "localhost" too: the first of its addresses that can be
  /// bound, and that one only, which may be IPv6. Looking a name up blocks for as long as the system's resolver takes,
  /// perhaps many seconds: not on a loop's thread. Errors: also those of the look-up, such as Error::not_found (see
  /// resolve()); where no address can be bound, that of the last.
  static Result<TcpListener> bind(std::string_view host, std::uint16_t port, Options options = {}) {
    if (host.empty() || host == "*") return bind_all(port, options);
    if (const auto address = Address::ip(host, port)) return bind(*address, options);
    return bind_name(host, port, options);
  }

  /// Completes with the next connection: Result<Socket>, which belongs to no loop yet.
  /// Errors:     those of every operation (net/socket.hpp). Never for what concerns one peer only, nor when descriptors
  ///             or memory run out: then it goes on after a pause of 100 ms.
  /// Cancelling: a timeout or a stop loses no connection; the next call gets it.
  [[nodiscard]] auto accept() noexcept { return socket_.accept(); }
  /// The same, and says who it is; `from` is borrowed.
  [[nodiscard]] auto accept(Address& from) noexcept { return socket_.accept(from); }

  /// Errors: Error::closed; the system's own.
  Result<Address> local_address() const { return socket_.local_address(); }
  /// The port, 0 when it is not open.
  std::uint16_t port() const {
    const auto address = local_address();
    return address ? address->port() : std::uint16_t{0};
  }
  bool is_open() const noexcept { return socket_.is_open(); }
  /// Connections that were not accepted yet are reset. An accept() in flight completes with Error::cancelled. On the
  /// owner's thread.
  void close() noexcept { socket_.close(); }
  /// For options, and for handing the descriptor in and out.
  Socket& socket() noexcept { return socket_; }

 private:
  explicit TcpListener(Socket socket) noexcept : socket_(std::move(socket)) {}

  static Result<TcpListener> listen_on(const Address& address, const Options& options, bool v6_only) {
    auto opened = Socket::open(address.native_family(), type::stream);
    if (!opened) return opened.error();
    Socket& socket = *opened;
    if (address.family() == Address::Family::ipv6) {
      if (auto set = socket.set(V6Only{v6_only}); !set) return set.error();
    }
    if (options.reuse_address) {
      if (auto set = socket.set(ReuseAddress{true}); !set) return set.error();
    }
    if (options.reuse_port) {
      if (auto set = socket.set(ReusePort{true}); !set) return set.error();
    }
    if (auto bound = socket.bind(address); !bound) return bound.error();
    if (auto listening = socket.listen(options.backlog); !listening) return listening.error();
    return TcpListener(std::move(socket));
  }

  static Result<TcpListener> bind_all(std::uint16_t port, const Options& options) {
    auto dual = listen_on(Address::any_v6(port), options, false);
    if (dual || dual.error() == std::errc::address_in_use || dual.error() == std::errc::permission_denied) return dual;
    return listen_on(Address::any_v4(port), options, true);  // a machine without IPv6
  }

  static Result<TcpListener> bind_name(std::string_view host, std::uint16_t port, const Options& options) {
    const auto addresses = detail::look_up(host, port);
    if (!addresses) return addresses.error();
    Result<TcpListener> listener = Error::not_found;
    for (const Address& address : *addresses) {
      listener = bind(address, options);
      if (listener) break;
    }
    return listener;
  }

  Socket socket_;
};

}  // namespace parley::inline PARLEY_ABI
