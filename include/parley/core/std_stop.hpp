// SPDX-License-Identifier: BSL-1.0
#pragma once

// From std::stop_token to StopToken. In a header of its own, because <stop_token> is costly to include.

#include <parley/core/stop.hpp>

#include <stop_token>
#include <utility>

namespace parley::inline PARLEY_ABI {

/// Passes on a std::stop_token's request for as long as it lives:
///
///   StdStopAdapter stop(std_token);
///   auto n = co_await socket.recv(buffer).stop(stop.token());
///
/// Its token may outlive it, but then hears nothing more. From any thread.
class StdStopAdapter {
 public:
  explicit StdStopAdapter(std::stop_token token) : callback_(std::move(token), Request(source_)) {}
  StdStopAdapter(const StdStopAdapter&) = delete;
  StdStopAdapter& operator=(const StdStopAdapter&) = delete;

  StopToken token() const noexcept { return source_.token(); }

 private:
  class Request {
   public:
    explicit Request(StopSource& source) noexcept : source_(source) {}
    void operator()() const noexcept { source_.request_stop(); }

   private:
    StopSource& source_;
  };

  StopSource source_;
  std::stop_callback<Request> callback_;
};

}  // namespace parley::inline PARLEY_ABI
