// SPDX-License-Identifier: BSL-1.0
#pragma once

// resolve(): names to addresses without blocking the loop.

#include <parley/core/offload.hpp>
#include <parley/net/address.hpp>
#include <parley/net/detail/look_up.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace parley::inline PARLEY_ABI {

/// Asks the system's resolver on the thread pool. Completes with all addresses of the host, at most 64, in the order in
/// which they should be tried (RFC 6724), each with the port: Result<std::vector<Address>>. A numeric host is
/// understood too; an empty one is this machine. Errors: Error::not_found; Error::queue_full when too many look-ups
/// wait already; the resolver's own. Cancelling or a timeout gives up at once; the resolver's thread goes on until it
/// has its answer, which is dropped.
[[nodiscard]] inline auto resolve(std::string host, std::uint16_t port) {
  return offload([name = std::move(host), port] { return detail::look_up(name, port); });
}

}  // namespace parley::inline PARLEY_ABI
