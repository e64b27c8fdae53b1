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

class LossyRelay {
 public:
  /// Listens on a port of 127.0.0.1 that the system chooses, for datagrams to `target`, a port there as well. What
  /// comes back goes to the client that it is for, of at most 64.
  LossyRelay(std::uint16_t target, LossyPathOptions options);
  /// What is sent to one group comes to the other as well.
  LossyRelay(const TwoGroups& groups, LossyPathOptions options);
  LossyRelay(const LossyRelay&) = delete;
  LossyRelay& operator=(const LossyRelay&) = delete;
  ~LossyRelay();

  /// Where it listens; 0 between groups.
  std::uint16_t port() const;
  /// Of both directions so far.
  LossyPath::Counters counters() const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace support
