// SPDX-License-Identifier: BSL-1.0
#pragma once
// Echo over many connections: what a round trip costs the server in processor time (user and system), in instructions
// and in heap allocations. Server and load are processes of their own, on a processor each.
//
//   bench_echo                      short rounds of all servers in turn, then a table of medians and ratios
//   bench_echo --instructions       the servers under valgrind, one after the other: instructions in user space
//
// Own options: --connections=1000 --in_flight=1000 --message_bytes=64 --rounds=100 --round_trips=5000 (of one round;
// with
// --instructions 20000) --rounds_per_process=10 --servers=a,b,c (all) --samples=FILE. All others are Google Benchmark's.

namespace bench {

/// The whole of main() of the echo scenario. Servers register themselves (servers.hpp).
int echo_main(int argc, char** argv);

}  // namespace bench
