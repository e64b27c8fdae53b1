// SPDX-License-Identifier: BSL-1.0
// Asio's steady_timer, twice: with callbacks, which is the least it can do, and with a coroutine for each sleep. The
// timers are made beforehand and used again.

#include "support/servers.hpp"
#include "support/timer_scenario.hpp"

#if defined(PARLEY_BENCH_HAS_ASIO)

#include "rivals/asio/with_coroutines.hpp"

#include <cstddef>
#include <vector>

namespace {

class Timers : public bench::TimerRival {
 public:
  void prepare(std::size_t count) override {
    timers_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) timers_.emplace_back(context_);
  }

  std::size_t cancel() override {
    cancelled_ = 0;
    for (asio::steady_timer& timer : timers_) timer.cancel();
    context_.restart();
    context_.run();
    return cancelled_;
  }

 protected:
  void tell(const asio::error_code& error) { cancelled_ += error == asio::error::operation_aborted ? 1 : 0; }

  asio::io_context context_{ASIO_CONCURRENCY_HINT_UNSAFE};
  std::vector<asio::steady_timer> timers_;
  std::size_t cancelled_ = 0;
};

class CallbackTimers final : public Timers {
 public:
  void schedule(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      timers_[i].expires_after(bench::sleep_of(i));
      timers_[i].async_wait([this](const asio::error_code& error) { tell(error); });
    }
  }
};

class CoroutineTimers final : public Timers {
 public:
  void schedule(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) asio::co_spawn(context_, sleep(i), asio::detached);
    context_.restart();
    context_.poll();  // starts them
  }

 private:
  asio::awaitable<void> sleep(std::size_t index) {
    timers_[index].expires_after(bench::sleep_of(index));
    asio::error_code error;
    co_await timers_[index].async_wait(asio::redirect_error(asio::use_awaitable, error));
    tell(error);
  }
};

const bench::TimerRivalEntry callbacks{"asio_callback", bench::make_rival<CallbackTimers>};
const bench::TimerRivalEntry coroutines{"asio_coroutine", bench::make_rival<CoroutineTimers>};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"asio", "libasio-dev"};
}

#endif
