// SPDX-License-Identifier: BSL-1.0
#pragma once
// The sockets of servers and loads. Every failure ends the process with a message.

#include <cstdint>

namespace bench {

/// A non-blocking socket that listens on 127.0.0.1 with a backlog of 4096, TCP_NODELAY set; `port` becomes the port.
int listen_anywhere(std::uint16_t& port);

/// Lets this process and its children hold as many descriptors as the hard limit allows; ends the process where that is
/// less than `needed`.
void raise_descriptor_limit(std::uint64_t needed);

/// A connection to 127.0.0.1, blocking, TCP_NODELAY set, closed by a reset so that no port waits in TIME_WAIT.
int connect_to(std::uint16_t port);

}  // namespace bench
