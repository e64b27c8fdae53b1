// SPDX-License-Identifier: BSL-1.0
#pragma once

// Address: where a socket is, or is to go.

#include <parley/core/result.hpp>
#include <parley/net/detail/address_format.hpp>
#include <parley/net/detail/address_identity.hpp>
#include <parley/net/detail/address_kind.hpp>
#include <parley/net/detail/address_parse.hpp>
#include <parley/platform/config.hpp>
#include <parley/platform/sockaddr.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley::inline PARLEY_ABI {

/// A value: IPv4 or IPv6 with port, a Unix path or abstract name, or any other family's bytes. It is copied like an int
/// (136 bytes), owns nothing and never blocks; several threads may read one but not change it at once.
///
/// Two addresses are equal when they lead to the same place: padding does not count, nor how many NULs follow a Unix
/// path, nor IPv6 flow labels, which belong to a packet and not to a peer. An IPv4 address and the IPv6 address that
/// maps it are different: compare unmapped() ones to take them as one. The order is total and agrees with ==; addresses
/// of a family are together, then ordered by host (Unix: name), scope and port. The hash has no secret key, so a table
/// that strangers can fill needs a bound of its own.
class Address {
 public:
  enum class Family { unspecified, ipv4, ipv6, unix_domain, other };

  /// No address at all: the source that a connected stream reports, the field not filled in.
  Address() noexcept = default;

  /// Reads what to_string() writes: "127.0.0.1:8000", "[::1]:8000", "[fe80::1%eth0]:80" (or "%2"), "unix:/path",
  /// "unix:@abstract", and "127.0.0.1", "[::1]", "::1" with the default port. No name is looked up, so this never
  /// blocks. "::1:8000" is an IPv6 address whose last part is 8000: a port needs the brackets (RFC 3986, 3.2.2). What
  /// follows '%' is the scope (RFC 4007). In Unix names %XX stands for a byte. Errors: malformed for everything else
  /// (spaces around it, leading zeros, a port over 65535, nothing at all); too_long for a Unix name, unsupported for an
  /// abstract one except on Linux; not_found for an interface that is not there.
  static Result<Address> parse(std::string_view text, std::uint16_t default_port = 0) noexcept {
    return wrap(detail::parse_address(text, default_port));
  }
  /// The same for a bare IPv4 or IPv6 address, scope included, without brackets. Errors: malformed, not_found.
  static Result<Address> ip(std::string_view host, std::uint16_t port) noexcept {
    return wrap(detail::parse_ip(host, port));
  }

  // Every interface, and this machine alone. Port 0 in bind() lets the system choose.
  static Address any_v4(std::uint16_t port) noexcept { return Address(platform::make_ipv4({{}, port})); }
  static Address any_v6(std::uint16_t port) noexcept { return Address(platform::make_ipv6({{}, port, 0})); }
  static Address loopback_v4(std::uint16_t port) noexcept {
    return Address(platform::make_ipv4({{127, 0, 0, 1}, port}));
  }
  static Address loopback_v6(std::uint16_t port) noexcept {
    return Address(platform::make_ipv6({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, port, 0}));
  }

  /// A socket file, taken byte for byte. Errors: malformed when empty or with a NUL inside, too_long over 107 bytes on
  /// Linux.
  static Result<Address> unix_path(std::string_view path) noexcept {
    return wrap(detail::checked_unix(platform::UnixNameKind::path, path));
  }
  /// A name without a file, known to the kernel alone and gone with its socket; any bytes. Errors: malformed when
  /// empty, too_long over 107 bytes, unsupported except on Linux.
  static Result<Address> unix_abstract(std::string_view name) noexcept {
    return wrap(detail::checked_unix(platform::UnixNameKind::abstract_name, name));
  }
  /// `size` bytes of the system's own structure, of any family; no bytes are no address. Room to spare after an IPv4,
  /// IPv6 or Unix structure is cut off. Errors: too_long over native_capacity, malformed when bytes are missing.
  static Result<Address> from_native(const void* data, std::size_t size) noexcept {
    if (size > native_capacity) return Error::too_long;
    Address address;
    if (!platform::adopt_native(data, size, address.native_)) return Error::malformed;
    return address;
  }

  /// The system's structure and its size, for bind, connect and the like. Valid while this object is.
  const void* native_data() const noexcept { return native_.bytes; }
  std::size_t native_size() const noexcept { return native_.size; }
  /// For the library: both of them together.
  const platform::NativeAddress& native() const noexcept { return native_; }
  int native_family() const noexcept { return platform::family_of(native_); }

  // To have the system write an address: let it fill native_buffer(), then tell the size it reports, which may be more
  // than the capacity when it had to cut; more than the capacity counts as the capacity.
  static constexpr std::size_t native_capacity = platform::sockaddr_capacity;
  void* native_buffer() noexcept { return native_.bytes; }
  void set_native_size(std::size_t size) noexcept { native_.size = size < native_capacity ? size : native_capacity; }

  Family family() const noexcept {
    if (platform::is_ipv4(native_)) return Family::ipv4;
    if (platform::is_ipv6(native_)) return Family::ipv6;
    if (platform::is_unix(native_)) return Family::unix_domain;
    return native_family() == platform::family_unspecified ? Family::unspecified : Family::other;
  }
  bool is_ip() const noexcept { return platform::is_ipv4(native_) || platform::is_ipv6(native_); }

  /// 0 where the family has no ports.
  std::uint16_t port() const noexcept { return detail::identity_of(native_).port; }
  /// The same with another port; unchanged where the family has none.
  Address with_port(std::uint16_t port) const noexcept {
    Address changed = *this;
    if (is_ip()) platform::set_port(changed.native_, port);
    return changed;
  }
  /// "127.0.0.1", "::1", "fe80::1%2": numeric, the scope too; empty where the family is not IP.
  std::string host() const {
    std::string text;
    detail::append_host(text, native_);
    return text;
  }
  /// The number of the interface that a link-local IPv6 address belongs to; 0 for none.
  std::uint32_t scope_id() const noexcept { return detail::identity_of(native_).scope_id; }

  // Of IP addresses (RFC 6890, RFC 4291); an IPv4 address mapped into IPv6 counts as what it maps.
  bool is_loopback() const noexcept { return detail::is_loopback(unmapped().native_); }
  bool is_any() const noexcept { return detail::is_any(unmapped().native_); }
  bool is_multicast() const noexcept { return detail::is_multicast(unmapped().native_); }

  /// ::ffff:a.b.c.d (RFC 4291), which is how a dual-stack socket shows an IPv4 peer.
  bool is_v4_mapped() const noexcept { return detail::is_v4_mapped(native_); }
  /// The IPv4 address that this one maps, with its port; any other is returned as it is.
  Address unmapped() const noexcept { return is_v4_mapped() ? Address(detail::unmap(native_)) : *this; }

  /// The path or abstract name, in raw bytes: do not print them, to_string() escapes. Empty where there is none. Valid
  /// while this object is and does not change.
  std::string_view unix_name() const& noexcept {
    return platform::is_unix(native_) ? platform::read_unix(native_).name : std::string_view();
  }
  std::string_view unix_name() const&& = delete;  // it would view a dead object
  bool is_unix_abstract() const noexcept {
    return platform::is_unix(native_) && platform::read_unix(native_).kind == platform::UnixNameKind::abstract_name;
  }

  /// Printable ASCII that parse() reads back to an equal address, where there is something to read: an unnamed Unix
  /// address is "unix:", other families are "family 29: " and their bytes in hexadecimal, no address is "unspecified".
  /// IPv6 is written as RFC 5952 has it.
  std::string to_string() const {
    std::string text;
    append_to(text);
    return text;
  }
  /// The same at the end of `text`, which a logger can use again and again without an allocation.
  void append_to(std::string& text) const { detail::append_address(text, native_); }

  friend bool operator==(const Address& a, const Address& b) noexcept {
    return detail::identity_of(a.native_) == detail::identity_of(b.native_);
  }
  friend std::strong_ordering operator<=>(const Address& a, const Address& b) noexcept {
    return detail::identity_of(a.native_) <=> detail::identity_of(b.native_);
  }
  std::size_t hash() const noexcept { return static_cast<std::size_t>(detail::hash_of(detail::identity_of(native_))); }

 private:
  explicit Address(const platform::NativeAddress& native) noexcept : native_(native) {}
  static Result<Address> wrap(const Result<platform::NativeAddress>& native) noexcept {
    if (!native) return native.error();
    return Address(*native);
  }

  platform::NativeAddress native_{};
};

}  // namespace parley::inline PARLEY_ABI

template <>
struct std::hash<parley::Address> {
  std::size_t operator()(const parley::Address& address) const noexcept { return address.hash(); }
};
