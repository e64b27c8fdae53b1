// SPDX-License-Identifier: BSL-1.0
#include <parley/platform/poller.hpp>

#include "support/catch.hpp"

using namespace parley::platform;

TEST_CASE("readiness is assumed until a poller knows better") {
  Pollable pollable{NativeHandle(), true};
  for (const Direction direction : {Direction::read, Direction::write}) {
    CHECK(pollable.maybe_ready(direction));
    pollable.clear_ready(direction);
    CHECK(pollable.maybe_ready(direction));  // nobody would tell of an edge yet
    CHECK(pollable.waiting(direction) == nullptr);
  }
  pollable.registered = true;
  pollable.clear_ready(Direction::read);
  CHECK_FALSE(pollable.maybe_ready(Direction::read));
  CHECK(pollable.maybe_ready(Direction::write));
  pollable.set_ready(Direction::read);
  CHECK(pollable.maybe_ready(Direction::read));
  pollable.no_more_edges = true;
  pollable.clear_ready(Direction::read);
  CHECK(pollable.maybe_ready(Direction::read));
}

TEST_CASE("each direction has its own waiting request") {
  Pollable pollable{NativeHandle(), true};
  Request reader;
  Request writer;
  pollable.set_waiting(Direction::read, &reader);
  pollable.set_waiting(Direction::write, &writer);
  CHECK(pollable.waiting(Direction::read) == &reader);
  CHECK(pollable.waiting(Direction::write) == &writer);
}

TEST_CASE("what finished is counted, nobody is not") {
  Finished finished;
  Request request;
  finished.add(nullptr);
  CHECK(finished.count == 0);
  finished.add(&request);
  CHECK(finished.count == 1);
  CHECK(finished.requests[0] == &request);
}
