// SPDX-License-Identifier: BSL-1.0
#pragma once

// Makes system calls fail or fall short on demand. The linker's --wrap (tests/CMakeLists.txt) leads every call that the
// test binary itself makes to one of the functions in call_names() through here; calls made inside of shared libraries
// are not seen.
//
//   for (std::size_t n = 1;; ++n) {           // fail the first call, the second, ... until none is left to fail
//     Faults faults;
//     faults.fail_nth(n, ECONNRESET);
//     scenario();
//     if (!faults.fired()) break;
//   }

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

namespace support {

/// Counts, and on demand spoils, the system calls of the thread that made it (or of all threads) for as long as it
/// lives. There is one at a time in a process. All members may be called from any thread.
class Faults {
 public:
  enum class Threads { this_one, all };

  explicit Faults(Threads threads = Threads::this_one);
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  /// The nth call from now on (the first is 1), whichever it is, does nothing and fails with `error`. getaddrinfo
  /// then returns EAI_SYSTEM.
  void fail_nth(std::size_t nth, int error);
  /// The same for the nth call to one function, such as "recv". Throws std::invalid_argument for a name not wrapped.
  void fail_call(std::string_view name, std::size_t nth, int error);
  /// From now on every call to this function fails.
  void fail_always(std::string_view name, int error);
  /// Before the nth call to this function, what `happens` does: what else is done to a descriptor just then.
  void before_call(std::string_view name, std::size_t nth, std::function<void()> happens);
  /// read, write, pread, preadv2, pwrite, sendfile, splice, recv, recvfrom, recvmsg, send, sendto and sendmsg move at most
  /// `bytes` (at least 1) a call. For streams and files: a datagram would be cut.
  void short_transfers(std::size_t bytes = 1);
  /// sendmmsg and recvmmsg move at most so many messages (at least 1) a call.
  void few_messages(unsigned messages = 1);
  /// Spoils nothing any more; goes on counting.
  void disarm();

  /// Calls seen since the construction.
  std::size_t count() const;
  std::size_t count(std::string_view name) const;
  /// True when a call was made to fail.
  bool fired() const;

  static std::span<const std::string_view> call_names();

 private:
  bool all_threads_;
};

/// Makes one more thread's calls count, for the scope's duration: start the thread's function with it.
class FaultyThread {
 public:
  FaultyThread();
  ~FaultyThread();
  FaultyThread(const FaultyThread&) = delete;
  FaultyThread& operator=(const FaultyThread&) = delete;
};

}  // namespace support
