// SPDX-License-Identifier: BSL-1.0
#pragma once

// Text to addresses. Strict: what is not an address as a whole is Error::malformed, and no name is looked up.

#include <parley/core/result.hpp>
#include <parley/platform/config.hpp>
#include <parley/platform/ip_text.hpp>
#include <parley/platform/sockaddr.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace parley::inline PARLEY_ABI::detail {

using platform::NativeAddress;
using platform::UnixNameKind;

/// A decimal number that is all of `text`, without sign or leading zero, and fits.
template <class Number>
bool parse_number(std::string_view text, Number& number) noexcept {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  if (text.size() > 1 && text[0] == '0') return false;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end;
}

/// What follows '%' in an IPv6 address (RFC 4007): the number of an interface, or its name.
inline Result<std::uint32_t> parse_scope(std::string_view text) noexcept {
  if (text.empty()) return Error::malformed;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    std::uint32_t number = 0;
    if (!parse_number(text, number)) return Error::malformed;
    return number;
  }
  const std::uint32_t number = platform::interface_index(text);
  if (number == 0) return Error::not_found;
  return number;
}

inline Result<NativeAddress> parse_ip(std::string_view host, std::uint16_t port) noexcept {
  platform::Ipv4Endpoint ipv4{{}, port};
  if (platform::parse_ipv4(host, ipv4.address)) return platform::make_ipv4(ipv4);
  platform::Ipv6Endpoint ipv6{{}, port, 0};
  const std::size_t percent = host.find('%');
  if (!platform::parse_ipv6(host.substr(0, percent), ipv6.address)) return Error::malformed;
  if (percent != std::string_view::npos) {
    const Result<std::uint32_t> scope = parse_scope(host.substr(percent + 1));
    if (!scope) return scope.error();
    ipv6.scope_id = *scope;
  }
  return platform::make_ipv6(ipv6);
}

inline Result<NativeAddress> checked_unix(UnixNameKind kind, std::string_view name) noexcept {
  if (name.empty()) return Error::malformed;
  if (kind == UnixNameKind::abstract_name && !platform::has_abstract_unix_names) return Error::unsupported;
  if (name.size() > platform::unix_name_capacity) return Error::too_long;
  if (kind == UnixNameKind::path && name.find('\0') != std::string_view::npos) return Error::malformed;
  return platform::make_unix(kind, name);
}

inline int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

inline bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; }

/// What follows "unix:". %XX stands for a byte; bare control bytes, such as the line end of a file that held the text,
/// are refused.
inline Result<NativeAddress> parse_unix(std::string_view text) noexcept {
  const bool is_abstract = text.starts_with('@');
  if (is_abstract) text.remove_prefix(1);
  char name[platform::unix_name_capacity];
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (is_control(byte)) return Error::malformed;
    if (byte == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Error::malformed;
      byte = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (size == sizeof(name)) return Error::too_long;
    name[size++] = byte;
  }
  return checked_unix(is_abstract ? UnixNameKind::abstract_name : UnixNameKind::path, {name, size});
}

inline Result<NativeAddress> parse_with_port(std::string_view host, std::string_view port_text) noexcept {
  std::uint16_t port = 0;
  if (!parse_number(port_text, port)) return Error::malformed;
  return parse_ip(host, port);
}

/// "[host]" or "[host]:port", where the host is IPv6.
inline Result<NativeAddress> parse_bracketed(std::string_view text, std::uint16_t default_port) noexcept {
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos) return Error::malformed;
  const std::string_view host = text.substr(1, end - 1);
  const std::string_view rest = text.substr(end + 1);
  if (host.find(':') == std::string_view::npos) return Error::malformed;
  if (rest.empty()) return parse_ip(host, default_port);
  if (rest[0] != ':') return Error::malformed;
  return parse_with_port(host, rest.substr(1));
}

inline Result<NativeAddress> parse_address(std::string_view text, std::uint16_t default_port) noexcept {
  if (text.starts_with("unix:")) return parse_unix(text.substr(5));
  if (text.starts_with('[')) return parse_bracketed(text, default_port);
  const std::size_t colon = text.find(':');
  const bool has_one_colon = colon != std::string_view::npos && text.rfind(':') == colon;
  if (has_one_colon) return parse_with_port(text.substr(0, colon), text.substr(colon + 1));
  return parse_ip(text, default_port);  // IPv4, or IPv6 without brackets and therefore without port
}

}  // namespace parley::inline PARLEY_ABI::detail
