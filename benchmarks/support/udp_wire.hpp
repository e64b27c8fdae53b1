// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the rivals of the UDP scenario share. Each registers a function that sends datagrams for ever and one that
// receives them, from a namespace-scope constant:
//
//   const bench::UdpRival registered{"asio", send, receive};
//
// Each runs in a process of its own, on a core of its own, until it is killed. It owns the socket it is given: the
// sender's is not connected, the receiver's is bound, both are blocking IPv4 sockets.

#include <netinet/in.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace bench {

/// In memory that all processes of a round share.
struct UdpCounters {
  std::atomic<std::uint64_t> datagrams{0};
  std::atomic<std::uint64_t> last{0};   ///< the number of the last one
  std::atomic<std::uint64_t> wrong{0};  ///< of another size, or with a number that had come already
};

/// What a sender or a receiver is given.
struct UdpJob {
  int socket;
  sockaddr_in to;     ///< the receiver
  std::size_t bytes;  ///< of each datagram
  UdpCounters* counters;
};

struct UdpRival {
  using Run = void (*)(const UdpJob&);
  UdpRival(const char* rival_name, Run sender, Run receiver);

  const char* name;
  Run send;
  Run receive;
};

/// All that are registered, sorted by name.
const std::vector<UdpRival>& udp_rivals();

/// Every datagram begins with its number, which the sender counts up from 1.
class UdpNumbers {
 public:
  void write_next(void* datagram) noexcept {
    ++last_;
    std::memcpy(datagram, &last_, sizeof last_);
  }

 private:
  std::uint64_t last_ = 0;
};

/// The receiver looks at each datagram, and publishes the count after every call to the system.
class UdpTally {
 public:
  explicit UdpTally(const UdpJob& job) noexcept : bytes_{job.bytes}, counters_{job.counters} {}

  void take(const void* datagram, std::size_t bytes) noexcept {
    std::uint64_t number = 0;
    if (bytes == bytes_) std::memcpy(&number, datagram, sizeof number);
    if (number <= last_) ++wrong_;
    last_ = number;
    ++count_;
  }
  void publish() noexcept {
    counters_->datagrams.store(count_, std::memory_order_relaxed);
    counters_->last.store(last_, std::memory_order_relaxed);
    counters_->wrong.store(wrong_, std::memory_order_relaxed);
  }

 private:
  std::size_t bytes_;
  UdpCounters* counters_;
  std::uint64_t last_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t wrong_ = 0;
};

}  // namespace bench
