// SPDX-License-Identifier: BSL-1.0
#pragma once
// A server in a process of its own: this program started again with "--serve=<name>", so that its memory begins empty,
// and measured from outside.

#include "support/counters.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct MemoryUse {
  std::int64_t pss_bytes;      ///< resident, pages shared with other processes counted in part
  std::int64_t rss_bytes;      ///< resident
  std::int64_t private_bytes;  ///< resident, written by this process alone (Private_Dirty)
};

struct CpuUse {
  double total_s;   ///< user and system, exact while the server sleeps
  double user_s;    ///< the kernel's estimate of the part spent outside the kernel, in clock ticks
  double system_s;  ///< the other part
};

/// Of any process of this user's.
MemoryUse memory_of(pid_t process);

class ServerProcess {
 public:
  /// Starts the server `name` on a listening socket of its own. `prefix` goes before its command, for example
  /// {"valgrind", "--tool=callgrind"}. Failures end this process with a message.
  explicit ServerProcess(const std::string& name, const std::vector<std::string>& prefix = {});
  /// Kills the process where it still runs.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& name() const { return name_; }

  /// The port of 127.0.0.1 where it listens.
  std::uint16_t port() const { return port_; }

  /// Waits until all its threads sleep (at most 2 s), because the kernel brings the CPU time of another process up to date
  /// when that leaves the processor. True where it does: whatever it was sent before is then done.
  bool settle() const;
  CpuUse cpu() const;
  MemoryUse memory() const;
  /// The most that was ever resident.
  std::int64_t peak_rss_bytes() const;
  std::size_t descriptors() const;
  /// Waits until the process holds `count` descriptors: until it has accepted what was connected. Ends this process
  /// where that takes more than 30 s.
  void wait_for_descriptors(std::size_t count) const;
  const Counters& counters() const { return *shared_.values; }

  /// Asks the process to end by SIGTERM, and waits at most `patience_s` seconds before it kills it.
  void terminate(int patience_s);

 private:
  std::string proc(const char* file) const;
  bool all_threads_sleep() const;

  std::string name_;
  SharedCounters shared_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

/// To be called first in main(): where the command line has "--serve=<name>", serves and ends the process.
void serve_if_asked(int argc, char** argv);

}  // namespace bench
