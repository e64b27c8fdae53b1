// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which network interface has an address.

#include <parley/platform/config.hpp>
#include <parley/platform/sockaddr.hpp>

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

namespace parley::inline PARLEY_ABI::platform {

namespace detail {
inline bool same_host(const NativeAddress& wanted, const ::sockaddr& present) noexcept {
  if (present.sa_family != family_of(wanted)) return false;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(&present);
  if (is_ipv4(wanted)) return std::memcmp(bytes + ipv4_offset, wanted.bytes + ipv4_offset, 4) == 0;
  return is_ipv6(wanted) && std::memcmp(bytes + ipv6_offset, wanted.bytes + ipv6_offset, 16) == 0;
}
}  // namespace detail

/// The number of the interface that has this IPv4 or IPv6 address, 0 where none has; of several the first. All of
/// 127.0.0.0/8 is the loopback interface's, though it only lists 127.0.0.1. An errno, or 0.
inline int interface_with_address(const NativeAddress& address, std::uint32_t& index) noexcept {
  index = 0;
  const bool loopback = is_ipv4(address) && read_ipv4(address).address[0] == 127;
  ::ifaddrs* list = nullptr;
  if (::getifaddrs(&list) < 0) return errno;
  for (const ::ifaddrs* entry = list; entry != nullptr && index == 0; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const bool found = loopback ? (entry->ifa_flags & IFF_LOOPBACK) != 0 && entry->ifa_addr->sa_family == AF_INET
                                : detail::same_host(address, *entry->ifa_addr);
    // An alias, eth0:1, has its own name here and no number.
    if (found) index = ::if_nametoindex(entry->ifa_name);
  }
  ::freeifaddrs(list);
  return 0;
}

}  // namespace parley::inline PARLEY_ABI::platform
