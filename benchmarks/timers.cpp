// SPDX-License-Identifier: BSL-1.0
// Sleeps with parley: a coroutine for each, spawned in a scope and cancelled through it.

#include "support/timer_scenario.hpp"

#include <parley/core/event_loop.hpp>
#include <parley/core/scope.hpp>
#include <parley/core/sleep.hpp>

#include <cstddef>
#include <memory>

namespace {

using namespace parley;

class CoroutineTimers final : public bench::TimerRival {
 public:
  void prepare(std::size_t) override {}

  void schedule(std::size_t count) override {
    sleepers_ = std::make_unique<Scope>();
    static_cast<void>(loop_.run(spawn_sleepers(count)));
  }

  std::size_t cancel() override {
    cancelled_ = 0;
    static_cast<void>(loop_.run(stop_sleepers()));
    return cancelled_;
  }

 private:
  Task<> sleeper(std::size_t index) {
    const auto slept = co_await sleep(bench::sleep_of(index));
    cancelled_ += slept.error() == Error::cancelled ? 1 : 0;
  }
  Task<> spawn_sleepers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) sleepers_->spawn(sleeper(i));
    co_return;
  }
  Task<Result<>> stop_sleepers() { co_return co_await sleepers_->cancel_and_join(); }

  EventLoop loop_;
  std::unique_ptr<Scope> sleepers_;
  std::size_t cancelled_ = 0;
};

const bench::TimerRivalEntry registered{"parley_coroutine", bench::make_rival<CoroutineTimers>};

}  // namespace

int main(int argc, char** argv) { return bench::timers_main(argc, argv, "asio_callback"); }
