// SPDX-License-Identifier: BSL-1.0
// A room of many members: what a message to all of them costs, and when the last one has it. With parley: a ChatRoom
// with the options that it has by default, and a coroutine for each member.

#include "support/broadcast_scenario.hpp"
#include "support/broadcast_wire.hpp"
#include "support/parley_servers.hpp"

#include <parley/chat/chat_room.hpp>
#include <parley/core/scope.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/net/socket.hpp>

#include <utility>

namespace {

using namespace parley;

Task<> session(ChatRoom& room, Socket peer) {
  LineReader lines{peer, {.max_line = bench::kMaxTextBytes}};
  auto name = co_await lines.next();
  if (!name) co_return;
  auto member = room.join(peer, *name);
  if (!member) co_return;
  while (auto line = co_await lines.next())
    if (!co_await member->say(*line)) break;
}

Task<Result<>> chat_server(Socket listener) {
  RoomOptions options;
  options.max_message = bench::kMaxTextBytes;
  ChatRoom room(options);
  Scope sessions;
  Result<Socket> peer;
  while ((peer = co_await listener.accept())) sessions.spawn(session(room, std::move(*peer)));
  static_cast<void>(co_await sessions.cancel_and_join());
  co_return peer.error();
}

int serve_on(PollerKind poller, int listen_fd) {
  auto listener = Socket::adopt(listen_fd);
  if (!listener) return 1;
  EventLoop loop({.poller = poller});
  return loop.run(chat_server(std::move(*listener))) ? 0 : 1;
}

const bench::ParleyServers<serve_on> registered;

}  // namespace

int main(int argc, char** argv) { return bench::broadcast_main(argc, argv); }
