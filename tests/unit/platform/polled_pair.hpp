// SPDX-License-Identifier: BSL-1.0
#pragma once

// A poller that polls one end of a pair of sockets.

#include <parley/platform/poller.hpp>
#include <parley/platform/system.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <utility>

template <class PollerType>
struct PolledPair {
  PolledPair() {
    using namespace parley::platform;
    usable = poller.open() == 0;
    NativeHandle ends[2];
    REQUIRE(open_pair(family_unix, type_stream, ends) == 0);
    pollable.handle = std::move(ends[0]);
    peer = std::move(ends[1]);
    reader.pollable = writer.pollable = &pollable;
  }
  ~PolledPair() { poller.forget(pollable); }

  std::size_t wait(parley::Duration timeout = parley::Duration::zero()) {
    finished.count = 0;
    CHECK(poller.wait(timeout, finished) == 0);
    return finished.count;
  }
  void write() { REQUIRE(parley::platform::send(peer.get(), "x", 1).count == 1); }

  bool usable = false;  // false: the system does not have such a poller
  PollerType poller;
  parley::platform::Pollable pollable{parley::platform::NativeHandle(), true};
  parley::platform::NativeHandle peer;
  parley::platform::Request reader;
  parley::platform::Request writer;
  parley::platform::Finished finished;
};
