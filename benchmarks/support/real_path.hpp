// SPDX-License-Identifier: BSL-1.0
#pragma once
// The scenario of bench_reliable_udp in real time, for libraries that want sockets and a clock of their own: a relay on
// loopback has the delay and the loss. A rival registers a function from a namespace-scope constant:
//
//   const bench::RealPathRival registered{"enet", run};
//
// It listens on a port of 127.0.0.1, hands that to the path, which says where the client is to connect to, sends the
// messages at their times, and returns when all have come or the connection has ended.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "../tests/support/lossy_relay.hpp"

namespace bench {

struct RealPathJob {
  unsigned loss;  // of 100
  std::chrono::milliseconds interval;
  int messages;
  std::uint64_t seed;

  static constexpr std::size_t message_bytes = 200;
  static constexpr auto patience = std::chrono::seconds(60);  // for what has not come after the last one was sent
};

/// What one run came to. Latencies are measured as the messages come, in order.
class RealPathRun {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RealPathRun(const RealPathJob& job) : job_(job) {}

  /// Where the client is to connect to.
  std::uint16_t open(std::uint16_t listening) {
    using namespace std::chrono_literals;
    relay_.emplace(listening,
                   support::LossyPathOptions{.seed = job_.seed, .drop = job_.loss, .delay = 30ms, .jitter = 5ms});
    return relay_->port();
  }
  /// The connection stands: only what is sent from now on counts.
  void begin() {
    start_ = Clock::now();
    before_ = relay_->counters();
  }

  /// When the next message is to be sent; none is after the last.
  bool all_sent() const { return static_cast<int>(sent_.size()) == job_.messages; }
  Clock::time_point next() const { return start_ + job_.interval * static_cast<int>(sent_.size()); }
  void sending() { sent_.push_back(Clock::now()); }
  void received() {
    if (latencies_ms_.size() == sent_.size()) return;
    const auto late = Clock::now() - sent_[latencies_ms_.size()];
    latencies_ms_.push_back(std::chrono::duration<double, std::milli>(late).count());
  }
  bool all_received() const { return static_cast<int>(latencies_ms_.size()) == job_.messages; }
  /// No more will come, or nobody waits for it any longer.
  bool is_over() const { return all_received() || Clock::now() > next() + RealPathJob::patience; }

  const std::vector<double>& latencies_ms() const { return latencies_ms_; }
  support::LossyPath::Counters used() const {
    if (!relay_) return {};
    auto counters = relay_->counters();
    counters.taken -= before_.taken;
    counters.bytes -= before_.bytes;
    return counters;
  }

 private:
  RealPathJob job_;
  std::optional<support::LossyRelay> relay_;
  support::LossyPath::Counters before_;
  Clock::time_point start_{};
  std::vector<Clock::time_point> sent_;
  std::vector<double> latencies_ms_;
};

struct RealPathRival {
  using Run = void (*)(const RealPathJob&, RealPathRun&);
  RealPathRival(const char* rival_name, Run run_function);

  const char* name;
  Run run;
};

/// All that are registered. A function, because registration runs before main, in an order that the language leaves
/// open.
inline std::vector<RealPathRival>& real_path_rivals() {
  static std::vector<RealPathRival> all;
  return all;
}
inline RealPathRival::RealPathRival(const char* rival_name, Run run_function) : name(rival_name), run(run_function) {
  real_path_rivals().push_back(*this);
}

}  // namespace bench
