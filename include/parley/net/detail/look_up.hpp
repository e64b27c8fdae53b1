// SPDX-License-Identifier: BSL-1.0
#pragma once

// The blocking look-up behind resolve() and TcpListener::bind().

#include <parley/core/result.hpp>
#include <parley/net/address.hpp>
#include <parley/platform/name_lookup.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace parley::inline PARLEY_ABI::detail {

inline Result<std::vector<Address>> look_up(std::string_view host, std::uint16_t port) {
  std::vector<platform::NativeAddress> found;
  // A service must be given where the host is empty, and zero stands for none.
  if (const auto error = platform::look_up(host, "0", {}, found)) return error;
  std::vector<Address> addresses;
  addresses.reserve(found.size());
  for (const auto& native : found) {
    if (auto address = Address::from_native(native.bytes, native.size)) addresses.push_back(address->with_port(port));
  }
  return addresses;
}

}  // namespace parley::inline PARLEY_ABI::detail
