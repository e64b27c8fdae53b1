// SPDX-License-Identifier: BSL-1.0
// A file over TCP with parley: send_file() and recv_file() on an event loop at each end, with and without a hash.

#include "support/file_scenario.hpp"

#include <parley/chat/chat_room.hpp>
#include <parley/core/event_loop.hpp>
#include <parley/core/scope.hpp>
#include <parley/io/line_reader.hpp>
#include <parley/io/recv_file.hpp>
#include <parley/io/send_file.hpp>
#include <parley/io/xxh64.hpp>

#include <utility>

namespace {

using namespace parley;

Task<Result<>> send_all_of(Socket to, File file, bool hashes) {
  Xxh64 hash;
  FileTransferOptions options;
  if (hashes) options.inspect = hash;
  const auto sent = co_await send_file(to, file, {}, options);
  co_return sent.error();
}

Task<Result<>> receive_all_of(Socket from, File file, bool hashes) {
  Xxh64 hash;
  FileTransferOptions options;
  if (hashes) options.inspect = hash;
  const auto received = co_await recv_file(from, file, {}, options);
  co_return received.error();
}

Task<> session(ChatRoom& room, Socket peer) {
  LineReader lines{peer};
  const auto name = co_await lines.next();
  if (!name) co_return;
  auto member = room.join(peer, *name);
  if (!member) co_return;
  while (const auto line = co_await lines.next())
    if (!co_await member->say(*line)) break;
}

template <bool Hashes>
int send(int socket, const char* path) {
  return EventLoop().run(send_all_of(Socket::adopt(socket).value(), File::open(path).value(), Hashes)) ? 0 : 1;
}

template <bool Hashes>
int receive(int socket, const char* path) {
  return EventLoop().run(receive_all_of(Socket::adopt(socket).value(), File::create(path).value(), Hashes)) ? 0 : 1;
}

Task<Result<>> receive_and_chat(Socket from, File file, Socket one, Socket other) {
  ChatRoom room;
  Scope sessions;
  sessions.spawn(session(room, std::move(one)));
  sessions.spawn(session(room, std::move(other)));
  const auto received = co_await receive_all_of(std::move(from), std::move(file), true);
  (void)co_await sessions.cancel_and_join();
  co_return received;
}

int receive_beside(int socket, const char* path, int one, int other) {
  auto task = receive_and_chat(Socket::adopt(socket).value(), File::create(path).value(), Socket::adopt(one).value(),
                               Socket::adopt(other).value());
  return EventLoop().run(std::move(task)) ? 0 : 1;
}

const bench::FileRival plain{"parley", send<false>, receive<false>};
const bench::FileRival hashing{"parley_hash", send<true>, receive<true>};

}  // namespace

int main(int argc, char** argv) { return bench::file_main(argc, argv, receive_beside); }
