// SPDX-License-Identifier: BSL-1.0
#pragma once

// Addresses to text that is safe to print.

#include <parley/platform/config.hpp>
#include <parley/platform/ip_text.hpp>
#include <parley/platform/sockaddr.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley::inline PARLEY_ABI::detail {

inline void append_number(std::string& text, std::uint32_t number) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  text.append(digits, static_cast<std::size_t>(end - digits));
}

inline void append_hex(std::string& text, unsigned char byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  text += digits[byte >> 4];
  text += digits[byte & 15];
}

/// The numeric host of an IP address. The scope is given as a number: it needs no system call, and an interface may have a
/// name that a terminal would obey.
inline void append_host(std::string& text, const platform::NativeAddress& address) {
  platform::IpText buffer;
  if (platform::is_ipv4(address)) {
    text += platform::format_ipv4(platform::read_ipv4(address).address, buffer);
  } else if (platform::is_ipv6(address)) {
    const platform::Ipv6Endpoint endpoint = platform::read_ipv6(address);
    text += platform::format_ipv6(endpoint.address, buffer);
    if (endpoint.scope_id != 0) {
      text += '%';
      append_number(text, endpoint.scope_id);
    }
  }
}

/// Everything but printable ASCII becomes %XX, so that no name controls a terminal or forges a line; '%' itself too, and an
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
