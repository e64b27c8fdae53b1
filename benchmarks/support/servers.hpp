// SPDX-License-Identifier: BSL-1.0
#pragma once
// The servers that one scenario compares. Each rival registers itself at start-up, from a namespace-scope constant:
//
//   int serve(int listen_fd);
//   const bench::Server registered{"asio_coroutine", serve};
//
// A server runs in a process of its own, on one thread, pinned to one core. It is given a socket that listens already
// (non-blocking, and TCP_NODELAY set, which accepted sockets inherit) and owns it. It serves until the process is
// killed; it needs to know nothing of the measuring, which is done from outside (CPU clock, /proc and the counters of
// counting_malloc.hpp). It returns, with an exit status, only when it cannot go on.

#include <string>
#include <vector>

namespace bench {

struct Server {
  using Serve = int (*)(int listen_fd);

  Server(const char* server_name, Serve serve_function);

  const char* name;
  Serve serve;
};

/// Makes the run say that a rival is missing and why, instead of leaving it out in silence.
void leave_out(const char* name, const std::string& why);

inline constexpr char kNoIoUring[] = "this machine does not allow io_uring";

/// For a rival that could not be built.
struct AbsentRival {
  AbsentRival(const char* name, const char* package);
};

/// The registered servers, sorted by name: those that `names` lists, separated by commas, or all where it is empty. A
/// name that nobody has ends the process with status 2.
std::vector<Server> servers(const std::string& names = "");

/// Says on standard error which rivals are missing, and why.
void tell_absent_rivals();

/// Bytes of the buffer that each echo server reads into.
inline constexpr unsigned kEchoBufferBytes = 4096;

/// The longest line that a server of the idle-memory scenario has to take.
inline constexpr unsigned kMaxLineBytes = 4096;

}  // namespace bench
