// SPDX-License-Identifier: BSL-1.0
#pragma once

// IP addresses and network interfaces from text, by the system's own functions.

#include <parley/platform/config.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace parley::inline PARLEY_ABI::platform {

namespace detail {
// inet_pton and if_nametoindex want NUL-terminated text; an embedded NUL would hide what follows it.
template <std::size_t N>
bool terminate(std::string_view text, char (&copy)[N]) noexcept {
  if (text.size() >= N || text.find('\0') != std::string_view::npos) return false;
  text.copy(copy, text.size());
  copy[text.size()] = '\0';
  return true;
}
}  // namespace detail

/// Dotted decimal only: four parts, none with a leading zero, which some read as octal.
inline bool parse_ipv4(std::string_view text, unsigned char (&address)[4]) noexcept {
  char copy[INET_ADDRSTRLEN];
  return detail::terminate(text, copy) && ::inet_pton(AF_INET, copy, address) == 1;
}

inline bool parse_ipv6(std::string_view text, unsigned char (&address)[16]) noexcept {
  char copy[INET6_ADDRSTRLEN];
  return detail::terminate(text, copy) && ::inet_pton(AF_INET6, copy, address) == 1;
}

/// The number of the network interface of that name; 0 where there is none.
inline std::uint32_t interface_index(std::string_view name) noexcept {
  char copy[IF_NAMESIZE];
  return detail::terminate(name, copy) ? ::if_nametoindex(copy) : 0;
}

using InterfaceText = char[IF_NAMESIZE];

/// The name of the network interface of that number; empty where there is none. It may hold any byte but '/' and
/// spaces.
inline std::string_view interface_name(std::uint32_t index, InterfaceText& text) noexcept {
  return ::if_indextoname(index, text) != nullptr ? text : "";
}

}  // namespace parley::inline PARLEY_ABI::platform
