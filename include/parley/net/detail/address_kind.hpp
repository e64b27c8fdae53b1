// SPDX-License-Identifier: BSL-1.0
#pragma once

// The special ranges of IP addresses (RFC 6890, RFC 4291). Anything that is not IP belongs to none.

#include <parley/platform/config.hpp>
#include <parley/platform/sockaddr.hpp>

#include <cstring>

namespace parley::inline PARLEY_ABI::detail {

inline bool is_loopback(const platform::NativeAddress& address) noexcept {
  if (platform::is_ipv4(address)) return platform::read_ipv4(address).address[0] == 127;
  constexpr unsigned char one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return platform::is_ipv6(address) && std::memcmp(platform::read_ipv6(address).address, one, sizeof(one)) == 0;
}

inline bool is_any(const platform::NativeAddress& address) noexcept {
  constexpr unsigned char zeros[16] = {};
  if (platform::is_ipv4(address)) return std::memcmp(platform::read_ipv4(address).address, zeros, 4) == 0;
  return platform::is_ipv6(address) && std::memcmp(platform::read_ipv6(address).address, zeros, sizeof(zeros)) == 0;
}

inline bool is_multicast(const platform::NativeAddress& address) noexcept {
  if (platform::is_ipv4(address)) return (platform::read_ipv4(address).address[0] & 0xf0) == 0xe0;
  return platform::is_ipv6(address) && platform::read_ipv6(address).address[0] == 0xff;
}

inline bool is_v4_mapped(const platform::NativeAddress& address) noexcept {
  constexpr unsigned char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return platform::is_ipv6(address) && std::memcmp(platform::read_ipv6(address).address, prefix, sizeof(prefix)) == 0;
}

/// The IPv4 address inside a mapped one.
inline platform::NativeAddress unmap(const platform::NativeAddress& address) noexcept {
  const platform::Ipv6Endpoint mapped = platform::read_ipv6(address);
  const unsigned char* const host = mapped.address + 12;
  return platform::make_ipv4({{host[0], host[1], host[2], host[3]}, mapped.port});
}

}  // namespace parley::inline PARLEY_ABI::detail
