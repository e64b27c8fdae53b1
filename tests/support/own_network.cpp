// SPDX-License-Identifier: BSL-1.0
#include "support/own_network.hpp"

#include <string>
#include <system_error>

#include "support/process.hpp"

namespace support {
namespace {

// An address counts at once with nodad, later otherwise, when nobody has said that it is taken. What comes from an
// address of this machine by the cable is let in by accept_local; IPv6 always lets it in.
constexpr const char* set_up = R"(
ip link set lo up
ip -6 route add local ff00::/8 dev lo table local metric 2000
ip link add left type veth peer name right
for end in left right; do
  ip link set $end addrgenmode none
  echo 1 > /proc/sys/net/ipv4/conf/$end/accept_local
  ip link set $end up
done
ip address add 10.77.0.1/24 dev left
ip address add 10.78.0.2/24 dev right
ip address add fd77::1/64 dev left nodad
ip address add fd78::2/64 dev right nodad
ip address add fe80::1/64 dev left nodad
ip address add fe80::2/64 dev right nodad
)";

}  // namespace

OwnNetwork::OwnNetwork() {
  try {
    visit_.emplace(network_.emplace());
  } catch (const std::system_error& error) {
    why_not_ = std::string("this process may make no network of its own (") + error.what() + ")";
    return;
  }
  Process shell({"/bin/sh", "-ec", set_up});
  if (shell.wait() == Exit{0, 0}) return;
  why_not_ = "no network of its own can be set up: " + shell.errors();
  visit_.reset();
}

}  // namespace support
