// SPDX-License-Identifier: BSL-1.0
#pragma once

// Ctrl-C and SIGTERM as a stop token, for programs that have no event loop (those that have one use parley::run).

#include <parley/core/signals.hpp>

#include <thread>

namespace common {

/// Its token is stopped by the first of these signals; a second ends the process at once.
class StopOnSignal {
 public:
  StopOnSignal() : thread_([this] { wait(); }) {}
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  ~StopOnSignal() {
    over_.request_stop();
    thread_.join();
  }

  parley::StopToken token() const { return stop_.token(); }

 private:
  void wait() {
    if (signals_.next().stop(over_.token()).wait()) stop_.request_stop();
  }

  parley::StopSource stop_, over_;
  parley::Signals signals_{{parley::Signal::interrupt, parley::Signal::terminate}, parley::OnRepeat::end_process};
  std::thread thread_;
};

}  // namespace common
