// SPDX-License-Identifier: BSL-1.0
// The smallest echo server that ends well at Ctrl-C, with parley: how large a program gets. Not run, only measured.

#include <parley/core/run.hpp>
#include <parley/core/scope.hpp>
#include <parley/net/tcp_listener.hpp>

#include <utility>

namespace {

using namespace parley;

Task<> echo(Socket peer) {
  char buffer[4096];
  while (auto n = co_await peer.recv(buffer)) {
    if (*n == 0) break;
    if (!co_await peer.send_all(first(buffer, *n))) break;
  }
}

Task<Result<>> echo_server(TcpListener listener) {
  Scope clients;
  Result<Socket> peer;
  while ((peer = co_await listener.accept())) clients.spawn(echo(std::move(*peer)));
  static_cast<void>(co_await clients.cancel_and_join());
  co_return peer.error() == Error::cancelled ? Result<>{} : peer.error();
}

}  // namespace

int main() {
  return run([] { return echo_server(TcpListener::bind("127.0.0.1", 7000).value()); });
}
