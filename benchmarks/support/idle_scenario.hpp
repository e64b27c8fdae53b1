// SPDX-License-Identifier: BSL-1.0
#pragma once
// What an idle connection costs the server's process in memory, one reader waiting for a line on each: the difference
// of two readings with --connections in between, taken from outside. Kernel memory (sockets, epoll) is not in it.
//
//   bench_idle_memory               rounds of all servers in turn, then tables in bytes for each connection
//
// Two states: "fresh", accepted and never heard of, and "used", after a line was received and answered on each.
// Figures: pss (resident, shared pages in part), rss (resident), dirty (resident and written by this process alone)
// from /proc/<pid>/smaps_rollup, and heap (bytes in use with malloc's own headers, counting_malloc.hpp).
//
// Own options: --connections=8000 --rounds=5 --servers=a,b,c (all) --samples=FILE. All others are Google Benchmark's.
// The servers take lines that end in LF, at most kMaxLineBytes long, and answer each with the same line.

namespace bench {

/// The whole of main() of the idle-memory scenario. Servers register themselves (servers.hpp). Ratios are to
/// `reference`.
int idle_memory_main(int argc, char** argv, const char* reference);

}  // namespace bench
