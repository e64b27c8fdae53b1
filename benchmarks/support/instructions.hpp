// SPDX-License-Identifier: BSL-1.0
#pragma once
// Counts a server's instructions in user space under valgrind's callgrind, where time is too noisy to compare.

#include "support/echo_load.hpp"

#include <cstdint>
#include <string>

namespace bench {

/// Whether valgrind can be run.
bool has_valgrind();

/// Instructions for each round trip of the server `name`: the difference of two runs, the second with `round_trips`
/// more than the first, so that neither start-up nor accepting counts. Failures end this process with a message.
double instructions_per_round_trip(const std::string& name, EchoLoad::Options options, std::uint64_t round_trips);

}  // namespace bench
