// SPDX-License-Identifier: BSL-1.0
// Idle connections with parley: a coroutine for each that waits for a line.

#include "support/counting_malloc.hpp"
#include "support/idle_scenario.hpp"
#include "support/servers.hpp"

#include <parley/io/line_reader.hpp>
#include <parley/net/socket.hpp>

#include <array>
#include <utility>

namespace {

using namespace parley;

Task<> session(Socket peer) {
  LineReader lines{peer, {.max_line = bench::kMaxLineBytes}};
  while (auto line = co_await lines.next()) {
    const std::array<ConstBytes, 2> answer{ConstBytes(*line), ConstBytes("\n")};
    if (!co_await peer.sendv(answer)) break;
  }
}

Task<Result<>> line_server(Socket listener) {
  Scope clients;
  Result<Socket> peer;
  while ((peer = co_await listener.accept())) clients.spawn(session(std::move(*peer)));
  static_cast<void>(co_await clients.cancel_and_join());
  co_return peer.error();
}

int serve(int listen_fd) {
  auto listener = Socket::adopt(listen_fd);
  if (!listener) return 1;
  EventLoop loop;
  return loop.run(line_server(std::move(*listener))) ? 0 : 1;
}

const bench::Server registered{"parley", serve};

}  // namespace

int main(int argc, char** argv) { return bench::idle_memory_main(argc, argv, "asio_coroutine"); }
