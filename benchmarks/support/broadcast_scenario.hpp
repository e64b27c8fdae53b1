// SPDX-License-Identifier: BSL-1.0
#pragma once
// A chat room: what one message to many members costs the server, and how long it takes to reach them. Server and load
// are processes of their own, on a processor each. The wire is in broadcast_wire.hpp; `broadcast_latency --help` tells
// the options.
//
// Quiet is one talker with one message in flight, busy is many of both. Every round starts each server anew, so that
// none meets a heap that another round has left.
//
// A rival is a server (servers.hpp) for that wire. It announces nothing to anybody, sends nothing to the one who
// talks, and holds back at most kMaxUnsentBytes for a member.

namespace bench {

/// The whole of main() of the broadcast scenario. Servers register themselves (servers.hpp).
int broadcast_main(int argc, char** argv);

}  // namespace bench
