// SPDX-License-Identifier: BSL-1.0
#pragma once

// Socket options as types: socket.set(NoDelay{true}), socket.get<KeepAlive>().
//
// Setting and reading are system calls that never block. Errors: std::errc::invalid_argument for a value out of
// its range, Error::unsupported where the system has no such option, and the system's own error, such as "Operation not
// supported" for a TCP option on a Unix socket. A value that is not set is the system's default.
//
// Those for datagrams alone are in net/datagram_options.hpp.
//
// An option that is missing here is a struct of your own with `static constexpr platform::OptionKey key{level, name}`
// and one member: `bool enabled`, `int value` or `std::size_t bytes`. One that takes other calls makes them itself, in
// `int store(platform::NativeSocket) const` and `int load(platform::NativeSocket)`, which return 0 or an errno.

#include <parley/platform/config.hpp>
#include <parley/platform/socket_option.hpp>

#include <chrono>
#include <cstddef>
#include <system_error>

namespace parley::inline PARLEY_ABI {

/// Sends small writes at once instead of waiting for the peer to acknowledge the ones before (TCP_NODELAY; Nagle's
/// algorithm, RFC 896, is off). Right for chat and games; a stream of small writes without need for haste is better off
/// without.
struct NoDelay {
  static constexpr platform::OptionKey key = platform::option_no_delay;
  bool enabled = true;
};

/// Probes a connection that is silent and ends it with std::errc::timed_out when nobody answers (RFC 9293, 3.8.4). Two
/// hours on Linux, unless KeepAliveTimes says otherwise.
struct KeepAlive {
  static constexpr platform::OptionKey key = platform::option_keep_alive;
  bool enabled = true;
};

/// When a TCP connection is probed: after `idle` of silence, then every `interval`, and given up after `probes` of them
/// got no answer: with these defaults after 60 s + 4 * 15 s. Setting this also sets KeepAlive, which the times are
/// nothing without. Linux takes 1 to 32,767 seconds and 1 to 127 probes. On an error some of the times may have been
/// changed.
struct KeepAliveTimes {
  std::chrono::seconds idle{60};
  std::chrono::seconds interval{15};
  int probes = 4;
};

/// How long what was sent may stay without an acknowledgement, or without room at the peer, before a TCP connection is
/// given up with std::errc::timed_out (TCP_USER_TIMEOUT; RFC 5482, RFC 9293, 3.8.3). Zero: the system's own rule, on
/// Linux some 15 minutes of retransmissions. KeepAlive does not see to it: it probes only what is silent, and where both
/// are set this counts instead of its number of probes. At most INT_MAX milliseconds.
struct UserTimeout {
  std::chrono::milliseconds timeout{0};
};

/// What close does with bytes that were sent but not yet acknowledged (SO_LINGER). Off, the default: the system goes on
/// to deliver them, and close returns at once. On with a time: close blocks its thread, and an event loop on it, for up
/// to that long. On with no time: they are thrown away and the peer gets a reset. At most INT_MAX seconds.
struct Linger {
  bool enabled = false;
  std::chrono::seconds timeout{0};
};

/// Lets a listener bind where connections of a former one are still in TIME_WAIT (SO_REUSEADDR). Set before bind.
/// For UDP on Linux it lets several sockets bind the same address.
struct ReuseAddress {
  static constexpr platform::OptionKey key = platform::option_reuse_address;
  bool enabled = true;
};

/// Several sockets of one user bind the same address, and the system spreads connections and datagrams over them
/// (SO_REUSEPORT; spreading as on Linux). All of them set it before bind.
struct ReusePort {
  static constexpr platform::OptionKey key = platform::option_reuse_port;
  bool enabled = true;
};

/// Room in the kernel for bytes on their way out. Linux doubles what is set, to cover its bookkeeping, reads the
/// doubled figure back, and silently limits it to net.core.wmem_max. Setting it turns TCP's own tuning off.
struct SendBufferSize {
  static constexpr platform::OptionKey key = platform::option_send_buffer;
  std::size_t bytes = 0;
};

/// Room in the kernel for bytes that nobody has received yet. As SendBufferSize, with net.core.rmem_max. For TCP it
/// limits the window: set it before listen or connect.
struct ReceiveBufferSize {
  static constexpr platform::OptionKey key = platform::option_receive_buffer;
  std::size_t bytes = 0;
};

/// How much a TCP connection keeps that it has not sent yet (TCP_NOTSENT_LOWAT); whoever has more waits, as for room.
/// What is on its way does not count, so that a fast path stays fast, other than with SendBufferSize. For those who
/// show how far they have come, may change their mind, or are many: TCP's own tuning keeps some megabytes of each.
struct NotSentLowWater {
  static constexpr platform::OptionKey key = platform::option_not_sent_low_water;
  std::size_t bytes = std::size_t{128} << 10;
};

/// How many routers a packet may pass, 1 to 255: time to live in IPv4, hop limit in IPv6, by the socket's family. On a
/// dual-stack socket it counts for both. Not for multicast (MulticastTtl). Other families: std::errc::operation_not_supported.
struct Ttl {
  int hops = 64;
};

/// Whether an IPv6 socket leaves IPv4 alone (RFC 3493, 5.3). Set before bind. Systems differ in the default: set it.
struct V6Only {
  static constexpr platform::OptionKey key = platform::option_v6_only;
  bool enabled = true;
};

/// Permits datagrams to a broadcast address, which otherwise fail with std::errc::permission_denied.
struct Broadcast {
  static constexpr platform::OptionKey key = platform::option_broadcast;
  bool enabled = true;
};

/// Read only. The error that a background connect or an ICMP message left behind, no error when there is none. Reading
/// clears it.
struct ErrorStatus {
  std::error_code error;
};

/// Read only. The system's number for the type: stream, datagram, raw ...
struct SocketType {
  int type = 0;
};

/// Read only. Whether the socket listens.
struct AcceptsConnections {
  bool enabled = false;
};

}  // namespace parley::inline PARLEY_ABI
