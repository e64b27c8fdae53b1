// SPDX-License-Identifier: BSL-1.0
// A test process is in a network of its own where it may make one (root may), so that the tests that run beside it are
// nowhere near: the port that one of them has just closed, to be refused there, is not the port that another has just
// been given to listen on.

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace {

bool bring_up_loopback() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  bool is_up = ::ioctl(socket, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags |= IFF_UP;
  is_up = is_up && ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
  ::close(socket);
  return is_up;
}

bool be_alone() {
  const int shared = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const bool has_loopback = ::unshare(CLONE_NEWNET) == 0 && bring_up_loopback();
  if (!has_loopback && shared >= 0) static_cast<void>(::setns(shared, CLONE_NEWNET));
  if (shared >= 0) ::close(shared);
  return has_loopback;
}

[[maybe_unused]] const bool is_alone = be_alone();  // before main(), so that all threads are

}  // namespace
