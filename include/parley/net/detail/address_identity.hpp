// SPDX-License-Identifier: BSL-1.0
#pragma once

// What makes two addresses the same, for comparison and hashing alike.

#include <parley/platform/config.hpp>
#include <parley/platform/sockaddr.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace parley::inline PARLEY_ABI::detail {

/// The parts of an address that count, in the order in which they are compared.
struct AddressIdentity {
  int rank;                // unspecified, IPv4, IPv6, Unix, other
  std::uint32_t kind;      // of a Unix name, or the number of another family
  std::string_view bytes;  // of the host, the name, or the whole of another family's address; into the NativeAddress
  std::uint32_t scope_id;
  std::uint16_t port;

  friend bool operator==(const AddressIdentity&, const AddressIdentity&) = default;
  friend std::strong_ordering operator<=>(const AddressIdentity&, const AddressIdentity&) = default;
};

inline AddressIdentity identity_of(const platform::NativeAddress& address) noexcept {
  const auto* const text = reinterpret_cast<const char*>(address.bytes);
  if (platform::is_ipv4(address)) {
    return {1, 0, {text + platform::ipv4_offset, 4}, 0, platform::read_ipv4(address).port};
  }
  if (platform::is_ipv6(address)) {
    const platform::Ipv6Endpoint endpoint = platform::read_ipv6(address);
    return {2, 0, {text + platform::ipv6_offset, 16}, endpoint.scope_id, endpoint.port};
  }
  if (platform::is_unix(address)) {
    const platform::UnixName unix_name = platform::read_unix(address);
    return {3, static_cast<std::uint32_t>(unix_name.kind), unix_name.name, 0, 0};
  }
  const int family = platform::family_of(address);
  if (family == platform::family_unspecified) return {0, 0, {}, 0, 0};
  return {4, static_cast<std::uint32_t>(family), {text, address.size}, 0, 0};
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): every input bit reaches every output bit.
inline std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

inline std::uint64_t hash_of(const AddressIdentity& identity) noexcept {
  std::uint64_t state =
      mix(static_cast<std::uint64_t>(identity.rank) << 56 | std::uint64_t{identity.kind} << 16 | identity.port);
  state = mix(state ^ (std::uint64_t{identity.scope_id} << 32 | identity.bytes.size()));
  for (std::string_view rest = identity.bytes; !rest.empty();) {
    std::uint64_t word = 0;
    const std::size_t size = rest.size() < sizeof(word) ? rest.size() : sizeof(word);
    std::memcpy(&word, rest.data(), size);
    state = mix(state ^ word);
    rest.remove_prefix(size);
  }
  return state;
}

}  // namespace parley::inline PARLEY_ABI::detail
