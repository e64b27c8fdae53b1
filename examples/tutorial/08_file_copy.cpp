// SPDX-License-Identifier: BSL-1.0
// A file over TCP: it appears at the other end whole and with the right hash, or not at all.
//
//   file_copy receive copy.txt        listens on 127.0.0.1:8080 and takes one file
//   file_copy send notes.txt          in a second terminal

#include <parley/core/run.hpp>
#include <parley/io/file_work.hpp>
#include <parley/io/recv_file.hpp>
#include <parley/io/send_file.hpp>
#include <parley/net/connect.hpp>
#include <parley/net/tcp_listener.hpp>

#include "arguments.hpp"
#include "listening.hpp"

using namespace parley;

Task<Result<>> send_copy(std::string path, std::string host, std::uint16_t port) {
  const auto file = File::open(path);
  if (!file) co_return file.error();
  const auto hash = co_await hash_file(*file);  // reads the whole file, on another thread
  auto peer = co_await Socket::connect(host, port).within(std::chrono::seconds(10));
  if (!hash || !peer) co_return hash ? peer.error() : hash.error();
  if (const auto sent = co_await peer->send_all(xxh64_text(hash->digest())); !sent) co_return sent.error();
  co_return (co_await send_file(*peer, *file)).error();
}

Task<Result<>> receive_copy(std::string name, std::string host, std::uint16_t port) {
  auto listener = TcpListener::bind(host, port);
  if (!listener) co_return listener.error();
  const auto here = listener->local_address().value();
  common::announce(here, {"file_copy send " + common::client_options(here) + " FILE"});
  auto peer = co_await listener->accept();
  auto file = NewFile::make(Folder::open(".").value(), name);  // it has no name yet: nothing is left of half a file
  if (!peer || !file) co_return peer ? file.error() : peer.error();
  std::string digest(16, ' ');
  if (const auto head = co_await peer->recv_exactly(digest); !head) co_return head.error();
  Xxh64 hash;
  const FileTransferOptions options{.inspect = hash};
  const auto moved = co_await recv_file(*peer, file->file(), {}, options);
  if (!moved || xxh64_text(hash.digest()) != digest) co_return moved ? Error::truncated : moved.error();
  co_return co_await publish_file(*file);  // onto the disk, and only then under its name; it replaces no other file
}

int main(int argc, char** argv) {
  std::string file, host = "127.0.0.1";
  std::uint16_t port = 8080;
  common::Arguments arguments("file_copy", "Copies a file over TCP.");
  arguments.add_command("send", "sends FILE");
  arguments.add_command("receive", "takes one file and names it FILE");
  arguments.positional("FILE", file, "a file's name");
  arguments.option("--host", "HOST", host, "where to listen or connect");
  arguments.option("--port", "PORT", port, "0 has the receiver take a free one");
  if (const auto status = arguments.parse(argc, argv)) return *status;
  return run([&]() -> Task<int> {
    const auto copied = co_await (arguments.command() == "send" ? send_copy : receive_copy)(file, host, port);
    co_return copied ? 0 : common::give_up("cannot " + arguments.command() + " " + file, copied.error());
  });
}
