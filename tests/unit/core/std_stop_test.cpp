// SPDX-License-Identifier: BSL-1.0
#include <parley/core/std_stop.hpp>

#include <parley/core/sleep.hpp>

#include "support/catch.hpp"

#include <optional>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("a std::stop_source reaches operations through the adapter", "[std_stop]") {
  std::stop_source source;
  StdStopAdapter adapter(source.get_token());
  CHECK_FALSE(adapter.token().stop_requested());
  std::thread stopper([&] { source.request_stop(); });
  CHECK(sleep(Duration::max()).stop(adapter.token()).wait().error() == Error::cancelled);
  stopper.join();
  CHECK(adapter.token().stop_requested());
}

TEST_CASE("a request made before counts, one made after the adapter's end is not heard", "[std_stop]") {
  std::stop_source source;
  std::optional<StdStopAdapter> early(std::in_place, source.get_token());
  const StopToken token = early->token();
  early.reset();
  source.request_stop();
  CHECK_FALSE(token.stop_requested());
  CHECK(StdStopAdapter(source.get_token()).token().stop_requested());
}

TEST_CASE("a token that cannot be stopped makes one that is not", "[std_stop]") {
  CHECK_FALSE(StdStopAdapter(std::stop_token()).token().stop_requested());
}

TEST_CASE("a std::jthread's token ends its wait", "[std_stop]") {
  std::error_code error;
  {
    std::jthread thread([&](std::stop_token token) {
      StdStopAdapter stop(token);
      error = sleep(Duration::max()).stop(stop.token()).wait().error();
    });
  }
  CHECK(error == Error::cancelled);
}
