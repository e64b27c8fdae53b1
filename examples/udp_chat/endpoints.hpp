// SPDX-License-Identifier: BSL-1.0
#pragma once

// The addresses that the program is told, on its command line or by its user. Numbers only: no name is looked up.

#include <parley/net/address.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace udp_chat {

/// The port of both peers in the tutorial that this program speaks with.
inline constexpr std::uint16_t tutorial_port = 1234;

/// "1234", "192.0.2.1:1234", "[::1]:1234"; an IP alone has the tutorial's port.
struct ListenAt {
  std::optional<parley::Address> address;  // with the port
  std::optional<std::uint16_t> port;       // on every interface

  bool empty() const noexcept { return !address && !port; }
  /// A port alone is for every interface, of the kind with which `to` can be reached.
  parley::Address address_for(const parley::Address& to) const {
    if (address) return *address;
    const std::uint16_t number = port.value_or(tutorial_port);
    return to.family() == parley::Address::Family::ipv6 ? parley::Address::any_v6(number)
                                                        : parley::Address::any_v4(number);
  }
};

/// "192.0.2.1:1234", "[::1]:1234"; an IP alone has the tutorial's port.
struct SendTo {
  std::optional<parley::Address> address;
  bool empty() const noexcept { return !address; }
};

/// "239.255.77.77:7777", "[ff02::77%eth0]:7777": a multicast group (RFC 5771, RFC 4291).
struct GroupAddress {
  parley::Address address = parley::Address::ip("239.255.77.77", 7777).value();
};

/// An address of this machine, which names the interface that has it.
struct InterfaceAddress {
  std::optional<parley::Address> address;
};

// For common::Arguments: what it says where a value is wrong, and how it reads one.
inline std::string kind_of(const ListenAt&) { return "[IP:]PORT, such as 1234 or 127.0.0.1:1234"; }
inline std::string kind_of(const SendTo&) { return "IP[:PORT], such as 127.0.0.1:1234 or [::1]:1234"; }
inline std::string kind_of(const GroupAddress&) { return "a multicast group with a port, such as 239.255.77.77:7777"; }
inline std::string kind_of(const InterfaceAddress&) { return "an address of this machine, such as 192.0.2.1"; }
inline std::string show_value(const ListenAt&) { return {}; }
inline std::string show_value(const SendTo&) { return {}; }

inline std::string show_value(const GroupAddress& group) { return group.address.to_string(); }
inline std::string show_value(const InterfaceAddress&) { return {}; }

inline bool read_value(std::string_view text, ListenAt& listen) {
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (is_number) {
    std::uint16_t number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) return false;
    listen = {std::nullopt, number};
    return true;
  }
  const auto address = parley::Address::parse(text, tutorial_port);
  if (!address || !address->is_ip() || address->is_multicast()) return false;
  listen = {*address, std::nullopt};
  return true;
}

inline bool read_value(std::string_view text, SendTo& to) {
  const auto address = parley::Address::parse(text, tutorial_port);
  if (!address || !address->is_ip() || address->port() == 0 || address->is_any() || address->is_multicast())
    return false;
  to.address = *address;
  return true;
}

inline bool read_value(std::string_view text, GroupAddress& group) {
  const auto address = parley::Address::parse(text);
  if (!address || !address->is_multicast() || address->port() == 0) return false;
  group.address = *address;
  return true;
}

inline bool read_value(std::string_view text, InterfaceAddress& over) {
  const auto address = parley::Address::ip(text, 0);
  if (!address || address->is_any() || address->is_multicast()) return false;
  over.address = *address;
  return true;
}

/// Two addresses of one kind, IPv4 or IPv6, can exchange datagrams.
inline bool fit_together(const ListenAt& listen, const SendTo& to) {
  return !listen.address || !to.address || listen.address->family() == to.address->family();
}

}  // namespace udp_chat
