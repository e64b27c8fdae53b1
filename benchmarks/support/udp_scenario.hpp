// SPDX-License-Identifier: BSL-1.0
#pragma once
// Datagrams over loopback, as many as go through: what arrives in a second, and what a datagram costs the receiver and
// the sender in processor time (user and system). Sender and receiver are processes of their own, on a core each. UDP
// does not slow a sender down: what the receiver cannot take is lost, and only what arrives counts.
//
//   bench_udp                       short rounds of all rivals in turn, then tables of medians and ratios
//
// Own options: --bytes=1200 --rounds=15 --milliseconds=300 (of one round, after a third of it to warm up)
// --receive_buffer=4194304 (limited by net.core.rmem_max) --rivals=a,b,c (all) --samples=FILE. All others are Google Benchmark's.

namespace bench {

/// The whole of main() of the UDP scenario. Rivals register themselves (udp_wire.hpp).
int udp_main(int argc, char** argv);

}  // namespace bench
