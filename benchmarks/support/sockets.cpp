// SPDX-License-Identifier: BSL-1.0
#include "support/sockets.hpp"

#include "support/die.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace bench {
namespace {

constexpr int kBacklog = 4096;

void set_option(int socket, int level, int option) {
  const int on = 1;
  must(::setsockopt(socket, level, option, &on, sizeof on), "cannot set a socket option");
}

}  // namespace

int listen_anywhere(std::uint16_t& port) {
  const int listener = must(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "cannot open a socket");
  set_option(listener, IPPROTO_TCP, TCP_NODELAY);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  must(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), "cannot bind to 127.0.0.1");
  must(::listen(listener, kBacklog), "cannot listen");
  must(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), "cannot read the port");
  port = ntohs(address.sin_port);
  return listener;
}

void raise_descriptor_limit(std::uint64_t needed) {
  rlimit limit{};
  must(::getrlimit(RLIMIT_NOFILE, &limit), "cannot read the limit of descriptors");
  if (limit.rlim_max < needed) die("more descriptors are needed than `ulimit -Hn` allows");
  limit.rlim_cur = limit.rlim_max;
  must(::setrlimit(RLIMIT_NOFILE, &limit), "cannot raise the limit of descriptors");
}

int connect_to(std::uint16_t port) {
  const int peer = must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "cannot open a socket");
  set_option(peer, IPPROTO_TCP, TCP_NODELAY);
  const linger reset{1, 0};
  must(::setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "cannot set SO_LINGER");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  must(::connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address), "cannot connect to the server");
  return peer;
}

}  // namespace bench
