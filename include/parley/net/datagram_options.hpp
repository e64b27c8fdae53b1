// SPDX-License-Identifier: BSL-1.0
#pragma once

// Options for datagrams: socket.set(MulticastTtl{4}), socket.get<PathMtu>(). As in net/socket_options.hpp; also errors:
// std::errc::operation_not_supported for a socket that is neither IPv4 nor IPv6. Each works for the version of IP that
// the socket has, and for both on a dual-stack one.

#include <parley/net/interface.hpp>
#include <parley/platform/config.hpp>
#include <parley/platform/datagram_option.hpp>
#include <parley/platform/native_handle.hpp>
#include <parley/platform/system.hpp>

#include <cstddef>
#include <cstdint>

namespace parley::inline PARLEY_ABI {

/// Which interface multicast leaves by; Interface(): the one that the routes say. It can be set only.
struct MulticastInterface {
  Interface over;
  int store(platform::NativeSocket socket) const noexcept {
    return platform::set_multicast_interface(socket, over.index());
  }
};

/// How many routers multicast passes, 0 to 255 (RFC 1112, 6.1): 0 stays on this machine, 1, the default, on the network
/// segment.
struct MulticastTtl {
  int hops = 1;
  int store(platform::NativeSocket socket) const noexcept {
    if (hops < 0 || hops > 255) return platform::invalid_argument;
    return platform::set_ip_option(socket, platform::option_multicast_ttl, hops);
  }
  int load(platform::NativeSocket socket) noexcept {
    return platform::get_ip_option(socket, platform::option_multicast_ttl, hops);
  }
};

/// Whether members of the group on this machine, the sender too if it is one, get what is sent here; on by default. It
/// is the sender's choice.
struct MulticastLoop {
  bool enabled = true;
  int store(platform::NativeSocket socket) const noexcept {
    return platform::set_ip_option(socket, platform::option_multicast_loop, enabled ? 1 : 0);
  }
  int load(platform::NativeSocket socket) noexcept {
    int value = 0;
    const int error = platform::get_ip_option(socket, platform::option_multicast_loop, value);
    enabled = value != 0;
    return error;
  }
};

/// Lets several sockets of this machine receive at one address and port: of a multicast or broadcast datagram each gets
/// a copy, of any other one socket does. All of them set it before bind: see UdpSocket::bind_shared().
struct SharedPort {
  static constexpr platform::OptionKey key = platform::option_shared_port;
  bool enabled = true;
};

/// Explicit congestion notification (RFC 3168, 5): whether the sender understands it, and whether a router was
/// congested.
enum class Ecn : std::uint8_t { not_capable = 0, capable_1 = 1, capable_0 = 2, congested = 3 };

/// What routers may know of the datagrams that are sent: the class of service (RFC 2474), 0 to 63, and ECN.
struct TrafficClass {
  int dscp = 0;
  Ecn ecn = Ecn::not_capable;
  int store(platform::NativeSocket socket) const noexcept {
    if (dscp < 0 || dscp > 63) return platform::invalid_argument;
    return platform::set_ip_option(socket, platform::option_traffic_class, dscp << 2 | static_cast<int>(ecn));
  }
  int load(platform::NativeSocket socket) noexcept {
    int value = 0;
    const int error = platform::get_ip_option(socket, platform::option_traffic_class, value);
    *this = from_byte(value);
    return error;
  }
  /// From the byte of the header that holds both.
  static constexpr TrafficClass from_byte(int byte) noexcept { return {byte >> 2 & 63, static_cast<Ecn>(byte & 3)}; }
};

/// Whether packets are kept in one piece (RFC 1191, RFC 8201). Enabled: what is too long for the path, as far as it is
/// known, gives std::errc::message_size, and routers drop what is too long for them. With `probing` only the
/// interface's own limit counts, to find out what passes (RFC 8899). Off: what is too long goes in fragments. Linux
/// begins with a way between, which reads as off: fragmented by this machine, but not by routers. Error::unsupported
/// except on Linux.
struct DontFragment {
  bool enabled = true;
  bool probing = false;
  int store(platform::NativeSocket socket) const noexcept {
    using platform::Fragmenting;
    if (!enabled) return platform::set_fragmenting(socket, Fragmenting::allowed);
    return platform::set_fragmenting(socket, probing ? Fragmenting::never_and_probe : Fragmenting::never);
  }
  int load(platform::NativeSocket socket) noexcept {
    auto how = platform::Fragmenting::allowed;
    const int error = platform::get_fragmenting(socket, how);
    enabled = how != platform::Fragmenting::allowed;
    probing = how == platform::Fragmenting::never_and_probe;
    return error;
  }
};

/// Read only, and only of a connected socket: std::errc::not_connected otherwise. The longest packet that reaches the
/// peer in one piece as far as the system knows, which it learns from what is sent with DontFragment; and the longest
/// datagram in it.
struct PathMtu {
  std::size_t packet_bytes = 0;
  std::size_t datagram_bytes = 0;
  int load(platform::NativeSocket socket) noexcept {
    int packet = 0;
    int family = 0;
    int error = platform::get_ip_option(socket, platform::option_path_mtu, packet);
    if (error == 0) error = platform::get_family(socket, family);
    if (error != 0) return error;
    const int headers = family == platform::family_ipv4 ? platform::udp_headers_ipv4 : platform::udp_headers_ipv6;
    packet_bytes = packet > 0 ? static_cast<std::size_t>(packet) : 0;
    datagram_bytes = packet > headers ? static_cast<std::size_t>(packet - headers) : 0;
    return 0;
  }
};

}  // namespace parley::inline PARLEY_ABI
