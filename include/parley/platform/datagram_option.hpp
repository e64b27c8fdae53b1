// SPDX-License-Identifier: BSL-1.0
#pragma once

// The options of IP that datagrams need, by whichever version of IP the socket has. Errors are errno numbers.
//
// A dual-stack IPv6 socket sends and receives IPv4 packets by IPv4's own options. Systems without that refuse them, and
// then there is nothing to set: such a failure is not one.

#include <parley/platform/config.hpp>
#include <parley/platform/native_handle.hpp>
#include <parley/platform/sockaddr.hpp>
#include <parley/platform/socket_option.hpp>

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace parley::inline PARLEY_ABI::platform {

/// An option by its names in IPv4 and in IPv6.
struct IpOption {
  OptionKey ipv4;
  OptionKey ipv6;
};

inline constexpr IpOption option_multicast_ttl{{IPPROTO_IP, IP_MULTICAST_TTL}, {IPPROTO_IPV6, IPV6_MULTICAST_HOPS}};
inline constexpr IpOption option_multicast_loop{{IPPROTO_IP, IP_MULTICAST_LOOP}, {IPPROTO_IPV6, IPV6_MULTICAST_LOOP}};
inline constexpr IpOption option_traffic_class{{IPPROTO_IP, IP_TOS}, {IPPROTO_IPV6, IPV6_TCLASS}};
#if defined(IP_MTU_DISCOVER) && defined(IPV6_MTU_DISCOVER)
inline constexpr IpOption option_path_mtu_discovery{{IPPROTO_IP, IP_MTU_DISCOVER}, {IPPROTO_IPV6, IPV6_MTU_DISCOVER}};
#else
inline constexpr IpOption option_path_mtu_discovery{};
#endif
#if defined(IP_MTU) && defined(IPV6_MTU)
inline constexpr IpOption option_path_mtu{{IPPROTO_IP, IP_MTU}, {IPPROTO_IPV6, IPV6_MTU}};
#else
inline constexpr IpOption option_path_mtu{};
#endif

// What is told with a received datagram.
#if defined(IP_RECVTTL)
inline constexpr IpOption option_report_hops{{IPPROTO_IP, IP_RECVTTL}, {IPPROTO_IPV6, IPV6_RECVHOPLIMIT}};
#else
inline constexpr IpOption option_report_hops{{}, {IPPROTO_IPV6, IPV6_RECVHOPLIMIT}};
#endif
#if defined(IP_RECVTOS)
inline constexpr IpOption option_report_traffic_class{{IPPROTO_IP, IP_RECVTOS}, {IPPROTO_IPV6, IPV6_RECVTCLASS}};
#else
inline constexpr IpOption option_report_traffic_class{{}, {IPPROTO_IPV6, IPV6_RECVTCLASS}};
#endif

/// Linux gives a multicast datagram to every socket of its port that has this on, whatever groups it has joined.
#if defined(IP_MULTICAST_ALL) && defined(IPV6_MULTICAST_ALL)
inline constexpr IpOption option_multicast_all{{IPPROTO_IP, IP_MULTICAST_ALL}, {IPPROTO_IPV6, IPV6_MULTICAST_ALL}};
#elif defined(IP_MULTICAST_ALL)
inline constexpr IpOption option_multicast_all{{IPPROTO_IP, IP_MULTICAST_ALL}, {}};
#else
inline constexpr IpOption option_multicast_all{};
#endif

/// Lets several sockets bind one address and port, each of which gets a copy of a multicast datagram.
#if defined(PARLEY_OS_LINUX)
inline constexpr OptionKey option_shared_port = option_reuse_address;
#else
inline constexpr OptionKey option_shared_port = option_reuse_port;
#endif

/// IPv4 headers take 20 bytes, IPv6 headers 40, UDP's 8 (RFC 791, 8200, 768).
inline constexpr int udp_headers_ipv4 = 28;
inline constexpr int udp_headers_ipv6 = 48;

inline int set_ip_option(NativeSocket socket, const IpOption& option, int value) noexcept {
  int family = 0;
  if (const int error = get_family(socket, family); error != 0) return error;
  if (family == AF_INET) return set_option(socket, option.ipv4, value);
  if (family != AF_INET6) return EOPNOTSUPP;
  const int error = set_option(socket, option.ipv6, value);
  if (error == 0) static_cast<void>(set_option(socket, option.ipv4, value));
  return error;
}

inline int get_ip_option(NativeSocket socket, const IpOption& option, int& value) noexcept {
  int family = 0;
  if (const int error = get_family(socket, family); error != 0) return error;
  if (family != AF_INET && family != AF_INET6) return EOPNOTSUPP;
  return get_option(socket, family == AF_INET ? option.ipv4 : option.ipv6, value);
}

#if defined(PARLEY_OS_LINUX)
enum class Fragmenting { allowed = IP_PMTUDISC_DONT, never = IP_PMTUDISC_DO, never_and_probe = IP_PMTUDISC_PROBE };
static_assert(IP_PMTUDISC_DONT == IPV6_PMTUDISC_DONT && IP_PMTUDISC_DO == IPV6_PMTUDISC_DO &&
              IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE);
#else
enum class Fragmenting { allowed, never, never_and_probe };
#endif

inline int set_fragmenting(NativeSocket socket, Fragmenting how) noexcept {
  return set_ip_option(socket, option_path_mtu_discovery, static_cast<int>(how));
}

/// Anything between never and allowed, as Linux has by default, counts as allowed.
inline int get_fragmenting(NativeSocket socket, Fragmenting& how) noexcept {
  int value = 0;
  const int error = get_ip_option(socket, option_path_mtu_discovery, value);
  how = static_cast<Fragmenting>(value);
  if (how != Fragmenting::never && how != Fragmenting::never_and_probe) how = Fragmenting::allowed;
  return error;
}

/// An IPv6 socket tells the destinations of IPv4 packets too, mapped into IPv6 as their sources are.
inline int set_destination_reports(NativeSocket socket, int enabled) noexcept {
  int family = 0;
  if (const int error = get_family(socket, family); error != 0) return error;
  if (family == AF_INET) return set_option(socket, OptionKey{IPPROTO_IP, IP_PKTINFO}, enabled);
  if (family != AF_INET6) return EOPNOTSUPP;
  return set_option(socket, OptionKey{IPPROTO_IPV6, IPV6_RECVPKTINFO}, enabled);
}

/// Where multicast goes out; 0 leaves it to the routes.
inline int set_multicast_interface(NativeSocket socket, std::uint32_t index) noexcept {
  int family = 0;
  if (const int error = get_family(socket, family); error != 0) return error;
  if (family != AF_INET && family != AF_INET6) return EOPNOTSUPP;
  if (family == AF_INET6) {
    const int error = set_option(socket, OptionKey{IPPROTO_IPV6, IPV6_MULTICAST_IF}, static_cast<int>(index));
    if (error != 0) return error;
  }
  ::ip_mreqn request{};
  request.imr_ifindex = static_cast<int>(index);
  const bool set = ::setsockopt(socket, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request)) == 0;
  return set || family == AF_INET6 ? 0 : errno;
}

enum class Membership { join, leave };

namespace detail {
inline int address_level(const NativeAddress& address) noexcept { return is_ipv4(address) ? IPPROTO_IP : IPPROTO_IPV6; }

inline void copy_address(::sockaddr_storage& to, const NativeAddress& from) noexcept {
  std::memcpy(&to, from.bytes, from.size < sizeof(to) ? from.size : sizeof(to));
}
}  // namespace detail

/// Asks for the datagrams of a multicast group on an interface (0: by the routes), or no longer (RFC 3678, 5.1).
inline int change_membership(NativeSocket socket, Membership change, const NativeAddress& group,
                             std::uint32_t index) noexcept {
  ::group_req request{};
  request.gr_interface = index;
  detail::copy_address(request.gr_group, group);
  const int name = change == Membership::join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
  return ::setsockopt(socket, detail::address_level(group), name, &request, sizeof(request)) < 0 ? errno : 0;
}

/// The same for what one sender sends to the group (RFC 4607).
inline int change_source_membership(NativeSocket socket, Membership change, const NativeAddress& group,
                                    const NativeAddress& source, std::uint32_t index) noexcept {
  ::group_source_req request{};
  request.gsr_interface = index;
  detail::copy_address(request.gsr_group, group);
  detail::copy_address(request.gsr_source, source);
  const int name = change == Membership::join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP;
  return ::setsockopt(socket, detail::address_level(group), name, &request, sizeof(request)) < 0 ? errno : 0;
}

}  // namespace parley::inline PARLEY_ABI::platform
