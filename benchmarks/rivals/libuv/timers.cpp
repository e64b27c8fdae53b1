// SPDX-License-Identifier: BSL-1.0
// libuv's timers: handles that are used again, started with a callback and stopped. libuv tells nobody of a stop, so
// that part of the work is missing here; and its clock has milliseconds.

#include "support/servers.hpp"
#include "support/timer_scenario.hpp"

#if defined(PARLEY_BENCH_HAS_LIBUV)

#include <uv.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

class Timers final : public bench::TimerRival {
 public:
  void prepare(std::size_t count) override {
    if (uv_loop_init(&loop_) != 0) std::abort();
    timers_.resize(count);
    for (uv_timer_t& timer : timers_) uv_timer_init(&loop_, &timer);
  }

  void schedule(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      const auto sleep = std::chrono::duration_cast<std::chrono::milliseconds>(bench::sleep_of(i));
      uv_timer_start(
          &timers_[i], [](uv_timer_t*) { std::abort(); }, static_cast<std::uint64_t>(sleep.count()), 0);
    }
  }

  std::size_t cancel() override {
    std::size_t stopped = 0;
    for (uv_timer_t& timer : timers_) stopped += uv_timer_stop(&timer) == 0 ? 1 : 0;
    uv_run(&loop_, UV_RUN_NOWAIT);
    return stopped;
  }

 private:
  uv_loop_t loop_;
  std::vector<uv_timer_t> timers_;
};

const bench::TimerRivalEntry registered{"libuv", bench::make_rival<Timers>};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"libuv", "libuv1-dev"};
}

#endif
