// SPDX-License-Identifier: BSL-1.0
#pragma once

// Socket addresses as the system lays them out: the only header that knows its sockaddr structures. The layers above
// see bytes, numbers and text.

#include <parley/platform/config.hpp>
#include <parley/platform/system.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace parley::inline PARLEY_ABI::platform {

inline constexpr int family_unspecified = AF_UNSPEC;
inline constexpr std::size_t sockaddr_capacity = sizeof(::sockaddr_storage);

/// Room for an address of any family, and how much of it is in use.
struct NativeAddress {
  alignas(::sockaddr_storage) unsigned char bytes[sockaddr_capacity];
  std::size_t size;
};

/// An IPv4 or IPv6 address and port, numbers in host byte order, address bytes in network byte order.
struct Ipv4Endpoint {
  unsigned char address[4];
  std::uint16_t port;
};
struct Ipv6Endpoint {
  unsigned char address[16];
  std::uint16_t port;
  std::uint32_t scope_id;
};

/// Where the bytes of the host are in the structures.
inline constexpr std::size_t ipv4_offset = offsetof(::sockaddr_in, sin_addr);
inline constexpr std::size_t ipv6_offset = offsetof(::sockaddr_in6, sin6_addr);

enum class UnixNameKind { unnamed, path, abstract_name };
struct UnixName {
  UnixNameKind kind;
  std::string_view name;  // into the NativeAddress it was read from; without the NUL that begins an abstract name
};

/// How long a Unix name may be. Linux would take one byte more, but programs that expect a NUL after it would not.
inline constexpr std::size_t unix_name_capacity = sizeof(::sockaddr_un::sun_path) - 1;
#if defined(PARLEY_OS_LINUX)
inline constexpr bool has_abstract_unix_names = true;
#else
inline constexpr bool has_abstract_unix_names = false;
#endif

namespace detail {
template <class Sockaddr>
NativeAddress to_native(const Sockaddr& fields, std::size_t size = sizeof(Sockaddr)) noexcept {
  static_assert(sizeof(Sockaddr) <= sockaddr_capacity);
  NativeAddress address{};
  std::memcpy(address.bytes, &fields, size);
  address.size = size;
  return address;
}

// Copying instead of casting keeps the aliasing rules; compilers remove the copy.
template <class Sockaddr>
Sockaddr from_native(const NativeAddress& address) noexcept {
  Sockaddr fields;
  std::memcpy(&fields, address.bytes, sizeof(fields));
  return fields;
}

inline constexpr std::size_t unix_name_offset = offsetof(::sockaddr_un, sun_path);
}  // namespace detail

/// The family number; family_unspecified where there are too few bytes to hold one.
inline int family_of(const NativeAddress& address) noexcept {
  constexpr std::size_t end_of_family = offsetof(::sockaddr, sa_family) + sizeof(::sa_family_t);
  return address.size < end_of_family ? AF_UNSPEC : detail::from_native<::sockaddr>(address).sa_family;
}

// True only where all bytes of the family's structure are there, so that the read_ functions below make sense.
inline bool is_ipv4(const NativeAddress& address) noexcept {
  return family_of(address) == AF_INET && address.size >= sizeof(::sockaddr_in);
}
inline bool is_ipv6(const NativeAddress& address) noexcept {
  return family_of(address) == AF_INET6 && address.size >= sizeof(::sockaddr_in6);
}
inline bool is_unix(const NativeAddress& address) noexcept { return family_of(address) == AF_UNIX; }

inline NativeAddress make_ipv4(const Ipv4Endpoint& endpoint) noexcept {
  ::sockaddr_in fields{};
  fields.sin_family = AF_INET;
  fields.sin_port = htons(endpoint.port);
  std::memcpy(&fields.sin_addr, endpoint.address, sizeof(endpoint.address));
  return detail::to_native(fields);
}

inline NativeAddress make_ipv6(const Ipv6Endpoint& endpoint) noexcept {
  ::sockaddr_in6 fields{};
  fields.sin6_family = AF_INET6;
  fields.sin6_port = htons(endpoint.port);
  fields.sin6_scope_id = endpoint.scope_id;
  std::memcpy(&fields.sin6_addr, endpoint.address, sizeof(endpoint.address));
  return detail::to_native(fields);
}

/// `name` is at most unix_name_capacity bytes long; a path has no NUL in it.
inline NativeAddress make_unix(UnixNameKind kind, std::string_view name) noexcept {
  ::sockaddr_un fields{};
  fields.sun_family = AF_UNIX;
  if (kind == UnixNameKind::unnamed) return detail::to_native(fields, detail::unix_name_offset);
  name.copy(fields.sun_path + (kind == UnixNameKind::abstract_name ? 1 : 0), name.size());
  return detail::to_native(fields, detail::unix_name_offset + name.size() + 1);  // a NUL before or after the name
}

inline Ipv4Endpoint read_ipv4(const NativeAddress& address) noexcept {
  const auto fields = detail::from_native<::sockaddr_in>(address);
  Ipv4Endpoint endpoint{{}, ntohs(fields.sin_port)};
  std::memcpy(endpoint.address, &fields.sin_addr, sizeof(endpoint.address));
  return endpoint;
}

inline Ipv6Endpoint read_ipv6(const NativeAddress& address) noexcept {
  const auto fields = detail::from_native<::sockaddr_in6>(address);
  Ipv6Endpoint endpoint{{}, ntohs(fields.sin6_port), fields.sin6_scope_id};
  std::memcpy(endpoint.address, &fields.sin6_addr, sizeof(endpoint.address));
  return endpoint;
}

inline UnixName read_unix(const NativeAddress& address) noexcept {
  constexpr std::size_t whole = sizeof(::sockaddr_un);
  const std::size_t size = address.size < whole ? address.size : whole;
  if (size <= detail::unix_name_offset) return {UnixNameKind::unnamed, {}};
  const std::string_view text(reinterpret_cast<const char*>(address.bytes) + detail::unix_name_offset,
                              size - detail::unix_name_offset);
  if (text[0] != '\0') return {UnixNameKind::path, text.substr(0, text.find('\0'))};
  if (has_abstract_unix_names) return {UnixNameKind::abstract_name, text.substr(1)};
  return {UnixNameKind::unnamed, {}};
}

/// Changes the port of an IPv4 or IPv6 address and leaves everything else, the flow label too, as it is.
inline void set_port(NativeAddress& address, std::uint16_t port) noexcept {
  const std::uint16_t in_network_order = htons(port);
  const std::size_t offset = is_ipv4(address) ? offsetof(::sockaddr_in, sin_port) : offsetof(::sockaddr_in6, sin6_port);
  std::memcpy(address.bytes + offset, &in_network_order, sizeof(in_network_order));
}

/// A native address from foreign bytes, `size` of them, at most sockaddr_capacity. Structures given with room to spare
/// are cut to their size, and IPv6 addresses from before scope ids (RFC 2133) are completed. False where bytes are
/// missing.
inline bool adopt_native(const void* data, std::size_t size, NativeAddress& address) noexcept {
  constexpr std::size_t ipv6_without_scope = offsetof(::sockaddr_in6, sin6_scope_id);
  address = NativeAddress{};
  if (size == 0) return true;
  std::memcpy(address.bytes, data, size);
  address.size = size;
  if (size < sizeof(::sa_family_t)) return false;
  switch (family_of(address)) {
    case AF_INET: address.size = sizeof(::sockaddr_in); return size >= sizeof(::sockaddr_in);
    case AF_INET6: address.size = sizeof(::sockaddr_in6); return size >= ipv6_without_scope;
    case AF_UNIX:
      if (size > sizeof(::sockaddr_un)) address.size = sizeof(::sockaddr_un);
      return true;
    default: return true;
  }
}

}  // namespace parley::inline PARLEY_ABI::platform
