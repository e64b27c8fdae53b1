// SPDX-License-Identifier: BSL-1.0
// Echo with Asio, twice: with coroutines as its own examples and most of its users write it (async_read_some,
// async_write), and with callbacks as fast as Asio gets (no locks, async_write_some and the rest only where it came up
// short).

#include "support/servers.hpp"

#if defined(PARLEY_BENCH_HAS_ASIO)

#include "rivals/asio/with_coroutines.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>

namespace {

using asio::ip::tcp;

// ---- coroutines

using AwaitedSocket = asio::use_awaitable_t<>::as_default_on_t<tcp::socket>;
using AwaitedAcceptor = asio::use_awaitable_t<>::as_default_on_t<tcp::acceptor>;

asio::awaitable<void> echo(AwaitedSocket peer) {
  try {
    char buffer[bench::kEchoBufferBytes];
    for (;;) {
      const std::size_t got = co_await peer.async_read_some(asio::buffer(buffer));
      co_await asio::async_write(peer, asio::buffer(buffer, got));
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
    asio::co_spawn(executor, echo(std::move(peer)), asio::detached);
  }
}

int serve_coroutines(int listen_fd) { return bench::serve_with_asio(accept_all(listen_fd)); }

// ---- callbacks

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket peer) : peer_{std::move(peer)} {}

  void read() {
    peer_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](const asio::error_code& error, std::size_t got) mutable {
                            Session* session = self.get();
                            if (!error) session->write(std::move(self), 0, got);
                          });
  }

 private:
  void write(std::shared_ptr<Session> self, std::size_t from, std::size_t bytes) {
    peer_.async_write_some(
        asio::buffer(buffer_.data() + from, bytes),
        [self = std::move(self), from, bytes](const asio::error_code& error, std::size_t sent) mutable {
          Session* session = self.get();
          if (error) return;
          if (sent < bytes) return session->write(std::move(self), from + sent, bytes - sent);
          session->read();
        });
  }

  tcp::socket peer_;
  std::array<char, bench::kEchoBufferBytes> buffer_;
};

void accept_next(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](const asio::error_code& error, tcp::socket peer) {
    if (!error) std::make_shared<Session>(std::move(peer))->read();
    accept_next(acceptor);
  });
}

int serve_callbacks(int listen_fd) {
  asio::io_context context{ASIO_CONCURRENCY_HINT_UNSAFE};
  tcp::acceptor acceptor{context, tcp::v4(), listen_fd};
  accept_next(acceptor);
  context.run();
  return 1;
}

const bench::Server coroutines{"asio_coroutine", serve_coroutines};
const bench::Server callbacks{"asio_callback", serve_callbacks};

}  // namespace

#else

namespace {
const bench::AbsentRival absent{"asio", "libasio-dev"};
}

#endif
