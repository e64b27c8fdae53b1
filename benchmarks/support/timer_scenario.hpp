// SPDX-License-Identifier: BSL-1.0
#pragma once
// A million sleeps scheduled and then cancelled: processor time of each sleep, the two phases apart.
//
//   bench_timers                    rounds of all rivals in turn, then tables of medians and ratios
//
// Own options: --sleeps=1000000 --rounds=9 --rivals=a,b,c (all) --samples=FILE. All others are Google Benchmark's.
//
// A rival derives from TimerRival and registers itself:
//
//   const bench::TimerRivalEntry registered{"asio_callback", [] { return bench::make_rival<CallbackTimers>(); }};
//
// Every round is a process of its own, on one thread, pinned to a processor: it prepares, plays schedule() and cancel()
// once to warm up, and again to be measured.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace bench {

class TimerRival {
 public:
  virtual ~TimerRival() = default;

  /// Makes what a program would keep for longer than one sleep: the loop, timer objects that can be used again. Not
  /// measured.
  virtual void prepare(std::size_t count) = 0;

  /// Starts `count` sleeps, the i-th of sleep_of(i), and returns once all are pending.
  virtual void schedule(std::size_t count) = 0;

  /// Cancels them, and returns once everybody who slept has been told. The number of those who were told "cancelled".
  virtual std::size_t cancel() = 0;
};

/// Between 10 s and an hour, the same in every run and for every rival, in no order.
std::chrono::nanoseconds sleep_of(std::size_t index);

template <class Rival>
std::unique_ptr<TimerRival> make_rival() {
  return std::make_unique<Rival>();
}

struct TimerRivalEntry {
  using Make = std::unique_ptr<TimerRival> (*)();
  TimerRivalEntry(const char* rival_name, Make make_function);
  const char* name;
  Make make;
};

/// The whole of main() of the timer scenario. Ratios are to `reference`.
int timers_main(int argc, char** argv, const char* reference);

}  // namespace bench
