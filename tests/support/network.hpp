// SPDX-License-Identifier: BSL-1.0
#pragma once

// Networks of a test's own (Linux network namespaces), whose links can be cut without anybody being told.

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace support {

/// The interfaces and connections that a machine of its own would have. What is started inside belongs to it.
class Network {
 public:
  /// Throws std::system_error where this process may not make one.
  Network() {
    const int outside = current();
    const bool made = ::unshare(CLONE_NEWNET) == 0;
    if (made) inside_ = current();
    const int error = errno;
    if (made) enter(outside);
    ::close(outside);
    if (!made) throw std::system_error(error, std::system_category(), "unshare");
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network() { ::close(inside_); }

  /// While it lives, the calling thread, what it opens and the processes that it starts are inside.
  class Visit {
   public:
    explicit Visit(const Network& to) : outside_(current()) { enter(to.inside_); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
      enter(outside_);
      ::close(outside_);
    }

   private:
    const int outside_;
  };
  /// Calls the function inside.
  template <class Function>
  auto within(Function function) const {
    const Visit visit(*this);
    return function();
  }
  /// By which other processes can name it.
  std::string path() const { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(inside_); }

 private:
  // This thread's.
  static int current() {
    const int descriptor = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    check(descriptor, "/proc/thread-self/ns/net");
    return descriptor;
  }
  static void enter(int network) { check(::setns(network, CLONE_NEWNET), "setns"); }
  static void check(int result, const char* call) {
    if (result < 0) throw std::system_error(errno, std::system_category(), call);
  }

  int inside_ = -1;
};

}  // namespace support
