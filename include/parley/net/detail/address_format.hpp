// SPDX-License-Identifier: BSL-1.0
#pragma once

// Addresses to text that is safe to print, and the same on every system: inet_ntop is not.

#include <parley/net/detail/address_kind.hpp>
#include <parley/platform/config.hpp>
#include <parley/platform/sockaddr.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley::inline PARLEY_ABI::detail {

inline void append_number(std::string& text, std::uint32_t number, int base = 10) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number, base).ptr;
  text.append(digits, static_cast<std::size_t>(end - digits));
}

inline void append_hex(std::string& text, unsigned char byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  text += digits[byte >> 4];
  text += digits[byte & 15];
}

inline void append_ipv4(std::string& text, const unsigned char* host) {
  for (int i = 0; i < 4; ++i) {
    if (i > 0) text += '.';
    append_number(text, host[i]);
  }
}

/// Some of the eight 16-bit groups of an IPv6 address, from `begin` up to `end`.
struct GroupRun {
  int begin;
  int end;
};

/// The first of the longest runs of two or more zero groups; empty where there is none.
inline GroupRun longest_zeros(const unsigned char* host) noexcept {
  GroupRun longest{0, 0};
  for (int begin = 0; begin < 8;) {
    int end = begin;
    while (end < 8 && host[2 * end] == 0 && host[2 * end + 1] == 0) ++end;
    if (end - begin > 1 && end - begin > longest.end - longest.begin) longest = {begin, end};
    begin = end + 1;
  }
  return longest;
}

inline void append_groups(std::string& text, const unsigned char* host, GroupRun groups) {
  for (int i = groups.begin; i < groups.end; ++i) {
    if (i > groups.begin) text += ':';
    append_number(text, static_cast<std::uint32_t>(host[2 * i] << 8 | host[2 * i + 1]), 16);
  }
}

/// As RFC 5952 has it: lower case, the longest run of zeros as "::", mapped IPv4 addresses in dotted decimal.
inline void append_ipv6(std::string& text, const unsigned char* host, bool v4_mapped) {
  if (v4_mapped) {
    text += "::ffff:";
    append_ipv4(text, host + 12);
    return;
  }
  const GroupRun zeros = longest_zeros(host);
  append_groups(text, host, {0, zeros.begin});
  if (zeros.end == 0) return append_groups(text, host, {0, 8});
  text += "::";
  append_groups(text, host, {zeros.end, 8});
}

/// The numeric host of an IP address. The scope is given as a number: it needs no system call, and an interface may
/// have a name that a terminal would obey.
inline void append_host(std::string& text, const platform::NativeAddress& address) {
  if (platform::is_ipv4(address)) {
    append_ipv4(text, platform::read_ipv4(address).address);
  } else if (platform::is_ipv6(address)) {
    const platform::Ipv6Endpoint endpoint = platform::read_ipv6(address);
    append_ipv6(text, endpoint.address, is_v4_mapped(address));
    if (endpoint.scope_id != 0) {
      text += '%';
      append_number(text, endpoint.scope_id);
    }
  }
}

/// Everything but printable ASCII becomes %XX, so that no name controls a terminal or forges a line; '%' itself too,
/// and an
/// '@' that begins a path, so that the text can be read back.
inline void append_unix(std::string& text, const platform::UnixName& unix_name) {
  text += "unix:";
  if (unix_name.kind == platform::UnixNameKind::abstract_name) text += '@';
  bool plain_at = unix_name.kind != platform::UnixNameKind::path;
  for (const char c : unix_name.name) {
    const bool plain = c >= ' ' && c <= '~' && c != '%' && (c != '@' || plain_at);
    if (plain) {
      text += c;
    } else {
      text += '%';
      append_hex(text, static_cast<unsigned char>(c));
    }
    plain_at = true;
  }
}

/// A family that is not known here: its number and all its bytes.
inline void append_other(std::string& text, const platform::NativeAddress& address) {
  text += "family ";
  append_number(text, static_cast<std::uint32_t>(platform::family_of(address)));
  text += ": ";
  for (std::size_t i = 0; i < address.size; ++i) append_hex(text, address.bytes[i]);
}

inline void append_address(std::string& text, const platform::NativeAddress& address) {
  if (platform::is_ipv4(address)) {
    append_host(text, address);
    text += ':';
    append_number(text, platform::read_ipv4(address).port);
  } else if (platform::is_ipv6(address)) {
    text += '[';
    append_host(text, address);
    text += "]:";
    append_number(text, platform::read_ipv6(address).port);
  } else if (platform::is_unix(address)) {
    append_unix(text, platform::read_unix(address));
  } else if (platform::family_of(address) == platform::family_unspecified) {
    text += "unspecified";
  } else {
    append_other(text, address);
  }
}

}  // namespace parley::inline PARLEY_ABI::detail
