// SPDX-License-Identifier: BSL-1.0
// A server that sends back what it receives, with a coroutine for each client, all on one thread.
//
//   echo_server              listens on 127.0.0.1:7000; Ctrl-C ends it
//   nc 127.0.0.1 7000        in other terminals
//
// A coroutine reads like the thread it replaces: `co_await` in place of `.wait()`. Where a thread would block, it is
// suspended, costs some hundred bytes, and the event loop goes on with another one.

#include <parley/core/run.hpp>
#include <parley/net/tcp_listener.hpp>

#include <chrono>
#include <string>
#include <utility>

#include "arguments.hpp"
#include "listening.hpp"
#include "output.hpp"

using namespace parley;
using namespace std::chrono_literals;

namespace {

Task<> echo(Socket peer) {  // the coroutine owns the socket: it closes when the coroutine ends, however it ends
  char buffer[4096];
  while (const auto size = co_await peer.recv(buffer).within(10min)) {
    if (*size == 0) break;  // the end of the stream
    // While the client does not take its echo, nothing more is read from it: it can fill no memory but its own.
    if (!co_await peer.send_all(first(buffer, *size)).within(1min)) break;
  }
}

Task<int> serve(const std::string& host, std::uint16_t port) {
  auto listener = TcpListener::bind(host, port);
  if (!listener) co_return common::give_up("cannot listen on " + common::endpoint(host, port), listener.error());
  const auto here = listener->local_address().value();
  common::announce(here, {common::nc_command(here)});

  Scope clients;  // owns the coroutines that it starts: none is forgotten
  Result<Socket> peer;
  while ((peer = co_await listener->accept())) clients.spawn(echo(std::move(*peer)));
  (void)co_await clients.cancel_and_join();
  co_return common::give_up("cannot accept connections on " + here.to_string(), peer.error());
}

}  // namespace

int main(int argc, char** argv) {
  std::string host = "127.0.0.1";
  std::uint16_t port = 7000;
  common::Arguments arguments("echo_server", "Sends back what it receives; talk to it with nc.");
  arguments.option("--host", "HOST", host, "where to listen");
  arguments.option("--port", "PORT", port, "0 takes a free one");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return run(serve(host, port));
}
