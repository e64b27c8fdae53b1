// SPDX-License-Identifier: BSL-1.0
#pragma once

// Socket options: the system's numbers for them, and the calls that set and read them. Errors are errno numbers.

#include <parley/platform/config.hpp>
#include <parley/platform/native_handle.hpp>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace parley::inline PARLEY_ABI::platform {

/// What setsockopt calls level and name. A level below zero stands for an option that this system does not have.
struct OptionKey {
  int level = -1;
  int name = -1;
  constexpr bool known() const noexcept { return level >= 0; }
};

inline constexpr OptionKey option_reuse_address{SOL_SOCKET, SO_REUSEADDR};
inline constexpr OptionKey option_keep_alive{SOL_SOCKET, SO_KEEPALIVE};
inline constexpr OptionKey option_broadcast{SOL_SOCKET, SO_BROADCAST};
inline constexpr OptionKey option_linger{SOL_SOCKET, SO_LINGER};
inline constexpr OptionKey option_send_buffer{SOL_SOCKET, SO_SNDBUF};
inline constexpr OptionKey option_receive_buffer{SOL_SOCKET, SO_RCVBUF};
inline constexpr OptionKey option_error{SOL_SOCKET, SO_ERROR};
inline constexpr OptionKey option_type{SOL_SOCKET, SO_TYPE};
inline constexpr OptionKey option_no_delay{IPPROTO_TCP, TCP_NODELAY};
inline constexpr OptionKey option_ttl_ipv4{IPPROTO_IP, IP_TTL};
inline constexpr OptionKey option_ttl_ipv6{IPPROTO_IPV6, IPV6_UNICAST_HOPS};
inline constexpr OptionKey option_v6_only{IPPROTO_IPV6, IPV6_V6ONLY};

#if defined(SO_REUSEPORT)
inline constexpr OptionKey option_reuse_port{SOL_SOCKET, SO_REUSEPORT};
#else
inline constexpr OptionKey option_reuse_port{};
#endif
#if defined(SO_ACCEPTCONN)
inline constexpr OptionKey option_accepts_connections{SOL_SOCKET, SO_ACCEPTCONN};
#else
inline constexpr OptionKey option_accepts_connections{};
#endif
#if defined(TCP_KEEPIDLE)
inline constexpr OptionKey option_keep_alive_idle{IPPROTO_TCP, TCP_KEEPIDLE};
#elif defined(TCP_KEEPALIVE)  // the name on macOS
inline constexpr OptionKey option_keep_alive_idle{IPPROTO_TCP, TCP_KEEPALIVE};
#else
inline constexpr OptionKey option_keep_alive_idle{};
#endif
#if defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
inline constexpr OptionKey option_keep_alive_interval{IPPROTO_TCP, TCP_KEEPINTVL};
inline constexpr OptionKey option_keep_alive_probes{IPPROTO_TCP, TCP_KEEPCNT};
#else
inline constexpr OptionKey option_keep_alive_interval{};
inline constexpr OptionKey option_keep_alive_probes{};
#endif

#if defined(TCP_NOTSENT_LOWAT)
inline constexpr OptionKey option_not_sent_low_water{IPPROTO_TCP, TCP_NOTSENT_LOWAT};
#else
inline constexpr OptionKey option_not_sent_low_water{};
#endif
#if defined(TCP_USER_TIMEOUT)
inline constexpr OptionKey option_user_timeout{IPPROTO_TCP, TCP_USER_TIMEOUT};
#else
inline constexpr OptionKey option_user_timeout{};
#endif

/// What the calls below answer for an option with an unknown key. The layer above turns it into Error::unsupported.
inline constexpr int option_not_known = -1;

inline int set_option(NativeSocket socket, OptionKey key, int value) noexcept {
  if (!key.known()) return option_not_known;
  return ::setsockopt(socket, key.level, key.name, &value, sizeof(value)) < 0 ? errno : 0;
}

inline int get_option(NativeSocket socket, OptionKey key, int& value) noexcept {
  if (!key.known()) return option_not_known;
  int read = 0;  // a system may write fewer bytes than an int has
  ::socklen_t size = sizeof(read);
  if (::getsockopt(socket, key.level, key.name, &read, &size) < 0) return errno;
  value = read;
  return 0;
}

inline int set_linger(NativeSocket socket, bool enabled, int seconds) noexcept {
  ::linger value{};
  value.l_onoff = enabled ? 1 : 0;
  value.l_linger = seconds;
  return ::setsockopt(socket, option_linger.level, option_linger.name, &value, sizeof(value)) < 0 ? errno : 0;
}

inline int get_linger(NativeSocket socket, bool& enabled, int& seconds) noexcept {
  ::linger value{};
  ::socklen_t size = sizeof(value);
  if (::getsockopt(socket, option_linger.level, option_linger.name, &value, &size) < 0) return errno;
  enabled = value.l_onoff != 0;
  seconds = value.l_linger;
  return 0;
}

/// The family that the socket was opened with, as in an address.
inline int get_family(NativeSocket socket, int& family) noexcept {
#if defined(SO_DOMAIN)
  return get_option(socket, OptionKey{SOL_SOCKET, SO_DOMAIN}, family);
#else
  ::sockaddr_storage address{};
  ::socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<::sockaddr*>(&address), &size) < 0) return errno;
  family = address.ss_family;
  return 0;
#endif
}

/// A dual-stack IPv6 socket sends its IPv4 packets by the IPv4 option. Systems without that refuse it, and then there
/// is nothing to set.
inline int set_ttl(NativeSocket socket, int hops) noexcept {
  int family = 0;
  if (const int error = get_family(socket, family); error != 0) return error;
  if (family == AF_INET) return set_option(socket, option_ttl_ipv4, hops);
  if (family != AF_INET6) return EOPNOTSUPP;
  const int error = set_option(socket, option_ttl_ipv6, hops);
  if (error == 0) static_cast<void>(set_option(socket, option_ttl_ipv4, hops));
  return error;
}

inline int get_ttl(NativeSocket socket, int& hops) noexcept {
  int family = 0;
  if (const int error = get_family(socket, family); error != 0) return error;
  if (family != AF_INET && family != AF_INET6) return EOPNOTSUPP;
  return get_option(socket, family == AF_INET ? option_ttl_ipv4 : option_ttl_ipv6, hops);
}

}  // namespace parley::inline PARLEY_ABI::platform
