// SPDX-License-Identifier: BSL-1.0
// Connections that come and go with Asio's coroutines: one for each, that greets and ends.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_ASIO)

#include "rivals/asio/with_coroutines.hpp"
#include "support/accept_scenario.hpp"

#include <system_error>
#include <utility>

namespace {

using asio::ip::tcp;

asio::awaitable<void> greet(tcp::socket peer) {
  try {
    co_await asio::async_write(peer, asio::buffer(bench::kGreeting), asio::use_awaitable);
  } catch (const std::system_error&) {
    // the peer has left
  }
}

asio::awaitable<void> greet_all(int listen_fd) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor{executor, tcp::v4(), listen_fd};
  for (;;) {
    tcp::socket peer = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(executor, greet(std::move(peer)), asio::detached);
  }
}

int serve(int listen_fd) { return bench::serve_with_asio(greet_all(listen_fd)); }

const bench::Server registered{"asio", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"asio", "libasio-dev"};
}

#endif
