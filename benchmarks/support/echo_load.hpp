// SPDX-License-Identifier: BSL-1.0
#pragma once
// The load of the echo scenario: many connections to one server, a fixed number of round trips under way, each answer
// compared with what was sent.

#include "support/load_poll.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

class EchoLoad {
 public:
  struct Options {
    std::size_t connections;    ///< at least 1
    std::size_t in_flight;      ///< round trips under way at once, at most one a connection
    std::size_t message_bytes;  ///< 8 to kEchoBufferBytes
  };

  /// Connects everything, and runs one round trip on each connection. Failures end this process with a message.
  EchoLoad(std::uint16_t port, Options options);
  ~EchoLoad();
  EchoLoad(const EchoLoad&) = delete;
  EchoLoad& operator=(const EchoLoad&) = delete;

  /// Completes `round_trips` round trips, and returns with none under way. The connections take turns. Appends the
  /// seconds that each took to `latencies_s` where that is not null. An answer that is wrong, or none for 30 s, ends
  /// this process.
  void run(std::uint64_t round_trips, std::vector<double>* latencies_s);

 private:
  struct Connection {
    int socket;
    std::size_t received_bytes;
    std::uint64_t number;  // of the message under way, its first 8 bytes
    double sent_at_s;
  };

  void start(std::uint32_t index);
  bool receive(std::uint32_t index);

  Options options_;
  LoadPoll poll_;
  std::uint64_t next_number_ = 1;
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> idle_;  // a ring of the connections without a round trip under way
  std::size_t idle_head_ = 0;
  std::vector<char> out_;
  std::vector<char> in_;
};

}  // namespace bench
