// SPDX-License-Identifier: BSL-1.0
// A test process is in a network of its own where it may make one (root may), so that the tests that run beside it are
// nowhere near: the port that one of them has just closed, to be refused there, is not the port that another has just
// been given to listen on.

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <system_error>

#include "support/network.hpp"

namespace support {
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

class NetworkOfTheProcess {
 public:
  NetworkOfTheProcess() {
    try {
      visit_.emplace(network_.emplace());
      if (!bring_up_loopback()) visit_.reset();
    } catch (const std::system_error&) {  // then it is in the one that all share
    }
  }

 private:
  std::optional<Network> network_;
  std::optional<Network::Visit> visit_;
};

[[maybe_unused]] const NetworkOfTheProcess network;  // before main(), so that all threads are in it

}  // namespace
}  // namespace support
