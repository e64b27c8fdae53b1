// SPDX-License-Identifier: BSL-1.0
// A file over TCP with parley: send_file() and recv_file() on an event loop at each end, with and without a hash.

#include "support/file_scenario.hpp"

#include <parley/core/event_loop.hpp>
#include <parley/core/scope.hpp>
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

Task<> echo(Socket peer) {
  char buffer[64];
  while (auto n = co_await peer.recv(buffer)) {
    if (*n == 0) break;
    if (!co_await peer.send_all(first(buffer, *n))) break;
  }
}

template <bool Hashes>
int send(int socket, const char* path) {
  return EventLoop().run(send_all_of(Socket::adopt(socket).value(), File::open(path).value(), Hashes)) ? 0 : 1;
}

template <bool Hashes>
int receive(int socket, const char* path) {
  return EventLoop().run(receive_all_of(Socket::adopt(socket).value(), File::create(path).value(), Hashes)) ? 0 : 1;
}

Task<Result<>> receive_and_echo(Socket from, File file, Socket beside) {
  Scope scope;
  scope.spawn(echo(std::move(beside)));
  const auto received = co_await receive_all_of(std::move(from), std::move(file), true);
  (void)co_await scope.cancel_and_join();
  co_return received;
}

int receive_beside(int socket, const char* path, int echo_socket) {
  auto task =
      receive_and_echo(Socket::adopt(socket).value(), File::create(path).value(), Socket::adopt(echo_socket).value());
  return EventLoop().run(std::move(task)) ? 0 : 1;
}

const bench::FileRival plain{"parley", send<false>, receive<false>};
const bench::FileRival hashing{"parley_hash", send<true>, receive<true>};

}  // namespace

int main(int argc, char** argv) { return bench::file_main(argc, argv, receive_beside); }
