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

/// Asks the system's resolver (getaddrinfo, RFC 3493) on the shared thread pool. Completes with all addresses of the
/// host, at most 64, in the order in which they should be tried (RFC 6724), each with the port:
/// Result<std::vector<Address>>. A numeric host is understood too; an empty one is this machine. The host is moved into
/// the work.
/// Errors:      Error::not_found where there is no such name or it has no address. Error::malformed for a NUL in the
///              host, too_long for over 1,024 bytes. Error::queue_full when too many look-ups wait already. The
///              resolver's and the system's own; one that may pass is std::errc::resource_unavailable_try_again.
///              Error::timed_out, cancelled, no_loop, would_block_loop.
/// Cancelling:  gives up at once, as a timeout does. A look-up that has begun goes on in its thread until it has its
///              answer, which is dropped; one that has not begun never does.
/// Concurrency: any number; the pool does 4 at a time, offload()'s other work included, and 1,024 more may wait.
/// Threads:     any loop or plain thread.
[[nodiscard]] inline auto resolve(std::string host, std::uint16_t port) {
  return offload([name = std::move(host), port] { return detail::look_up(name, port); });
}

}  // namespace parley::inline PARLEY_ABI
