// SPDX-License-Identifier: BSL-1.0
// Echo with parley: the README's echo server without its timeout, which no rival has; a coroutine for each connection.

#include "support/counting_malloc.hpp"
#include "support/echo_scenario.hpp"
#include "support/parley_servers.hpp"

#include <parley/net/tcp_listener.hpp>

#include <utility>

namespace {

using namespace parley;

Task<> echo(Socket peer) {
  char buffer[bench::kEchoBufferBytes];
  while (auto n = co_await peer.recv(buffer)) {
    if (*n == 0) break;
    if (!co_await peer.send_all(first(buffer, *n))) break;
  }
}

Task<Result<>> echo_server(Socket listener) {
  Scope clients;
  Result<Socket> peer;
  while ((peer = co_await listener.accept())) clients.spawn(echo(std::move(*peer)));
  static_cast<void>(co_await clients.cancel_and_join());
  co_return peer.error();
}

int serve_on(PollerKind poller, int listen_fd) {
  auto listener = Socket::adopt(listen_fd);
  if (!listener) return 1;
  EventLoop loop({.poller = poller});
  return loop.run(echo_server(std::move(*listener))) ? 0 : 1;
}

const bench::ParleyServers<serve_on> registered;

}  // namespace

int main(int argc, char** argv) { return bench::echo_main(argc, argv); }
