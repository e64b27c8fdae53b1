// SPDX-License-Identifier: BSL-1.0
#pragma once
// Connections that are accepted, greeted and closed by the server, as fast as that goes.
//
//   bench_accept                   rounds of all servers in turn, then tables of medians and ratios
//
// Own options: --connections=20000 (in a round, after a tenth of it to warm up) --in_flight=64 --rounds=9
// --servers=a,b,c (all) --samples=FILE. All others are Google Benchmark's.
//
// A server sends kGreeting to each connection that it accepts, and closes it. It reads nothing. The clients leave by a
// reset once the server has closed, so that no port waits in TIME_WAIT at either end.

#include <string_view>

namespace bench {

inline constexpr std::string_view kGreeting = "welcome to this place, and goodbye\n";

/// The whole of main() of the accept scenario. Servers register themselves (servers.hpp).
int accept_main(int argc, char** argv);

}  // namespace bench
