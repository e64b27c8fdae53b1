// SPDX-License-Identifier: BSL-1.0
#pragma once

// Interface: a network interface of this machine, by its number.

#include <parley/core/result.hpp>
#include <parley/net/address.hpp>
#include <parley/platform/config.hpp>
#include <parley/platform/ip_text.hpp>
#include <parley/platform/network_interface.hpp>

#include <cstdint>
#include <string_view>

namespace parley::inline PARLEY_ABI {

/// A value. Numbers begin with 1 and are not used again soon when an interface goes; no call here waits for the
/// network.
class Interface {
 public:
  /// None in particular: the system chooses, by its routes.
  constexpr Interface() noexcept = default;
  constexpr explicit Interface(std::uint32_t index) noexcept : index_(index) {}

  /// Errors: Error::not_found.
  static Result<Interface> named(std::string_view name) noexcept {
    const std::uint32_t index = platform::interface_index(name);
    if (index == 0) return Error::not_found;
    return Interface(index);
  }
  /// The one that has this IPv4 or IPv6 address, or that the address's scope names; the port does not count. An address
  /// of any interface (0.0.0.0, ::), or none at all, is Interface(). Errors: Error::not_found; the system's own where
  /// it does not tell.
  static Result<Interface> with_address(const Address& address) noexcept {
    const Address wanted = address.unmapped();
    if (wanted.scope_id() != 0) return Interface(wanted.scope_id());
    if (wanted.is_any() || wanted.family() == Address::Family::unspecified) return Interface();
    std::uint32_t index = 0;
    if (const int error = platform::interface_with_address(wanted.native(), index); error != 0) {
      return std::error_code(error, std::system_category());
    }
    if (index == 0) return Error::not_found;
    return Interface(index);
  }

  /// 0 for none in particular.
  constexpr std::uint32_t index() const noexcept { return index_; }
  friend constexpr bool operator==(Interface, Interface) noexcept = default;

 private:
  std::uint32_t index_ = 0;
};

}  // namespace parley::inline PARLEY_ABI
