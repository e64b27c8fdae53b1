// SPDX-License-Identifier: BSL-1.0
#pragma once

// How long things may take. README.md promises some of it.

#include <parley/platform/clock.hpp>

#include <chrono>

namespace file_transfer {

/// Whoever has sent nothing for so long says that it is alive.
inline constexpr std::chrono::seconds alive_every{2};
/// A client that has heard nothing for so long takes the connection for broken.
inline constexpr std::chrono::seconds client_patience{8};
/// A server does so later: a client that comes back takes over anyway.
inline constexpr std::chrono::seconds server_patience{30};
/// A sender that has been silent for so long may be replaced by one of another file.
inline constexpr std::chrono::seconds presumed_dead{6};
/// For the first frames of a client, and for what is left to be sent at the end.
inline constexpr std::chrono::seconds hello_patience{10};
inline constexpr std::chrono::seconds farewell_patience{2};

}  // namespace file_transfer
