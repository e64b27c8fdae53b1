// SPDX-License-Identifier: BSL-1.0
#pragma once
// The load of the accept scenario: connections that come, are greeted and are closed by the server, a fixed number of
// them under way.

#include "support/load_poll.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

class AcceptLoad {
 public:
  AcceptLoad(std::uint16_t port, std::size_t in_flight);
  ~AcceptLoad();
  AcceptLoad(const AcceptLoad&) = delete;
  AcceptLoad& operator=(const AcceptLoad&) = delete;

  /// Has `connections` of them served, and returns with none under way. Appends the seconds from before connecting to
  /// the end of the stream to `latencies_s` where that is not null. A greeting that is wrong, or no progress for 30 s,
  /// ends this process.
  void run(std::uint64_t connections, std::vector<double>* latencies_s);

 private:
  struct Visit {
    int socket;  // -1 where none is under way
    std::size_t received_bytes;
    double began_s;
  };

  void begin(std::uint32_t index);
  bool receive(Visit& visit) const;

  std::uint16_t port_;
  std::vector<Visit> visits_;
  LoadPoll poll_;
};

}  // namespace bench
