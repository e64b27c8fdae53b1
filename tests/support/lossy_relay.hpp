// SPDX-License-Identifier: BSL-1.0
#pragma once

// A bad network between programs on this machine: passes datagrams on, over a LossyPath in each direction, in a thread
// of its own. Made of plain system calls; what fails at the beginning throws std::system_error.

#include <cstdint>
#include <memory>
#include <string>

#include "lossy_path.hpp"

namespace support {

/// Two multicast groups of IPv4, on the loopback interface.
struct TwoGroups {
  std::string one, other;
  std::uint16_t port;
};

/// Two peers that each know the other's address: the relay has one for each of them.
struct TwoPeers {};

class LossyRelay {
 public:
  /// Listens on a port of 127.0.0.1 that the system chooses, for datagrams to `target`, a port there as well. What
  /// comes back goes to the client that it is for, of at most 64.
  LossyRelay(std::uint16_t target, LossyPathOptions options);
  /// What is sent to one group comes to the other as well.
  LossyRelay(const TwoGroups& groups, LossyPathOptions options);
  /// One peer sends to port() and hears from there, the other one to other_port(); where a peer is becomes known by what
  /// it sends, and may change. Until then nothing comes to it.
  LossyRelay(TwoPeers, LossyPathOptions options);
  LossyRelay(const LossyRelay&) = delete;
  LossyRelay& operator=(const LossyRelay&) = delete;
  ~LossyRelay();

  /// Where it listens; 0 between groups.
  std::uint16_t port() const;
  /// For the second of two peers; else 0.
  std::uint16_t other_port() const;
  /// Of both directions so far.
  LossyPath::Counters counters() const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace support
