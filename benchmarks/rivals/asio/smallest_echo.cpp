// SPDX-License-Identifier: BSL-1.0
// The smallest echo server that ends well at Ctrl-C, with Asio's coroutines, as in its own examples.

#include "rivals/asio/with_coroutines.hpp"

#include <cstddef>
#include <system_error>
#include <utility>

namespace {

using asio::ip::tcp;

asio::awaitable<void> echo(tcp::socket peer) {
  try {
    char buffer[4096];
    for (;;) {
      const std::size_t got = co_await peer.async_read_some(asio::buffer(buffer), asio::use_awaitable);
      co_await asio::async_write(peer, asio::buffer(buffer, got), asio::use_awaitable);
    }
  } catch (const std::system_error&) {
    // the peer has left
  }
}

asio::awaitable<void> echo_server() {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor{executor, {asio::ip::make_address("127.0.0.1"), 7000}};
  for (;;) {
    tcp::socket peer = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(executor, echo(std::move(peer)), asio::detached);
  }
}

}  // namespace

int main() {
  asio::io_context context{1};
  asio::signal_set signals{context, SIGINT, SIGTERM};
  signals.async_wait([&](const asio::error_code&, int) { context.stop(); });
  asio::co_spawn(context, echo_server(), asio::detached);
  context.run();
}
