// SPDX-License-Identifier: BSL-1.0
// A coroutine of Asio's on each connection, waiting for a line in async_read_until with a string that grows, as its
// examples do.

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_ASIO)

#include "rivals/asio/with_coroutines.hpp"

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

namespace {

using asio::ip::tcp;
using AwaitedSocket = asio::use_awaitable_t<>::as_default_on_t<tcp::socket>;
using AwaitedAcceptor = asio::use_awaitable_t<>::as_default_on_t<tcp::acceptor>;

asio::awaitable<void> session(AwaitedSocket peer) {
  try {
    std::string pending;
    for (;;) {
      const std::size_t line =
          co_await asio::async_read_until(peer, asio::dynamic_buffer(pending, bench::kMaxLineBytes), '\n');
      co_await asio::async_write(peer, asio::buffer(pending.data(), line));
      pending.erase(0, line);
    }
  } catch (const std::system_error&) {
    // the peer has left
  }
}

asio::awaitable<void> accept_all(int listen_fd) {
  auto executor = co_await asio::this_coro::executor;
  AwaitedAcceptor acceptor{executor, tcp::v4(), listen_fd};
  for (;;) {
    AwaitedSocket peer = co_await acceptor.async_accept();
    asio::co_spawn(executor, session(std::move(peer)), asio::detached);
  }
}

int serve(int listen_fd) { return bench::serve_with_asio(accept_all(listen_fd)); }

const bench::Server registered{"asio_coroutine", serve};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"asio", "libasio-dev"};
}

#endif
