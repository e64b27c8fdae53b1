// SPDX-License-Identifier: BSL-1.0
// Connections that come and go with parley: a coroutine for each that greets and ends.

#include "support/accept_scenario.hpp"
#include "support/parley_servers.hpp"

#include <parley/core/scope.hpp>
#include <parley/net/socket.hpp>

#include <utility>

namespace {

using namespace parley;

Task<> greet(Socket peer) { static_cast<void>(co_await peer.send_all(bench::kGreeting)); }

Task<Result<>> greet_all(Socket listener) {
  Scope clients;
  Result<Socket> peer;
  while ((peer = co_await listener.accept())) clients.spawn(greet(std::move(*peer)));
  static_cast<void>(co_await clients.cancel_and_join());
  co_return peer.error();
}

int serve_on(PollerKind poller, int listen_fd) {
  auto listener = Socket::adopt(listen_fd);
  if (!listener) return 1;
  EventLoop loop({.poller = poller});
  return loop.run(greet_all(std::move(*listener))) ? 0 : 1;
}

const bench::ParleyServers<serve_on> registered;

}  // namespace

int main(int argc, char** argv) { return bench::accept_main(argc, argv); }
