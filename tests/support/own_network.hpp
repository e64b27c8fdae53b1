// SPDX-License-Identifier: BSL-1.0
#pragma once

// A network that nobody else is in, for what this machine's own may lack: IPv6, multicast routes, a second interface.

#include <optional>
#include <string>

#include "support/network.hpp"

namespace support {

/// While it lives, the calling thread, what it opens and the processes that it starts are in a network of their own
/// (see Network, which root may make): a loopback interface that takes multicast of both versions of IP,
/// and two interfaces at the ends of one cable.
///   left   10.77.0.1  fd77::1    fe80::1
///   right  10.78.0.2  fd78::2    fe80::2
class OwnNetwork {
 public:
  OwnNetwork();
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;

  /// Why there is none, then all is as before; empty where there is one.
  const std::string& why_not() const { return why_not_; }

 private:
  std::optional<Network> network_;
  std::optional<Network::Visit> visit_;
  std::string why_not_;
};

}  // namespace support
